/* SPDX-License-Identifier: MIT */
/*
 * dispatch_queues - the queues of a dispatcher: posts that wait for room in the outbox of their
 * connection, and the outcomes of all posts. No threads, no descriptors.
 *
 * Model      Only connections with waiting posts have a queue here. A post to another connection
 *            goes straight into the outbox. A queue whose connection has no room waits until the
 *            hub reports room; the queues are never scanned.
 * Invariant  The ring of outcomes has room for the outcome of each waiting post. So reporting an
 *            outcome never fails for lack of memory.
 * Threads    none: call it with the node's lock held, like its hub.
 */
#ifndef RUDPMSG_DISPATCH_QUEUES_H
#define RUDPMSG_DISPATCH_QUEUES_H

#include "base/ring.h"
#include "messaging/hub.h"
#include "rudp/dispatch.h"

struct dispatch_queue;

struct rudpmsg_dispatch_queues {
	struct rudpmsg_hub *hub;
	struct rudpmsg_dispatch_options options; /* no value is 0: defaults are filled in */
	struct dispatch_queue *by_conn;
	struct rudp_ring outcomes; /* of struct rudpmsg_outcome */
	rudpmsg_ticket last_ticket;
	struct rudpmsg_dispatch_stats stats;
	void *user;
};

/* Replaces options that are 0 by the defaults; options NULL: all of them. user is kept for
 * the caller of rudpmsg_dispatch_queues_on_room. */
void rudpmsg_dispatch_queues_init(struct rudpmsg_dispatch_queues *queues, struct rudpmsg_hub *hub,
				  const struct rudpmsg_dispatch_options *options, void *user);
/* Frees waiting posts without outcomes: call rudpmsg_dispatch_queues_fail first. */
void rudpmsg_dispatch_queues_fini(struct rudpmsg_dispatch_queues *queues);

/*
 * Posts a message to a connection. conn 0 stands for an unknown connection.
 *
 * Returns  0 and the ticket: its outcome is there, or will follow; -EAGAIN a limit is reached;
 *          -EMSGSIZE; -ENOMEM. After an error only a counter has changed.
 */
int rudpmsg_dispatch_queues_post(struct rudpmsg_dispatch_queues *queues, rudpmsg_conn_id conn,
				 const void *bytes, size_t length, int64_t now_at_ns,
				 rudpmsg_ticket *ticket);

/* Moves waiting posts to the connection that the hub reported room for. Returns the queues that the
 * waiter belongs to. */
struct rudpmsg_dispatch_queues *rudpmsg_dispatch_queues_on_room(struct rudpmsg_room *room,
								int64_t now_at_ns);

/* Fails all waiting posts. Returns how many. */
uint64_t rudpmsg_dispatch_queues_fail(struct rudpmsg_dispatch_queues *queues, int reason);

bool rudpmsg_dispatch_queues_has_outcome(const struct rudpmsg_dispatch_queues *queues);
/* -EAGAIN: there is no outcome. */
int rudpmsg_dispatch_queues_outcome(struct rudpmsg_dispatch_queues *queues,
				    struct rudpmsg_outcome *outcome);

/* Checks every invariant. For tests. */
bool rudpmsg_dispatch_queues_check(const struct rudpmsg_dispatch_queues *queues);

#endif
