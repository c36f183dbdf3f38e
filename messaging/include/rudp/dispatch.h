/* SPDX-License-Identifier: MIT */
/*
 * dispatch - posting messages to many connections without waiting for any of them.
 *
 * rudpmsg_send waits, or fails, when the queue of its connection is full. A dispatcher of a node
 * takes the message all the same: where there is room it goes to the connection at once, otherwise
 * it waits in a queue of its own for each connection, until acknowledgements have made room. So a
 * slow peer holds up what is posted to it, and nothing that is posted to others. What becomes of a
 * post is told by exactly one *outcome*: the connection's queue has taken it, as message number id,
 * or it has failed and why; an unknown connection is such a failure.
 *
 * Order    of the posts to one connection is kept. rudpmsg_send beside them goes in between.
 * Bounds   every queue has a limit below, and the caller chooses what happens at it: waiting, with
 *          a deadline, or failing at once. Nothing is dropped in silence: outcomes that nobody
 *          takes hold up posting in the end.
 * Threads  none of its own: the node's loop hands over what waits. Any thread may call any function
 *          at any time, but for rudpmsg_dispatcher_free.
 * Errors   0 or a negative errno value, as in rudp/msg.h. Timeouts are as there.
 */
#ifndef RUDP_DISPATCH_H
#define RUDP_DISPATCH_H

#include "rudp/msg.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The shared library shows what is declared here, and nothing else. */
#pragma GCC visibility push(default)

struct rudpmsg_dispatcher;

/* A post: 1, 2, 3 ... for each dispatcher. */
typedef uint64_t rudpmsg_ticket;

/*
 * 0 takes the default in brackets. At each of the limits posting blocks or fails with EAGAIN. A
 * post that would wait alone is taken whatever its length.
 */
struct rudpmsg_dispatch_options {
	uint32_t posts_max;      /* [65,536] waiting, of all connections */
	uint64_t bytes_max;      /* [64 MiB] of them */
	uint32_t lane_posts_max; /* [a quarter of posts_max] waiting for one connection: no slow
				    peer has it all */
	uint64_t lane_bytes_max; /* [a quarter of bytes_max] of them */
	uint32_t outcomes_max;   /* [65,536] not taken yet. Posts that waited may add theirs to so
				    many, so there are at most outcomes_max + posts_max */
	bool failures_only;      /* no outcomes of what was accepted */
};

/*
 * Opens a dispatcher. It ends with its node: rudpmsg_node_close fails what waits, and
 * rudpmsg_node_free frees it.
 *
 * Errors   -ENOMEM; -EMFILE; -ESHUTDOWN the node is being closed.
 */
int rudpmsg_dispatcher_open(struct rudpmsg_dispatcher **dispatcher, struct rudpmsg_node *node,
			    const struct rudpmsg_dispatch_options *options);

/*
 * Nothing more is posted. With drain the call waits until all posts have been handed over, at most
 * timeout_ns; what waits then fails with ECANCELED. Outcomes can be taken afterwards. That messages
 * which were accepted arrive is rudpmsg_node_close's to wait for.
 *
 * Returns  0; -ETIMEDOUT the time was too short. *failed, which may be NULL, posts were cancelled.
 */
int rudpmsg_dispatcher_close(struct rudpmsg_dispatcher *dispatcher, bool drain, int64_t timeout_ns,
			     uint64_t *failed);

/* Fails what waits, and frees it all. No other thread may be in a call, or call later. */
void rudpmsg_dispatcher_free(struct rudpmsg_dispatcher *dispatcher);

/*
 * Posts a message to a connection, or to the one with the peer of that name as it is now. The bytes
 * are copied.
 *
 * Blocks   while a limit is reached, at most timeout_ns. Woken by room and by the end of dispatcher
 *          or node.
 * Returns  0 and the ticket (which may be NULL): its outcome will be told, also when there is no
 *          such connection.
 * Errors   (in all of them nothing was taken, and no outcome follows) -EMSGSIZE longer than
 *          limits.message_bytes_max of the node; -EAGAIN a limit is reached, with a timeout of 0;
 *          -ETIMEDOUT; -ENOMEM; -ESHUTDOWN.
 */
int rudpmsg_post(struct rudpmsg_dispatcher *dispatcher, rudpmsg_conn_id conn, const void *bytes,
		 size_t length, int64_t timeout_ns, rudpmsg_ticket *ticket);
int rudpmsg_post_to(struct rudpmsg_dispatcher *dispatcher, const char *peer_name, const void *bytes,
		    size_t length, int64_t timeout_ns, rudpmsg_ticket *ticket);

struct rudpmsg_outcome {
	rudpmsg_ticket ticket;
	rudpmsg_conn_id conn;  /* 0: nobody had that name */
	rudpmsg_message_id id; /* what rudpmsg_state and rudpmsg_wait are asked with; 0: failed */
	int reason; /* 0: the connection's queue has it (with a store: rudpmsg_accepted). ENOENT no
		     * such connection (any more), EMSGSIZE longer than the peer takes, ECANCELED
		     * the dispatcher was closed, ESHUTDOWN the node was, ENOSPC or EIO the store
		     * fails, ENOMEM */
};

/*
 * The next outcome, in order of posting for each connection. The descriptor is readable while
 * outcomes wait; it is the dispatcher's, for poll, epoll or any event loop.
 *
 * rudpmsg_outcome       -EAGAIN: none. Never blocks.
 * rudpmsg_outcome_wait  blocks at most timeout_ns. -ETIMEDOUT; -ESHUTDOWN: closed, and none is
 *                       left.
 */
int rudpmsg_dispatcher_fd(struct rudpmsg_dispatcher *dispatcher);
int rudpmsg_outcome(struct rudpmsg_dispatcher *dispatcher, struct rudpmsg_outcome *outcome);
int rudpmsg_outcome_wait(struct rudpmsg_dispatcher *dispatcher, int64_t timeout_ns,
			 struct rudpmsg_outcome *outcome);

/* Counters since it was opened; the first three are what is there now. */
#define RUDPMSG_DISPATCH_COUNTERS(X)                                                               \
	X(posts_waiting)                                                                           \
	X(bytes_waiting)                                                                           \
	X(connections_waiting)                                                                     \
	X(posts_taken)    /* = accepted + failed + waiting */                                      \
	X(posts_delayed)  /* of these: had to wait for room */                                     \
	X(posts_accepted) /* by their connection */                                                \
	X(posts_failed)                                                                            \
	X(posts_unknown) /* of these: no such connection, or none any more */                      \
	X(posts_refused) /* a limit was reached: EAGAIN or ETIMEDOUT */

struct rudpmsg_dispatch_stats {
#define X(name) uint64_t name;
	RUDPMSG_DISPATCH_COUNTERS(X)
#undef X
};

/* size is sizeof *stats as the program was built with; a newer library fills that much. */
void rudpmsg_dispatcher_stats(struct rudpmsg_dispatcher *dispatcher,
			      struct rudpmsg_dispatch_stats *stats, size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
