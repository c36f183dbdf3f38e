/* SPDX-License-Identifier: MIT */
/*
 * worker - a thread that owns connections entirely: it alone reads, writes and closes them.
 *
 * Model    a turn: what epoll tells, what is in the mailbox, what is due, then one gathering write
 *          for each connection that has something to say. Lines go to the model in batches, effects
 *          come in batches; there is no lock.
 * Limits   of the configuration: receive queue, send queue, time for TLS to be set up.
 *          APO_BATCH_IN_FLIGHT_BYTES of events that the model has not taken: no more is read until
 *          then.
 * Threads  apo_worker_run is the thread; the other calls are the main thread's. Mail may come from
 *          any.
 */
#ifndef APO_SERVER_WORKER_H
#define APO_SERVER_WORKER_H

#include <pthread.h>

#include "base/log_ratelimit.h"
#include "conversation/server/conn.h"

#define APO_SLOTS_BITS 8 /* connections are allocated so many at a time */
#define APO_READ_BYTES ((size_t)64 * 1024)
#define APO_WRITE_BYTES ((size_t)64 * 1024)

#define APO_WORKER_COUNTERS(X)                                                                     \
	X(connections, "connections taken over")                                                   \
	X(connections_gone, "of these, over")                                                      \
	X(bytes_in, "bytes read")                                                                  \
	X(bytes_out, "bytes written")                                                              \
	X(lines_in, "lines handed to the model")                                                   \
	X(lines_held, "times that lines had to wait for the penalty of earlier ones")              \
	X(reads, "reads")                                                                          \
	X(writes, "writes")                                                                        \
	X(texts_queued, "texts queued for a connection")                                           \
	X(effects_late, "texts and closes for connections that had gone")                          \
	X(send_queue_exceeded, "connections ended because they did not take what they were sent")  \
	X(receive_queue_exceeded, "connections ended because they sent more than they may")        \
	X(tls_failed, "connections over before TLS was set up")                                    \
	X(receipts_arrived, "watched texts acknowledged by the transport of their recipient")      \
	X(receipts_missing, "watched texts that never will be")                                    \
	X(reading_paused, "times that reading waited for the model")

/* Written by the worker alone, read by anybody. */
struct apo_worker_counters {
#define APO_WORKER_COUNTER(name, help) _Atomic uint64_t name;
	APO_WORKER_COUNTERS(APO_WORKER_COUNTER)
#undef APO_WORKER_COUNTER
};

struct apo_worker {
	unsigned index;
	pthread_t thread;
	int epoll_fd;
	struct apo_mailbox box;
	struct apo_batcher to_model, to_acceptor;
	struct apo_config *config; /* a reference */
	struct rudp_timer_wheel wheel;
	struct rudp_list dirty, unread, watched;
	struct apo_conn **chunks; /* of 1 << APO_SLOTS_BITS */
	uint32_t slot_count;      /* that were ever used */
	uint32_t first_free;
	uint32_t conn_count, watched_count;
	uint32_t cut_count;    /* while it drained, with something left to write */
	int64_t now_at_ns;     /* of this turn */
	int64_t watches_at_ns; /* when to look for receipts */
	int64_t drain_at_ns;   /* RUDP_NEVER: not the end */
	bool is_drained;       /* and told */
	bool is_over;
	struct rudp_log_ratelimit ratelimit; /* about those who were refused or expelled */
	struct apo_worker_counters counters;
	char *in; /* the largest receive queue and APO_READ_BYTES */
	size_t in_bytes;
	char *out; /* APO_WRITE_BYTES */
};

/* Its thread is not started. Returns 0 or a negative errno value. */
int apo_worker_init(struct apo_worker *worker, unsigned index, struct apo_mailbox *model,
		    struct apo_mailbox *acceptor, struct apo_config *config);
/* After its thread has ended (or never begun): its connections are closed without a word, and it has
 * told so. */
void apo_worker_clear(struct apo_worker *worker);
/* Cleared, and when the mail that it has sent has been taken. */
void apo_worker_fini(struct apo_worker *worker);

void *apo_worker_run(void *worker);
/* One turn of it: waits for an event, mail or time first. For tests, which are their own thread. */
void apo_worker_turn(struct apo_worker *worker);

/* Takes what is in the mailbox, and neither reads nor waits: for the main thread, while the worker's own
 * has stopped. What it leaves to write is written in the next turn, which does not wait. */
void apo_worker_absorb(struct apo_worker *worker, int64_t now_at_ns);

/* The one of a slot below slot_count, whatever its state. */
struct apo_conn *apo_worker_conn(const struct apo_worker *worker, uint32_t slot);
/* NULL: it has gone. */
struct apo_conn *apo_worker_find(struct apo_worker *worker, struct apo_peer peer);
/* NULL without memory. */
struct apo_conn *apo_worker_take_slot(struct apo_worker *worker);
void apo_worker_free_slot(struct apo_worker *worker, struct apo_conn *conn);

#define APO_COUNT_MORE(owner, name, more)                                                          \
	atomic_store_explicit(                                                                     \
		&(owner)->counters.name,                                                           \
		atomic_load_explicit(&(owner)->counters.name, memory_order_relaxed) +              \
			(uint64_t)(more),                                                          \
		memory_order_relaxed)
#define APO_COUNT(owner, name) APO_COUNT_MORE(owner, name, 1)

#endif
