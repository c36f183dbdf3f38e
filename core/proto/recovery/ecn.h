/* SPDX-License-Identifier: MIT */
/*
 * ecn - whether what we send may be marked ECT(0), and how many of the marks came back as CE.
 *
 * Model      TESTING: the first packets on a path are marked. UNKNOWN: no more of them until an ACK
 *            tells what became of those. CAPABLE: all are marked, and each ACK is checked. FAILED: the
 *            path or the peer loses or invents marks, or swallows marked packets; none are sent.
 * Threads    none: one owner at a time.
 * Source     RFC 9000 section 13.4.2 and appendix A.4; docs/protocol.md section 11.
 */
#ifndef RUDP_PROTO_ECN_H
#define RUDP_PROTO_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/wire/frame.h"

#define RUDP_ECN_ECT0 2
#define RUDP_ECN_TEST_PACKETS 10 /* RFC 9000 appendix A.4 */

enum rudp_ecn_state {
	RUDP_ECN_TESTING,
	RUDP_ECN_UNKNOWN,
	RUDP_ECN_CAPABLE,
	RUDP_ECN_FAILED,
};

struct rudp_ecn {
	uint8_t state;                /* enum rudp_ecn_state */
	bool marking;                 /* the packets that leave now bear ECT(0) */
	uint32_t test_left;           /* packets still to be marked while TESTING */
	uint32_t test_lost;
	uint64_t test_sent;
	uint64_t sent;                /* marked packets, on all paths */
	uint64_t answered;            /* of them newly acknowledged, since the last count was checked */
	uint64_t ect0, ce;            /* what the peer has counted last */
	uint64_t largest;             /* acknowledged with that; UINT64_MAX: none */
	uint64_t ce_new;              /* marks that congestion control has not been told of */
};

void rudp_ecn_init(struct rudp_ecn *ecn);
/* Another path: the counts go on, the test begins anew. */
void rudp_ecn_restart(struct rudp_ecn *ecn);

/* Packets are about to leave: the ECN field that they shall bear. */
uint8_t rudp_ecn_mark(struct rudp_ecn *ecn);
/* One of them has left, marked. */
void rudp_ecn_on_sent(struct rudp_ecn *ecn);
/* A marked one was acknowledged, or lost. */
void rudp_ecn_on_answered(struct rudp_ecn *ecn);
void rudp_ecn_on_lost(struct rudp_ecn *ecn);
/* An ACK has been taken, after its packets were told by on_answered. */
void rudp_ecn_on_ack(struct rudp_ecn *ecn, const struct rudp_ack *ack);

#endif
