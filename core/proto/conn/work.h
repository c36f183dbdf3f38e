/* SPDX-License-Identifier: MIT */
/*
 * work - what an authenticated peer makes this host compute, and how much of it is done at once.
 *
 * Anybody may be an authenticated peer where no key is set. All connections of a user share one engine,
 * so a peer that sends what is cheap to send and costly to take would delay the others.
 *
 * Unit       about 10 ns on a processor of 2020. Each part counts its own: range_set what it moves,
 *            repair_store what it looks at and multiplies, the connection its frames.
 * A packet   may cost RUDP_WORK_PACKET_MAX, and one frame more. What is left of the packet then is
 *            dropped, and the packet is not acknowledged: verdict TOO_COSTLY. Packets that an
 *            implementation has reason to send cost a tenth of it.
 * Over time  RUDP_WORK_FREE of each packet are free: they cost less than its decryption. The rest is a
 *            debt, which goes down by RUDP_WORK_PER_S. A connection that owes RUDP_WORK_DEBT_MAX takes
 *            no packet (TOO_COSTLY) until it owes less: one connection can take 1 % of a processor from
 *            the others.
 * Not counted  what the peer has paid for otherwise: answers and losses of packets that this side has
 *            sent to it, once each; decryption; bytes copied when a buffer grows, once a doubling.
 * Threads    none: a connection's own.
 */
#ifndef RUDP_PROTO_WORK_H
#define RUDP_PROTO_WORK_H

#include <stdint.h>

#define RUDP_WORK_PACKET_MAX 1000u
#define RUDP_WORK_FREE 200u
#define RUDP_WORK_PER_S 1000000u
/* 10 ms: 256 kB of repair symbols for a burst cost less than half of it */
#define RUDP_WORK_DEBT_MAX 1000000u
#define RUDP_WORK_FRAME 5u
#define RUDP_WORK_MOVE 300u         /* another path: its measurements, lists, a challenge */
#define RUDP_WORK_KEYS 500u         /* another key phase */
/* An answer to KEY_SHARE, two X25519: not with its packet, and once a minute at most. */
#define RUDP_WORK_EXCHANGE 8000u
/* Blocks are solved in turn with other connections, so much in each; a step more is possible. */
#define RUDP_WORK_FEC_TURN 400u

struct rudp_work {
	uint64_t units;     /* those that no part counts itself; total */
	uint64_t packet_from; /* what the total was when the present packet began */
	uint64_t debt;
	int64_t debt_at_ns; /* it was so much then */
	uint64_t refused;   /* packets dropped, or dropped in part; total */
};

#endif
