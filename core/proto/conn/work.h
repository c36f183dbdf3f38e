/* SPDX-License-Identifier: MIT */
/*
 * work - limits the computation that an authenticated peer can cause.
 *
 * Without a pre-shared key anybody can be an authenticated peer. All connections of a user share
 * one engine, so a peer that sends packets that are cheap to send and expensive to process would
 * delay the other connections.
 *
 * Unit      About 10 ns on a processor of 2020. Each module counts its own work: range_set the
 *           ranges that it moves, fec_store the blocks that it examines and solves, the connection
 *           its frames.
 * Packet    A packet may cost RUDP_WORK_PACKET_MAX plus one frame. The rest of the packet is then
 *           dropped and the packet is not acknowledged: verdict TOO_COSTLY. Packets that a normal
 *           implementation sends cost a tenth of that.
 * Debt      RUDP_WORK_FREE units of each packet are free: they cost less than its decryption. The
 *           rest is added to a debt, which decreases by RUDP_WORK_PER_S. A connection whose debt
 *           reaches RUDP_WORK_DEBT_MAX accepts no packet (TOO_COSTLY) until it is lower. So one
 *           connection can take 1 % of a processor from the others.
 * Turns     A packet leaves longer work to later turns, in which connections alternate and packets
 *           of others arrive: an ACK of many packets (RUDP_FATES_PER_CALL at a time), and FEC.
 * Excluded  Work that the peer has paid for otherwise: acknowledged and lost packets of this side,
 *           once each; decryption; the block that is copied when a buffer grows (ring.h).
 * Threads   none: belongs to one connection.
 */
#ifndef RUDP_PROTO_WORK_H
#define RUDP_PROTO_WORK_H

#include <stdint.h>

#define RUDP_WORK_PACKET_MAX 1000u
#define RUDP_WORK_FREE 200u
#define RUDP_WORK_PER_S 1000000u
/* 10 ms: 256 kB of repair symbols for a burst cost less than half of it. */
#define RUDP_WORK_DEBT_MAX 1000000u
#define RUDP_WORK_FRAME 5u
#define RUDP_WORK_MOVE 300u     /* a change of path: measurements, lists, a challenge */
#define RUDP_WORK_SPARE_ID 200u /* a change of id: tables, another spare id with its token */
#define RUDP_WORK_KEYS 500u     /* a change of the key phase */
/* Answering a KEY_SHARE, two X25519 operations: not with its packet, and at most once a minute. */
#define RUDP_WORK_EXCHANGE 8000u
/* Connections solve their blocks by turns, this much in each turn; one step may exceed it. */
#define RUDP_WORK_FEC_TURN 400u

struct rudp_work {
	uint64_t units;       /* work that no other module counts; total */
	uint64_t packet_from; /* the total when the current packet began */
	uint64_t debt;
	int64_t debt_at_ns; /* when debt was last updated */
};

#endif
