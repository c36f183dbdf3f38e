/* SPDX-License-Identifier: MIT */
/*
 * answer_limit - how many answers unauthenticated senders get.
 *
 * One number for all would be used up by whoever sends rubbish, and honest peers would wait for their
 * time-outs: to be told nothing of a closed port, of an association or a connection that is gone. So
 * each network counts for itself (as ICMP does for each destination, icmp(7)); which networks share a
 * count is decided by a keyed hash, and cannot be aimed at. Only who forges senders from most networks
 * at once, or the very one of his victim, silences somebody.
 *
 * A RESET is a few bytes in answer to more, and a crowd that has missed its peers' last words needs as
 * many as it has connections: a limit is there to bound what a flood costs, no more.
 *
 * Limit    RUDP_REFUSES_PER_S and RUDP_RESETS_PER_S for each group, of RUDP_ANSWER_GROUPS.
 * Threads  none: an endpoint's own.
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
#define RUDP_ANSWER_PREFIX_IPV4_BYTES 3 /* one network: what one customer may have */
#define RUDP_ANSWER_PREFIX_IPV6_BYTES 6

/* What causes the one (1200 bytes) costs its sender far more than what causes the other (26). */
enum rudp_answer_kind { RUDP_ANSWER_REFUSE, RUDP_ANSWER_RESET, RUDP_ANSWER_KIND_COUNT };

/* All zeros at first. */
struct rudp_answer_limit {
	int64_t second_at_ns;                                        /* when this second began */
	uint16_t counts[RUDP_ANSWER_KIND_COUNT][RUDP_ANSWER_GROUPS]; /* in it */
};

/* Whether one more may be sent there; if so it is counted. */
bool rudp_answer_limit_take(struct rudp_answer_limit *limit, enum rudp_answer_kind kind,
			    const struct rudp_addr *to, int64_t now_at_ns);

#endif
