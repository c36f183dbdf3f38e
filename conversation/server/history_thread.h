/* SPDX-License-Identifier: MIT */
/*
 * history_thread - the thread that writes history and answers questions to it.
 *
 * Model    It takes records from the model and writes them in groups. A group is what arrives
 *          within APO_LINGER_MS, or before a question. When idle, it removes old messages in steps.
 *          Answers are mail (struct apo_history_mail), in the order of the questions and messages:
 *          an answer includes the messages sent before the question. A message is redacted when it
 *          is gone from the disk: only then the question is answered.
 * Limits   APO_BATCH_IN_FLIGHT_BYTES of waiting records. At more, messages are dropped and counted,
 *          so that a slow disk does not delay the chat. Joins and parts are never dropped.
 * Errors   A group that cannot be written is lost and counted. Its joins and parts are written with
 *          a later group; until then questions are answered with FAILED.
 * Peers    In a network of nodes the file of a node that joins is made equal to those of the others
 *          (history_sync.h); until that is done, questions are answered with FAILED.
 * Pause    The thread may stop and start again without loss, for a hand-over.
 * Threads  keep to flush: the model's thread. init, start, configure, pause, stop:
 *          the main thread. Counters: any.
 */
#ifndef APO_SERVER_HISTORY_THREAD_H
#define APO_SERVER_HISTORY_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation/cluster/entry.h"
#include "conversation/irc/message_record.h"
#include "conversation/server/batch.h"
#include "conversation/server/config.h"
#include "conversation/store/history.h"

#define APO_LINGER_MS 20    /* how long a message waits, to be written together with others */
#define APO_PRUNE_WAIT_S 60 /* between two searches for old messages */
/* Joins and parts that could not be written; at more, accounts see less. */
#define APO_UNWRITTEN_MAX 100000
#define APO_GROUP_BATCHES 64 /* batches that are written at once */
#define APO_PEERS_AT_ONCE 16 /* messages of other nodes in that time; they are repeated */

#define APO_HISTORY_THREAD_COUNTERS(X)                                                             \
	X(kept, "messages that were written to history")                                           \
	X(dropped, "messages that were not kept: the disk was too slow")                           \
	X(lost, "messages that were not kept: they could not be written")                          \
	X(groups, "groups that were written")                                                      \
	X(groups_failed, "groups that could not be written")                                       \
	X(prunings, "steps in which old messages were removed")                                    \
	X(answers, "questions that were answered")                                                 \
	X(answers_failed, "questions that could not be answered")

/* The progress of making the file equal to those of other nodes (history_sync.c). */
struct apo_history_sync {
	bool is_on;
	bool must_clear; /* what must not be in the file is not removed from the disk yet */
	uint64_t id;     /* of this synchronization, to recognize its answers */
	int64_t last;    /* the last position that is to be equal */
	enum apo_history_table table;
	int64_t first;   /* rows of the table up to here are equal */
	int64_t asked;   /* the last position that the open question is about */
	int64_t written; /* rows up to here are equal when the transaction is written; else first */
	unsigned tries;  /* questions since the last progress */
	uint64_t pages;  /* that were replaced */
	int64_t repeat_at_ns;
};

struct apo_history_thread {
	pthread_t thread;
	struct apo_mailbox box;
	struct apo_mail stop; /* the last mail: ends the thread */
	struct apo_mailbox *answers;
	struct apo_history *history; /* used only by the thread while it runs */
	struct apo_batcher
		batcher;  /* used only by the model's thread, flushed at the end of its turns */
	bool is_dropping; /* owned by the model's thread: dropping was logged */
	bool is_running;  /* owned by the main thread */
	atomic_bool is_urgent;     /* a question waits */
	atomic_uint peers_waiting; /* messages of other nodes since the last group */

	/* The members below belong to the history thread. */
	struct apo_retention retention;
	/* Written together, in the order that they came. */
	struct apo_batch *group[APO_GROUP_BATCHES];
	unsigned group_count;
	unsigned group_answers;  /* questions among them that were answered */
	uint64_t group_messages; /* messages in the transaction */
	bool is_writing;         /* a transaction is open */
	/* Answers that are sent when the group is written: that to a REDACT, and those after it. */
	struct apo_mail *held, **held_end;
	bool has_failed;     /* the failure was logged */
	bool has_lost_parts; /* it has lost joins and parts: no question is answered any more */
	struct apo_record **unwritten; /* joins and parts that are not on disk yet */
	size_t unwritten_count, unwritten_capacity;
	bool has_rewritten; /* the open transaction has them */
	struct apo_history_sync sync;
	int64_t group_at_ns, prune_at_ns;
	bool is_over;

	struct {
#define APO_HISTORY_THREAD_COUNTER(name, help) _Atomic uint64_t name;
		APO_HISTORY_THREAD_COUNTERS(APO_HISTORY_THREAD_COUNTER)
#undef APO_HISTORY_THREAD_COUNTER
	} counters;
};

/* An answer. The receiver frees the page (NULL: none). */
struct apo_history_mail {
	struct apo_mail mail;
	uint64_t ticket;
	enum apo_asked asked;
	struct apo_page *page;
};

/* A message to the history thread of another node. */
struct apo_history_peer_mail {
	struct apo_mail mail;
	char name[APO_NODE_NAME_BYTES_MAX +
		  1]; /* "": any node that knows all up to position needed */
	int64_t needed;
	unsigned tries; /* how often it was sent */
	size_t len;
	uint8_t bytes[];
};

/* Takes ownership of history in any case. Returns 0 or a negative errno value. */
int apo_history_thread_init(struct apo_history_thread *history_thread, struct apo_mailbox *answers,
			    struct apo_history *history, const struct apo_config *config);
/* Starts the thread. Returns 0 or a negative errno value. */
int apo_history_thread_start(struct apo_history_thread *history_thread);
/* Applies new limits of age, count and size. */
void apo_history_thread_configure(struct apo_history_thread *history_thread,
				  const struct apo_config *config);
/*
 * Writes what has been handed over and ends the thread; it can be started again. The model's thread
 * must have ended.
 *
 * Returns  false if some joins and parts are not on disk. When the thread is started again, it
 *          tries again.
 */
bool apo_history_thread_pause(struct apo_history_thread *history_thread);
/* Writes what has been handed over and ends the thread, if it runs. The model's thread must have
 * ended. */
void apo_history_thread_stop(struct apo_history_thread *history_thread);

void apo_history_thread_keep(struct apo_history_thread *history_thread,
			     const struct apo_said *said);
void apo_history_thread_change(struct apo_history_thread *history_thread,
			       const struct apo_change *change);
/* The file is to become equal to those of other nodes, up to position last. */
void apo_history_thread_replace(struct apo_history_thread *history_thread, int64_t last);
/* A message from the history thread of another node. It is ignored if too many of them wait. */
void apo_history_thread_on_peer(struct apo_history_thread *history_thread, const char *name,
				const void *bytes, size_t len);
/* No other node has the history: that of this node is the right one as it is. */
void apo_history_thread_on_alone(struct apo_history_thread *history_thread);
void apo_history_thread_ask(struct apo_history_thread *history_thread, uint64_t ticket,
			    const struct apo_question *question);

#endif
