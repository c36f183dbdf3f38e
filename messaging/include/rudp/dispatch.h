/* SPDX-License-Identifier: MIT */
/*
 * dispatch - sends messages on many connections, without waiting for any single one of them.
 *
 * rudpmsg_send waits, or fails, while the outgoing queue of its connection is full. A dispatcher
 * takes the message in that case, too. If the connection has room, the message goes into its queue
 * at once. Otherwise the dispatcher keeps the message, in a waiting queue for each connection,
 * until acknowledgements have made room. So a slow peer delays only the messages posted to that
 * peer.
 *
 * Each post has exactly one *outcome*: either the connection's queue took the message, as message
 * number id, or the post failed for the reason given. A post to an unknown connection fails.
 *
 * Order    Posts to one connection stay in order. A message that rudpmsg_send sends meanwhile can
 *          come between them.
 * Bounds   Every queue has a limit below. At a limit the call waits, at most for its timeout, or
 *          fails at once. Nothing is dropped silently: if the program does not read the outcomes,
 *          it cannot post any more when outcomes_max is reached.
 * Threads  A dispatcher has none; the node's loop thread serves its queues. Any thread may call any
 *          function at any time, except rudpmsg_dispatcher_free.
 * Errors   Functions return 0 or a negative errno value, and take timeouts, as in rudp/msg.h.
 */
#ifndef RUDP_DISPATCH_H
#define RUDP_DISPATCH_H

#include "rudp/msg.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The shared library exports only what is declared from here on. */
#pragma GCC visibility push(default)

struct rudpmsg_dispatcher;

/* The number of a post: 1, 2, 3 ... for each dispatcher. */
typedef uint64_t rudpmsg_ticket;

/*
 * A value of 0 means the default, in brackets. At each limit posting blocks, or fails with EAGAIN.
 * A post that would be the only one to wait is taken whatever its length.
 */
struct rudpmsg_dispatch_options {
	uint32_t posts_max; /* [65,536] posts that wait, for all connections together */
	uint64_t bytes_max; /* [64 MiB] bytes of these posts */
	/* [a quarter of posts_max] Posts that wait for one connection. So one slow peer cannot use
	 * all of posts_max. */
	uint32_t queue_posts_max;
	uint64_t queue_bytes_max; /* [a quarter of bytes_max] bytes of these posts */
	/* [65,536] Outcomes that the program has not read. Posts that wait can still add theirs, so
	 * there are at most outcomes_max + posts_max. */
	uint32_t outcomes_max;
	bool failures_only; /* report only failed posts, no accepted ones */
};

/*
 * Opens a dispatcher of a node. options NULL means the defaults. rudpmsg_node_close fails the posts
 * that still wait; rudpmsg_node_free frees the dispatcher.
 *
 * Errors   -ENOMEM; -EMFILE; -ESHUTDOWN the node is being closed.
 */
int rudpmsg_dispatcher_open(struct rudpmsg_dispatcher **dispatcher, struct rudpmsg_node *node,
			    const struct rudpmsg_dispatch_options *options);

/*
 * Closes the dispatcher: it takes no more posts. With drain the call waits, at most timeout_ns,
 * until the connections have taken all waiting posts. The remaining posts fail with ECANCELED.
 * Outcomes can still be read afterwards. The call does not wait for acknowledgements:
 * rudpmsg_node_close does that.
 *
 * Returns  0; -ETIMEDOUT the time was too short, and *failed posts were cancelled. failed may be
 *          NULL.
 */
int rudpmsg_dispatcher_close(struct rudpmsg_dispatcher *dispatcher, bool drain, int64_t timeout_ns,
			     uint64_t *failed);

/* Fails the waiting posts and frees the dispatcher. No other thread may be in a call on it, or make
 * one later. */
void rudpmsg_dispatcher_free(struct rudpmsg_dispatcher *dispatcher);

/*
 * Posts a message to a connection (rudpmsg_post), or to the present connection with the peer of
 * that name (rudpmsg_post_to). The bytes are copied.
 *
 * Blocks   while a limit is reached, at most timeout_ns. Room, and the end of the dispatcher or the
 *          node, wake it.
 * Returns  0 and the ticket (ticket may be NULL): an outcome will follow, also if there is no such
 *          connection.
 * Errors   After each of these the message was not taken, and no outcome follows: -EMSGSIZE it is
 *          longer than limits.message_bytes_max of the node; -EAGAIN a limit is reached and
 *          timeout_ns is 0; -ETIMEDOUT; -ENOMEM; -ESHUTDOWN the dispatcher or the node is closed.
 */
int rudpmsg_post(struct rudpmsg_dispatcher *dispatcher, rudpmsg_conn_id conn, const void *bytes,
		 size_t length, int64_t timeout_ns, rudpmsg_ticket *ticket);
int rudpmsg_post_to(struct rudpmsg_dispatcher *dispatcher, const char *peer_name, const void *bytes,
		    size_t length, int64_t timeout_ns, rudpmsg_ticket *ticket);

struct rudpmsg_outcome {
	rudpmsg_ticket ticket;
	rudpmsg_conn_id conn;  /* 0: no connection had that name */
	rudpmsg_message_id id; /* for rudpmsg_state and rudpmsg_wait; 0: the post failed */
	/* 0: the message is in the connection's queue (with a store: see rudpmsg_accepted). Else
	 * why the post failed: ENOENT there is no such connection, or it was removed meanwhile;
	 * EMSGSIZE the message is longer than the peer takes; ECANCELED the dispatcher was closed;
	 * ESHUTDOWN the node was closed; ENOSPC or EIO the store failed; ENOMEM. */
	int reason;
};

/*
 * Reads the next outcome. Outcomes of one connection come in the order of posting. The descriptor
 * is readable while there are outcomes to read; use it with poll, epoll or any event loop. The
 * dispatcher owns it.
 *
 * rudpmsg_outcome       never blocks. -EAGAIN: there is none.
 * rudpmsg_outcome_wait  blocks at most timeout_ns. -ETIMEDOUT; -ESHUTDOWN: the dispatcher is closed
 *                       and no outcome is left.
 */
int rudpmsg_dispatcher_fd(struct rudpmsg_dispatcher *dispatcher);
int rudpmsg_outcome(struct rudpmsg_dispatcher *dispatcher, struct rudpmsg_outcome *outcome);
int rudpmsg_outcome_wait(struct rudpmsg_dispatcher *dispatcher, int64_t timeout_ns,
			 struct rudpmsg_outcome *outcome);

/* The first three are present numbers, the others counters since the dispatcher was opened. */
#define RUDPMSG_DISPATCH_COUNTERS(X)                                                               \
	X(posts_waiting)                                                                           \
	X(bytes_waiting)                                                                           \
	X(connections_waiting)                                                                     \
	X(posts_taken)    /* = posts_accepted + posts_failed + posts_waiting */                    \
	X(posts_delayed)  /* posts_taken that had to wait for room */                              \
	X(posts_accepted) /* the connection's queue took the message */                            \
	X(posts_failed)                                                                            \
	X(posts_unknown) /* posts_failed because there was no such connection (any more) */        \
	X(posts_refused) /* posts that failed at a limit: EAGAIN or ETIMEDOUT */

struct rudpmsg_dispatch_stats {
#define X(name) uint64_t name;
	RUDPMSG_DISPATCH_COUNTERS(X)
#undef X
};

/* Fills stats. size is sizeof *stats in the calling program: a newer library fills no more. */
void rudpmsg_dispatcher_stats(struct rudpmsg_dispatcher *dispatcher,
			      struct rudpmsg_dispatch_stats *stats, size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
