/* SPDX-License-Identifier: MIT */
/*
 * flow_group - connections between the same two hosts that all send as fast as their path lets them:
 * they share a bottleneck, so that they need not fight for their parts of it, but can agree.
 *
 * Exchange   each says at the end of a round trip what it has. Who has less than an equal part asks for
 *            more, at first a quarter of what it has; who has more than that gives as much away; who
 *            has asked takes it. The sum stays as it is, and so does what everybody else has to suffer
 *            from them. It costs the same, however many they are.
 * Judgement  what was taken must show, three round trips later, in what is delivered. If it does, twice
 *            as much may be asked for next time, and then four times. If it does not, again and again,
 *            they do not share a bottleneck, whatever their hosts are (the network sends them different
 *            ways, or limits each by itself): the group is apart for ten seconds, then for twenty, and
 *            so on.
 * Probes     who looks for more, or for the path without a queue, asks the others to do so at the same
 *            time: they are then one flow, with one flow's queue, and not as many.
 *
 * Source     RFC 8699 (coupled congestion control), whose names are kept: flow group, flow state
 *            exchange. There windows of media are exchanged, of senders that are known to share; here
 *            BBR's bandwidth. docs/protocol.md section 11.2.
 * Memory     a group lives while somebody holds it, which a connection does from its first bulk on: no
 *            more groups than connections, and nothing is allocated when they come and go.
 * Threads    none: an endpoint's own.
 */
#ifndef RUDP_PROTO_FLOW_GROUP_H
#define RUDP_PROTO_FLOW_GROUP_H

#include <stdint.h>

#include "base/addr.h"
#include "base/table.h"
#include "proto/cc/cc.h"

#define RUDP_FLOW_APART_NS (10 * RUDP_NS_PER_S)
#define RUDP_FLOW_APART_NS_MAX (640 * RUDP_NS_PER_S)

struct rudp_flow_group_key {
	struct rudp_addr_key local, remote; /* without ports */
};

struct rudp_flow_group {
	struct rudp_flow_group_key key;
	unsigned holders;                /* at least 1 */
	unsigned flows;                  /* of these, that send as fast as they may */
	unsigned probes[RUDP_CC_PROBES]; /* begun by them together, so far */
	int trust;                       /* that they share a bottleneck: what grants have shown */
	uint64_t bytes_per_s;            /* of all of them, as they have said */
	uint64_t wanted_bytes_per_s;     /* asked for, and not taken yet */
	uint64_t spare_bytes_per_s;      /* of these, what has been given; no more than that */
	int64_t apart_until_ns, apart_ns;
	UT_hash_handle hh;
};

/* One of them. All zeros at first; the first two are told, the rest is the group's. */
struct rudp_flow {
	uint64_t bytes_per_s;             /* at which it goes on */
	uint64_t delivered_bytes_per_s;   /* by the path, of late; 0: not known */
	uint64_t counted_bytes_per_s;     /* of it in the group's sum */
	uint64_t asked_bytes_per_s;       /* of what is wanted */
	uint64_t expected_bytes_per_s;    /* that must be delivered when a grant is judged */
	unsigned rounds_left;             /* until then; 0: none is judged */
};

/* The group between these hosts. NULL: no memory; then there is none. */
struct rudp_flow_group *rudp_flow_group_hold(struct rudp_flow_group **all,
					     const struct rudp_addr *local,
					     const struct rudp_addr *remote);
/* The last holder frees it. His flow has left. */
void rudp_flow_group_drop(struct rudp_flow_group **all, struct rudp_flow_group *group);

/* A holder's flow, with nothing yet; and none any more, with what it had. */
void rudp_flow_group_join(struct rudp_flow_group *group, struct rudp_flow *flow);
void rudp_flow_group_leave(struct rudp_flow_group *group, struct rudp_flow *flow);

/* Counts what a flow has, but exchanges nothing. */
void rudp_flow_group_count(struct rudp_flow_group *group, struct rudp_flow *flow);
/* A round trip is over. Counts and exchanges: flow->bytes_per_s is then what it is to go on with. */
void rudp_flow_group_exchange(struct rudp_flow_group *group, struct rudp_flow *flow,
			      int64_t now_at_ns);
/* They were found not to share a bottleneck, of late. */
bool rudp_flow_group_is_apart(const struct rudp_flow_group *group, int64_t now_at_ns);

#endif
