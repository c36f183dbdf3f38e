/* SPDX-License-Identifier: MIT */
/*
 * bbr_rig - BBR alone, fed with the facts of a steady path of 500 datagrams, one at a time.
 *
 * One rig exists, in static memory; criterion runs each test in a process of its own.
 */
#ifndef RUDP_TESTS_PROTO_BBR_RIG_H
#define RUDP_TESTS_PROTO_BBR_RIG_H

#include "proto/cc/cc_bbr.h"

#define DATAGRAM 1200u
#define RTT_NS (50 * RUDP_NS_PER_MS)
#define RATE UINT64_C(12000000) /* bytes per second: 500 datagrams a round trip */
#define ROUND_PACKETS 500u
#define PIECE_PACKETS (ROUND_PACKETS / 10)

struct bbr_rig {
	struct rudp_cc cc;
	struct bbr *b;
	struct rudp_rtt rtt;
	int64_t now_at_ns;
	uint64_t next, acked;    /* numbers */
	uint64_t inflight_bytes; /* reported with each ACK */
	uint64_t lost_bytes;     /* reported with each rate sample */
	uint64_t marks;
	bool app_limited, cwnd_limited;
};

struct bbr_rig *bbr_rig_new(void);

/* One ACK with a rate sample. */
void bbr_rig_ack(struct bbr_rig *rig, uint64_t packets, uint64_t rate);

/* A round trip: a window is sent, then all of it is acknowledged in ten pieces. */
void bbr_rig_round(struct bbr_rig *rig, uint64_t rate);

/* A tenth of a round trip: a tenth of a window is sent, and packets are acknowledged, all of which
 * took rtt_ns. The rate sample is that of the path. */
void bbr_rig_piece(struct bbr_rig *rig, uint64_t packets, int64_t rtt_ns);
void bbr_rig_pieces(struct bbr_rig *rig, unsigned count, uint64_t packets, int64_t rtt_ns);

/* The pacing rate in percent of the bandwidth, without the margin that is kept
 * beside others and on short paths. */
uint64_t bbr_rig_gain(const struct bbr_rig *rig);

void bbr_rig_lose(struct bbr_rig *rig, uint32_t packets);

/* Round trips at the rate of the path until the state is reached; fails if it never is. */
void bbr_rig_until(struct bbr_rig *rig, enum bbr_state state);

/* A rig that has come as far as CRUISE, with the first probe, which comes early, behind it. */
struct bbr_rig *bbr_rig_cruising(void);

#endif
