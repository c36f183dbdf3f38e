/* SPDX-License-Identifier: MIT */
/*
 * flow_group - shares bandwidth fairly between connections of the same two hosts.
 *
 * Connections that all send at the full rate of the path probably share a bottleneck. They exchange
 * bandwidth instead of competing for it.
 *
 * Exchange   At the end of a round trip each flow reports its bandwidth. A flow with less than an
 *            equal share asks for more, at first for a quarter of what it has. A flow with more
 *            than its share gives away as much as is asked for, and the asking flow takes it. The
 *            sum stays the same, and so does the effect on other traffic. The cost does not depend
 *            on the number of flows.
 * Judgement  Three round trips after a grant, the delivery rate must show the granted bandwidth. If
 *            it does, the next request may be twice as large, then four times. If it repeatedly
 *            does not, the flows do not share a bottleneck: the network routes them differently, or
 *            limits each flow separately. Then the group stops the exchange ("apart") for 10
 *            seconds, next time for 20, and so on.
 * Probes     A flow that probes for more bandwidth, or for the minimum RTT, asks the others to
 *            probe at the same time. Together they then behave like one flow, with the queue of one
 *            flow.
 *
 * Source     RFC 8699 (coupled congestion control), whose terms are used here: flow group, flow
 *            state exchange. RFC 8699 couples the windows of media flows that are known to share a
 *            bottleneck; here BBR's bandwidth is exchanged. docs/protocol.md section 11.2.
 * Memory     A group lives while it has holders. A connection holds it from its first bulk transfer
 *            on. So there are no more groups than connections, and join and leave allocate nothing.
 * Threads    none: belongs to one endpoint.
 */
#ifndef RUDP_PROTO_FLOW_GROUP_H
#define RUDP_PROTO_FLOW_GROUP_H

#include <stdint.h>

#include "base/addr.h"
#include "proto/cc/cc.h"
#include "proto/cc/host_cache.h"

#define RUDP_FLOW_APART_NS (10 * RUDP_NS_PER_S)
#define RUDP_FLOW_APART_NS_MAX (640 * RUDP_NS_PER_S)

struct rudp_flow_group {
	struct rudp_host *host;
	struct rudp_addr_key local;      /* without port */
	struct rudp_flow_group *next;    /* of the same host; NULL: none */
	unsigned holders;                /* at least 1 */
	unsigned flows;                  /* holders that send at full rate */
	unsigned probes[RUDP_CC_PROBES]; /* joint probes started, by kind */
	int trust; /* confidence that the flows share a bottleneck, from the results of grants */
	uint64_t bytes_per_s;        /* sum over all flows, as reported */
	uint64_t wanted_bytes_per_s; /* requested and not yet taken */
	uint64_t spare_bytes_per_s;  /* given away and not yet taken; at most wanted_bytes_per_s */
	int64_t apart_until_ns, apart_ns;
};

/*
 * A flow of a group. Initialise to all zeros. The caller sets the first two members; the group owns
 * the others.
 */
struct rudp_flow {
	uint64_t bytes_per_s;           /* its bandwidth; exchange changes it */
	uint64_t delivered_bytes_per_s; /* recent delivery rate; 0: unknown */
	uint64_t counted_bytes_per_s;   /* its part of the group's sum */
	uint64_t asked_bytes_per_s;     /* its part of wanted_bytes_per_s */
	uint64_t expected_bytes_per_s;  /* delivery rate that confirms the grant */
	unsigned rounds_left; /* round trips until the grant is judged; 0: no grant to judge */
};

/*
 * Gives the group of these hosts and adds a holder of it and of the remote host; creates it if
 * needed. NULL: no memory.
 */
struct rudp_flow_group *rudp_flow_group_hold(struct rudp_host_cache *hosts,
					     const struct rudp_addr *local,
					     const struct rudp_addr *remote);
/* Removes a holder, whose flow must have left. The last holder frees the group. */
void rudp_flow_group_drop(struct rudp_host_cache *hosts, struct rudp_flow_group *group);

/* Adds a holder's flow without bandwidth; removes a flow and its bandwidth. */
void rudp_flow_group_join(struct rudp_flow_group *group, struct rudp_flow *flow);
void rudp_flow_group_leave(struct rudp_flow_group *group, struct rudp_flow *flow);

/* Updates the group's sum with the flow's bandwidth. Exchanges nothing. */
void rudp_flow_group_count(struct rudp_flow_group *group, struct rudp_flow *flow);
/*
 * To be called at the end of each round trip. Updates the sum and exchanges bandwidth:
 * flow->bytes_per_s is the new bandwidth of the flow.
 */
void rudp_flow_group_exchange(struct rudp_flow_group *group, struct rudp_flow *flow,
			      int64_t now_at_ns);
/*
 * True while the exchange is stopped, because the flows recently showed that they share no
 * bottleneck.
 */
bool rudp_flow_group_is_apart(const struct rudp_flow_group *group, int64_t now_at_ns);

#endif
