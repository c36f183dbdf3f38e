/* SPDX-License-Identifier: MIT */
/*
 * model_thread - the thread that owns the model: it receives events from the workers and sends
 * effects to them.
 *
 * Model    It takes the mail of its mailbox, applies it to the model, and puts the resulting
 *          effects into one batch for each worker. If a worker has APO_BATCH_IN_FLIGHT_BYTES of
 *          unread effects, the thread waits for it. Workers never wait for this thread, so there is
 *          no deadlock.
 * Threads  apo_model_thread_run is the thread; init and fini: the main thread.
 */
#ifndef APO_SERVER_MODEL_THREAD_H
#define APO_SERVER_MODEL_THREAD_H

#include <pthread.h>

#include "conversation/server/worker.h"

struct apo_auth_thread;
struct apo_history_thread;
struct apo_registry_thread;
struct apo_cluster;

struct apo_model_thread {
	pthread_t thread;
	struct apo_mailbox box;
	struct apo_mailbox *acceptor; /* for operators' requests */
	struct apo_auth_thread *auth_thread;
	struct apo_history_thread *history_thread; /* NULL: there is no history */
	/* Set before apo_model_thread_init; NULL: channels cannot be registered. */
	struct apo_registry_thread *registry_thread;
	struct apo_cluster *cluster; /* the same; NULL: this node is alone */
	struct apo_model_calls calls;
	struct apo_model *model;
	struct apo_config *config;
	struct apo_batcher *to_workers; /* one for each worker */
	/* For each worker: its newest effect, if that is a delivery; else NULL. */
	struct apo_effect_deliver **last;
	unsigned worker_count;
	int64_t now_at_ns;
	bool is_over;
	bool is_settling;   /* it ends as soon as the model waits for nothing */
	bool is_unattended; /* no worker runs, so none is waited for */
	atomic_bool is_abandoned;
	/* The thread has ended or is about to; it wakes the acceptor's mailbox. */
	atomic_bool has_ended;
	/* The model's figures, for other threads. */
	struct {
#define APO_MODEL_THREAD_FIGURE(name, help) _Atomic uint64_t name;
		APO_MODEL_FIGURES(APO_MODEL_THREAD_FIGURE)
#undef APO_MODEL_THREAD_FIGURE
	} figures;
};

/* model_thread_store.c: adds the calls for which there are threads. */
void apo_model_thread_add_store_calls(struct apo_model_thread *model_thread);

/* Does not start the thread. The workers must be initialized but need not run. The mailbox must be
 * initialized before (workers put into it). Returns 0 or -ENOMEM. */
int apo_model_thread_init(struct apo_model_thread *model_thread, struct apo_worker *workers,
			  unsigned worker_count, struct apo_mailbox *acceptor,
			  struct apo_auth_thread *auth_thread,
			  struct apo_history_thread *history_thread, struct apo_config *config);
/* Drops the mail that no thread will take. This thread and the workers must have ended. */
void apo_model_thread_drop_mail(struct apo_model_thread *model_thread);
/* Call it after that, and after apo_worker_fini of all workers. The mailbox stays. */
void apo_model_thread_fini(struct apo_model_thread *model_thread);

/* Ends on STOP, or after SETTLE as soon as the model waits for no answer. It may be run again. */
void *apo_model_thread_run(void *model_thread);

/* Makes apo_model_thread_run end as soon as it can, even if no worker takes mail any more. Unread
 * mail is dropped. Threads: any. */
void apo_model_thread_abandon(struct apo_model_thread *model_thread);

/* Takes the mail in the mailbox without waiting, for the main thread while the model's thread has
 * ended. Returns whether there was mail. */
bool apo_model_thread_absorb(struct apo_model_thread *model_thread);

#endif
