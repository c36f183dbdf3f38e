/* SPDX-License-Identifier: MIT */
/*
 * worker - a thread that owns connections: it alone reads, writes and closes them.
 *
 * Model    One turn handles the events of epoll, the mail in the mailbox and expired timers, then
 *          makes one gathering write for each connection with queued texts. Lines go to the model
 *          in batches, effects come back in batches; there is no lock.
 * Limits   from the configuration: receive queue, send queue, time for the TLS handshake. While the
 *          model has APO_BATCH_IN_FLIGHT_BYTES of unread events, the worker reads nothing.
 * Threads  apo_worker_run is the thread; the other calls are the main thread's. Mail may come from
 *          any.
 */
#ifndef APO_SERVER_WORKER_H
#define APO_SERVER_WORKER_H

#include <pthread.h>

#include "base/log_ratelimit.h"
#include "conversation/server/conn.h"

#define APO_SLOTS_BITS 8 /* connections are allocated 1 << APO_SLOTS_BITS at a time */
#define APO_READ_BYTES ((size_t)64 * 1024)
#define APO_WRITE_BYTES ((size_t)64 * 1024)

#define APO_WORKER_COUNTERS(X)                                                                     \
	X(connections, "connections taken over")                                                   \
	X(connections_gone, "of these, ended")                                                     \
	X(bytes_in, "bytes read")                                                                  \
	X(bytes_out, "bytes written")                                                              \
	X(lines_in, "lines handed to the model")                                                   \
	X(lines_held, "times that lines had to wait for the penalty of earlier ones")              \
	X(reads, "reads")                                                                          \
	X(writes, "writes")                                                                        \
	X(texts_queued, "texts queued for a connection")                                           \
	X(effects_late, "texts and closes for connections that had gone")                          \
	X(send_queue_exceeded, "connections ended because they were too slow to read")             \
	X(receive_queue_exceeded, "connections ended because they sent more than they may")        \
	X(tls_failed, "connections that ended during the TLS or HTTP handshake")                   \
	X(web_answered, "HTTP requests answered without a WebSocket")                              \
	X(receipts_arrived, "watched texts acknowledged by the transport of their recipient")      \
	X(receipts_missing, "watched texts whose recipient ended without acknowledging")           \
	X(reading_paused, "times that reading waited for the model")

/* Written only by the worker, read by any thread. */
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
	struct apo_conn **chunks; /* each of 1 << APO_SLOTS_BITS connections */
	uint32_t slot_count;      /* slots that were ever used */
	uint32_t first_free;
	uint32_t conn_count, watched_count;
	uint32_t cut_count;    /* connections closed while draining with a queue left to write */
	int64_t now_at_ns;     /* the time of this turn */
	int64_t watches_at_ns; /* when to look for acknowledged texts */
	int64_t drain_at_ns;   /* the deadline of draining; RUDP_NEVER: not draining */
	bool is_drained;       /* draining is complete and was reported */
	bool is_over;
	/* For log lines about refused and expelled connections. */
	struct rudp_log_ratelimit ratelimit;
	struct apo_worker_counters counters;
	char *in; /* room for the largest receive queue and APO_READ_BYTES */
	size_t in_bytes;
	char *out; /* APO_WRITE_BYTES */
};

/* Does not start the thread. Returns 0 or a negative errno value. */
int apo_worker_init(struct apo_worker *worker, unsigned index, struct apo_mailbox *model,
		    struct apo_mailbox *acceptor, struct apo_config *config);
/* Closes all connections and reports them as gone. The thread must have ended (or never begun). */
void apo_worker_clear(struct apo_worker *worker);
/* The worker must be cleared, and the mail that it has sent must have been taken. */
void apo_worker_fini(struct apo_worker *worker);

void *apo_worker_run(void *worker);
/* One turn: waits for an event, mail or a timer first. Tests call it in their own thread. */
void apo_worker_turn(struct apo_worker *worker);

/* Takes the mail in the mailbox without reading or waiting, for the main thread while the worker's
 * thread has stopped. Queued texts are written in the next turn, which does not wait. */
void apo_worker_absorb(struct apo_worker *worker, int64_t now_at_ns);

/* The connection in a slot below slot_count, in any state. */
struct apo_conn *apo_worker_conn(const struct apo_worker *worker, uint32_t slot);
/* NULL if it has gone. */
struct apo_conn *apo_worker_find(struct apo_worker *worker, struct apo_peer peer);
/* NULL if memory is short. */
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
