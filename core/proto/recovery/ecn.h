/* SPDX-License-Identifier: MIT */
/*
 * ecn - validation of ECN for sent packets: whether to mark them ECT(0), and new CE marks.
 *
 * Model      TESTING: the first packets on a path are marked. UNKNOWN: all test packets were sent;
 *            no packet is marked until an ACK reports their counts. CAPABLE: all packets are
 *            marked, and each ACK is checked. FAILED: the path or the peer loses or invents marks,
 *            or the path drops marked packets; no packet is marked.
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
	uint8_t state;      /* enum rudp_ecn_state */
	bool marking;       /* packets sent now carry ECT(0) */
	uint32_t test_left; /* test packets still to send while TESTING */
	uint32_t test_lost;
	uint64_t test_sent;
	uint64_t sent; /* marked packets, on all paths */
	/* marked packets newly acknowledged since the counts of an ACK were last checked */
	uint64_t answered;
	uint64_t ect0, ce; /* the peer's last reported counts */
	uint64_t largest;  /* Largest Acknowledged of that ACK; UINT64_MAX: none */
	uint64_t ce_new;   /* CE marks not yet reported to congestion control */
};

void rudp_ecn_init(struct rudp_ecn *ecn);
/* The path has changed: starts a new test; the counters continue. */
void rudp_ecn_restart(struct rudp_ecn *ecn);

/* Decides on packets about to be sent. Returns the ECN field that they must carry. */
uint8_t rudp_ecn_mark(struct rudp_ecn *ecn);
/* A marked packet was sent. */
void rudp_ecn_on_sent(struct rudp_ecn *ecn);
/* A marked packet was acknowledged, or declared lost. */
void rudp_ecn_on_answered(struct rudp_ecn *ecn);
void rudp_ecn_on_lost(struct rudp_ecn *ecn);
/*
 * An ACK was processed; on_answered was called for each marked packet that it newly acknowledged.
 */
void rudp_ecn_on_ack(struct rudp_ecn *ecn, const struct rudp_ack *ack);

#endif
