/* SPDX-License-Identifier: MIT */
/*
 * registry_thread - the thread that writes registered channels to the disk, so that the chat does
 * not wait for it.
 *
 * Model    It takes records from the model and writes what has arrived in one transaction.
 * Limits   APO_BATCH_IN_FLIGHT_BYTES of waiting records. At more, changes are not kept, which is
 *          counted and logged: they last until the server ends.
 * Errors   What cannot be written is tried again every APO_REGISTRY_RETRY_S seconds.
 * Pause    The thread may stop and start again without loss, for a hand-over.
 * Threads  keep, flush: the model's thread. The others: the main thread. Counters: any.
 */
#ifndef APO_SERVER_REGISTRY_THREAD_H
#define APO_SERVER_REGISTRY_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation/irc/registry_record.h"
#include "conversation/server/batch.h"
#include "conversation/store/registry_db.h"

#define APO_REGISTRY_RETRY_S 1

struct apo_registry_thread {
	pthread_t thread;
	struct apo_mailbox box;
	struct apo_mail stop;             /* the last mail: ends the thread */
	struct apo_registry_db *registry; /* used only by the thread while it runs */
	char *file;                       /* its name; never changes */
	struct apo_batcher
		batcher;   /* used only by the model's thread, flushed at the end of its turns */
	bool is_dropping;  /* owned by the model's thread: dropping was logged */
	bool is_replacing; /* owned by the model's thread: between ALL_BEGIN and _END */
	bool is_running;   /* owned by the main thread */

	/* The members below belong to the thread. */
	struct apo_mail *waiting; /* batches that are not written, oldest first */
	struct apo_mail **last;   /* where the next one is linked */
	unsigned open_count;      /* ALL_BEGIN that have come, and whose ALL_END has not */
	int64_t retry_at_ns;      /* RUDP_NEVER: nothing has failed */
	bool is_over;

	_Atomic uint64_t kept, failures;
};

/* Takes ownership of registry in any case. room is woken when waiting records have been written.
 * Returns 0 or a negative errno value. */
int apo_registry_thread_init(struct apo_registry_thread *registry_thread, struct apo_mailbox *room,
			     struct apo_registry_db *registry);
/* Starts the thread. Returns 0 or a negative errno value. */
int apo_registry_thread_start(struct apo_registry_thread *registry_thread);
/* Writes what has been handed over and ends the thread; the model's thread must have ended. Returns
 * false if something could not be written; when it is started again, it tries again. */
bool apo_registry_thread_pause(struct apo_registry_thread *registry_thread);
/* The same, and frees everything. */
void apo_registry_thread_stop(struct apo_registry_thread *registry_thread);

void apo_registry_thread_keep(struct apo_registry_thread *registry_thread,
			      const struct apo_registry_record *record);

#endif
