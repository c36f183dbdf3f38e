/* SPDX-License-Identifier: MIT */
/*
 * answer_limit - limits how many packets we send in answer to unauthenticated senders.
 *
 * With one limit for all senders, an attacker who sends garbage would use it up. Honest peers would
 * then get no REFUSE for a closed port and no RESET for a lost association or connection, and would
 * have to wait for their time-outs. So each network has its own counter, as ICMP has one for each
 * destination (icmp(7)). A keyed hash maps networks to counters, so an attacker cannot choose which
 * networks share a counter. To silence a host, an attacker must forge source addresses of most
 * networks, or of the victim's own.
 *
 * A RESET is smaller than the packet that causes it. A host that lost many connections at once
 * needs one RESET for each. The limit for RESETs is therefore high: it only bounds the cost of a
 * flood.
 *
 * Limit    RUDP_REFUSES_PER_S and RUDP_RESETS_PER_S for each of RUDP_ANSWER_GROUPS counters.
 * Threads  none: owned by the endpoint.
 */
#ifndef RUDP_PROTO_ANSWER_LIMIT_H
#define RUDP_PROTO_ANSWER_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

#define RUDP_ANSWER_GROUPS 64u
#define RUDP_REFUSES_PER_S 100u
#define RUDP_RESETS_PER_S 1000u
#define RUDP_ANSWER_PREFIX_IPV4_BYTES 3 /* /24 and /48: one network, as one customer may have */
#define RUDP_ANSWER_PREFIX_IPV6_BYTES 6

/*
 * A REFUSE answers a SYN of 1200 bytes; a RESET answers a packet of at least 26 bytes, which is
 * cheaper to send.
 */
enum rudp_answer_kind { RUDP_ANSWER_REFUSE, RUDP_ANSWER_RESET, RUDP_ANSWER_KIND_COUNT };

/* Valid when all zero. */
struct rudp_answer_limit {
	int64_t second_at_ns; /* when the current second began */
	/* answers sent in the current second */
	uint16_t counts[RUDP_ANSWER_KIND_COUNT][RUDP_ANSWER_GROUPS];
};

/* Returns true if one more answer may be sent to this address, and counts it. */
bool rudp_answer_limit_take(struct rudp_answer_limit *limit, enum rudp_answer_kind kind,
			    const struct rudp_addr *to, int64_t now_at_ns);

#endif
