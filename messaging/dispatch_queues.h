/* SPDX-License-Identifier: MIT */
/*
 * dispatch_queues - a dispatcher without threads and descriptors: posts that wait for room in the
 * queues of their connections, and the outcomes of all.
 *
 * Model      a queue for each connection that has posts waiting, and none for others: what is posted
 *            to a connection without a queue goes straight into its outbox. A queue whose connection
 *            has no room waits for a word of the hub; nothing is ever looked through.
 * Invariant  the ring of outcomes has room for one of each post that waits: a post that was taken
 *            cannot fail for lack of memory to say what became of it.
 * Threads    none: under the node's lock, as its hub.
 */
#ifndef RUDPMSG_DISPATCH_QUEUES_H
#define RUDPMSG_DISPATCH_QUEUES_H

#include "base/ring.h"
#include "messaging/hub.h"
#include "rudp/dispatch.h"

struct dispatch_queue;

struct rudpmsg_dispatch_queues {
	struct rudpmsg_hub *hub;
	struct rudpmsg_dispatch_options options; /* no zero left in it */
	struct dispatch_queue *by_conn;
	struct rudp_ring outcomes; /* of struct rudpmsg_outcome */
	rudpmsg_ticket last_ticket;
	struct rudpmsg_dispatch_stats stats;
	void *user;
};

/* Fills the defaults into options that are 0; NULL is all of them. user is kept for
 * whoever has only the queues (rudpmsg_dispatch_queues_on_room). */
void rudpmsg_dispatch_queues_init(struct rudpmsg_dispatch_queues *queues, struct rudpmsg_hub *hub,
				  const struct rudpmsg_dispatch_options *options, void *user);
/* What waits is thrown away: rudpmsg_dispatch_queues_fail comes before. */
void rudpmsg_dispatch_queues_fini(struct rudpmsg_dispatch_queues *queues);

/*
 * Takes a message for a connection; 0 is one that there is not.
 *
 * Returns  0 and the ticket: its outcome is there, or will be; -EAGAIN a limit is reached;
 *          -EMSGSIZE; -ENOMEM. Nothing has changed on error, but for a counter.
 */
int rudpmsg_dispatch_queues_post(struct rudpmsg_dispatch_queues *queues, rudpmsg_conn_id conn,
				 const void *bytes, size_t length, int64_t now_at_ns,
				 rudpmsg_ticket *ticket);

/* Hands over what waits for the connection that the hub has spoken of. Returns the queues that it
 * was in. */
struct rudpmsg_dispatch_queues *rudpmsg_dispatch_queues_on_room(struct rudpmsg_room *room,
								int64_t now_at_ns);

/* All that waits fails. Returns how many. */
uint64_t rudpmsg_dispatch_queues_fail(struct rudpmsg_dispatch_queues *queues, int reason);

bool rudpmsg_dispatch_queues_has_outcome(const struct rudpmsg_dispatch_queues *queues);
/* -EAGAIN: none. */
int rudpmsg_dispatch_queues_outcome(struct rudpmsg_dispatch_queues *queues,
				    struct rudpmsg_outcome *outcome);

/* Every invariant. For tests. */
bool rudpmsg_dispatch_queues_check(const struct rudpmsg_dispatch_queues *queues);

#endif
