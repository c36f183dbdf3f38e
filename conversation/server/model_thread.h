/* SPDX-License-Identifier: MIT */
/*
 * model_thread - the thread that owns the model: events of the workers in, effects out to them.
 *
 * Model    takes what is in its mailbox, applies it, and puts what came of it into one batch for
 *          each worker. A worker that has more than APO_BATCH_IN_FLIGHT_BYTES of effects before it
 *          is waited for; it never waits for us, so that ends.
 * Threads  apo_model_thread_run is the thread; init and fini are the main thread's.
 */
#ifndef APO_SERVER_MODEL_THREAD_H
#define APO_SERVER_MODEL_THREAD_H

#include <pthread.h>

#include "conversation/server/worker.h"

struct apo_auth_thread;
struct apo_history_thread;

struct apo_model_thread {
	pthread_t thread;
	struct apo_mailbox box;
	struct apo_mailbox *acceptor; /* for requests */
	struct apo_auth_thread *auth_thread;
	struct apo_history_thread *history_thread; /* NULL: there is no history */
	struct apo_model_calls calls;
	struct apo_model *model;
	struct apo_config *config;
	struct apo_batcher *to_workers; /* one for each */
	struct apo_effect_deliver *
		*last; /* of each worker: the delivery added last, if nothing was after it */
	unsigned worker_count;
	int64_t now_at_ns;
	bool is_over;
	bool is_settling;      /* it ends when nothing is under way any more */
	bool is_alone;	       /* no worker takes anything: it is not waited for */
	atomic_bool is_abandoned;
	atomic_bool has_ended; /* the thread has, or is about to; the acceptor's mailbox is woken */
	/* Of the model, for whoever reads them meanwhile. */
	struct {
#define APO_MODEL_THREAD_FIGURE(name, help) _Atomic uint64_t name;
		APO_MODEL_FIGURES(APO_MODEL_THREAD_FIGURE)
#undef APO_MODEL_THREAD_FIGURE
	} figures;
};

/* Its thread is not started; workers need only have been initialized. Returns 0 or -ENOMEM. The
 * mailbox must have been initialized before (workers put into it). */
int apo_model_thread_init(struct apo_model_thread *model_thread, struct apo_worker *workers,
			  unsigned worker_count, struct apo_mailbox *acceptor,
			  struct apo_auth_thread *auth_thread,
			  struct apo_history_thread *history_thread, struct apo_config *config);
/* After its thread has ended, and those of the workers: what nobody takes any more. */
void apo_model_thread_drop_mail(struct apo_model_thread *model_thread);
/* After that, and apo_worker_fini of all. The mailbox stays. */
void apo_model_thread_fini(struct apo_model_thread *model_thread);

/* Ends on STOP, and after SETTLE as soon as no answer is waited for. It may be run again. */
void *apo_model_thread_run(void *model_thread);

/* Makes apo_model_thread_run end as soon as it can, even if no worker takes mail any more. Unread mail
 * is dropped. Threads: any. */
void apo_model_thread_abandon(struct apo_model_thread *model_thread);

/* Takes what is in the mailbox, and does not wait: for the main thread, while the model's own has ended.
 * Returns whether there was anything. */
bool apo_model_thread_absorb(struct apo_model_thread *model_thread);

#endif
