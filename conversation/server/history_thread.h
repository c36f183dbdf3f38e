/* SPDX-License-Identifier: MIT */
/*
 * history_thread - the thread that writes history and answers what is asked of it.
 *
 * Model    takes records from the model, writes them in groups (a group is what has come within
 *          APO_LINGER_MS, or before a question), prunes in steps when nothing else is to be done.
 *          Questions are answered as mail (struct apo_history_mail), in the order in which they and
 *          the messages came: who has said something finds it.
 * Limits   APO_BATCH_IN_FLIGHT_BYTES of records wait; more messages are dropped and counted, so
 *          that a slow disk never holds up the conversation. Who joined and left is never dropped.
 * Errors   a group that cannot be written is lost and counted. Who has joined and left in it is
 *          written with the next one that can be; until then questions are answered with FAILED.
 * Rest     the thread may end and begin again, with nothing lost between: for a hand-over.
 * Threads  keep, joined, left, ask, flush: the model's. init, start, configure, rest, stop: the
 *          main thread. Counters any.
 */
#ifndef APO_SERVER_HISTORY_THREAD_H
#define APO_SERVER_HISTORY_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation/irc/message_record.h"
#include "conversation/server/batch.h"
#include "conversation/server/config.h"
#include "conversation/store/history.h"

#define APO_LINGER_MS 20     /* that a message waits for others to be written with */
#define APO_PRUNE_WAIT_S 60  /* between two looks for what may go */
#define APO_OWED_MAX 100000  /* of who has joined and cannot be written; they see less */
#define APO_GROUP_BATCHES 64 /* that are written at once */

#define APO_HISTORY_THREAD_COUNTERS(X)                                                             \
	X(kept, "messages that were written to history")                                           \
	X(dropped, "messages that were not kept: the disk was too slow")                           \
	X(lost, "messages that were not kept: they could not be written")                          \
	X(groups, "groups that were written")                                                      \
	X(groups_failed, "groups that could not be written")                                       \
	X(prunings, "steps in which old messages were removed")                                    \
	X(answers, "questions that were answered")                                                 \
	X(answers_failed, "questions that could not be answered")

struct apo_history_thread {
	pthread_t thread;
	struct apo_mailbox box;
	struct apo_mailbox *answers;
	struct apo_history *history; /* the thread's while it runs */
	struct apo_batcher batcher;  /* the model's */
	bool is_dropping;            /* the model's: that was logged */
	bool is_running;             /* the main thread's */
	atomic_bool is_urgent;       /* a question waits */

	/* The thread's. */
	struct apo_retention retention;
	struct apo_batch
		*group[APO_GROUP_BATCHES]; /* written together, in the order that they came */
	unsigned group_count;
	unsigned group_answers;   /* of its questions */
	uint64_t group_messages;  /* that are in the transaction */
	bool is_writing;          /* a transaction is open */
	bool has_failed;          /* that was logged */
	bool is_blind;            /* it has forgotten who has left: nothing is answered any more */
	struct apo_record **owed; /* who has joined and left, and the disk does not know it */
	size_t owed_count, owed_cap;
	int64_t group_at_ns, prune_at_ns;
	bool is_over;

	struct {
#define APO_HISTORY_THREAD_COUNTER(name, help) _Atomic uint64_t name;
		APO_HISTORY_THREAD_COUNTERS(APO_HISTORY_THREAD_COUNTER)
#undef APO_HISTORY_THREAD_COUNTER
	} counters;
};

/* An answer; whoever takes it frees the page (NULL: none). */
struct apo_history_mail {
	struct apo_mail mail;
	uint64_t ticket;
	enum apo_asked asked;
	struct apo_page *page;
};

/* history becomes the history thread's, whatever is returned: 0 or a negative errno value. */
int apo_history_thread_init(struct apo_history_thread *history_thread, struct apo_mailbox *answers,
			    struct apo_history *history, const struct apo_config *config);
/* Its thread. Returns 0 or a negative errno value. */
int apo_history_thread_start(struct apo_history_thread *history_thread);
/* Another age, count and size. */
void apo_history_thread_configure(struct apo_history_thread *history_thread,
				  const struct apo_config *config);
/*
 * What has been handed over is written, and the thread ends; it can be started again. The model's
 * thread must have ended.
 *
 * Returns  false: the disk does not know of all who have joined and left. Started again, it tries
 *          again.
 */
bool apo_history_thread_rest(struct apo_history_thread *history_thread);
/* What has been handed over is written, if the thread runs. The model's must have ended. */
void apo_history_thread_stop(struct apo_history_thread *history_thread);

void apo_history_thread_keep(struct apo_history_thread *history_thread,
			     const struct apo_said *said);
void apo_history_thread_joined(struct apo_history_thread *history_thread, int64_t id,
			       const char *account, const char *channel, int64_t first);
void apo_history_thread_left(struct apo_history_thread *history_thread, int64_t id, int64_t last);
void apo_history_thread_marked(struct apo_history_thread *history_thread, const char *account,
			       const char *target, int64_t time_ms);
void apo_history_thread_ask(struct apo_history_thread *history_thread, uint64_t ticket,
			    const struct apo_question *question);
/* At the end of each of the model's turns. */
void apo_history_thread_flush(struct apo_history_thread *history_thread);

#endif
