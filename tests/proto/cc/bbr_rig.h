/* SPDX-License-Identifier: MIT */
/*
 * bbr_rig - runs BBR without a connection: feeds it the events of a steady path of 500 datagrams,
 * one at a time.
 *
 * There is one rig, in static memory; criterion runs each test in a process of its own.
 */
#ifndef RUDP_TESTS_PROTO_BBR_RIG_H
#define RUDP_TESTS_PROTO_BBR_RIG_H

#include "proto/cc/cc_bbr.h"

#define DATAGRAM 1200u
#define RTT_NS (50 * RUDP_NS_PER_MS)
#define RATE UINT64_C(12000000) /* bytes per second: 500 datagrams per round trip */
#define ROUND_PACKETS 500u
#define PIECE_PACKETS (ROUND_PACKETS / 10)

struct bbr_rig {
	struct rudp_cc cc;
	struct bbr *b;
	struct rudp_rtt rtt;
	int64_t now_at_ns;
	uint64_t next, acked;    /* packet numbers */
	uint64_t inflight_bytes; /* reported with each ACK */
	uint64_t lost_bytes;     /* reported with each rate sample */
	uint64_t marks;
	bool app_limited, cwnd_limited;
};

struct bbr_rig *bbr_rig_new(void);

/* One ACK with a rate sample. */
void bbr_rig_ack(struct bbr_rig *rig, uint64_t packets, uint64_t rate);

/* Runs one round trip: sends a window, then acknowledges all of it in ten pieces. */
void bbr_rig_round(struct bbr_rig *rig, uint64_t rate);

/*
 * Runs a tenth of a round trip: sends a tenth of a window and acknowledges packets, each with an
 * RTT of rtt_ns. The rate sample is that of the path.
 */
void bbr_rig_piece(struct bbr_rig *rig, uint64_t packets, int64_t rtt_ns);
void bbr_rig_pieces(struct bbr_rig *rig, unsigned count, uint64_t packets, int64_t rtt_ns);

/*
 * The pacing rate in percent of the bandwidth, without the margin that is kept next to other flows
 * and on short paths.
 */
uint64_t bbr_rig_gain(const struct bbr_rig *rig);

/* Loses packets, none next to another, or a run of them. */
void bbr_rig_lose(struct bbr_rig *rig, uint32_t packets);
void bbr_rig_lose_run(struct bbr_rig *rig, uint32_t packets);

/*
 * Runs round trips at the rate of the path until the state is reached. The test fails if it never
 * is.
 */
void bbr_rig_until(struct bbr_rig *rig, enum bbr_state state);

/* Makes a rig in CRUISE, after the early first probe. */
struct bbr_rig *bbr_rig_cruising(void);

#endif
