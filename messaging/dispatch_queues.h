/* SPDX-License-Identifier: MIT */
/*
 * lanes - a dispatcher without threads and descriptors: posts that wait for room in the queues of
 * their connections, and the outcomes of all.
 *
 * Model      a lane for each connection that has posts waiting, and none for others: what is posted
 *            to a connection without a lane goes straight into its outbox. A lane whose connection
 *            has no room waits for a word of the hub; nothing is ever looked through.
 * Invariant  the ring of outcomes has room for one of each post that waits: a post that was taken
 *            cannot fail for lack of memory to say what became of it.
 * Threads    none: under the node's lock, as its hub.
 */
#ifndef RUDPMSG_LANES_H
#define RUDPMSG_LANES_H

#include "base/ring.h"
#include "messaging/hub.h"
#include "rudp/dispatch.h"

struct lane;

struct rudpmsg_lanes {
	struct rudpmsg_hub *hub;
	struct rudpmsg_dispatch_options options; /* no zero left in it */
	struct lane *by_conn;
	struct rudp_ring outcomes; /* of struct rudpmsg_outcome */
	rudpmsg_ticket last_ticket;
	struct rudpmsg_dispatch_stats stats;
	void *user;
};

/* Fills the defaults into options that are 0; NULL is all of them. user is kept for
 * whoever has only the lanes (rudpmsg_lanes_on_room). */
void rudpmsg_lanes_init(struct rudpmsg_lanes *lanes, struct rudpmsg_hub *hub,
			const struct rudpmsg_dispatch_options *options, void *user);
/* What waits is thrown away: rudpmsg_lanes_fail comes before. */
void rudpmsg_lanes_fini(struct rudpmsg_lanes *lanes);

/*
 * Takes a message for a connection; 0 is one that there is not.
 *
 * Returns  0 and the ticket: its outcome is there, or will be; -EAGAIN a limit is reached;
 *          -EMSGSIZE; -ENOMEM. Nothing has changed on error, but for a counter.
 */
int rudpmsg_lanes_post(struct rudpmsg_lanes *lanes, rudpmsg_conn_id conn, const void *bytes,
		       size_t length, int64_t now_at_ns, rudpmsg_ticket *ticket);

/* Hands over what waits for the connection that the hub has spoken of. Returns the lanes that it
 * was in. */
struct rudpmsg_lanes *rudpmsg_lanes_on_room(struct rudpmsg_room *room, int64_t now_at_ns);

/* All that waits fails. Returns how many. */
uint64_t rudpmsg_lanes_fail(struct rudpmsg_lanes *lanes, int reason);

bool rudpmsg_lanes_has_outcome(const struct rudpmsg_lanes *lanes);
/* -EAGAIN: none. */
int rudpmsg_lanes_outcome(struct rudpmsg_lanes *lanes, struct rudpmsg_outcome *outcome);

/* Every invariant. For tests. */
bool rudpmsg_lanes_check(const struct rudpmsg_lanes *lanes);

#endif
