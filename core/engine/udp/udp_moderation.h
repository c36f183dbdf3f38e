/* SPDX-License-Identifier: MIT */
/*
 * udp_moderation - during bulk transfer, reads a socket at intervals instead of at every datagram.
 *
 * If a bottleneck spaces datagrams by a tenth of a millisecond, each one would wake the engine and
 * then the program. These wake-ups are most of a receiver's cost. So under two conditions epoll
 * does not watch a socket: all that it receives comes from a single peer, and it has been woken at
 * least twice in an eighth of the round trip time. Then it is read at common times, up to four
 * milliseconds apart, until reads find little. Network cards moderate interrupts in the same way.
 *
 * This delays the bytes and acknowledgements of all connections with that peer by less than an
 * eighth of the round trip time. There is no moderation for short round trips, for sockets that
 * receive from several peers, and while the rate of a connection grows: then the spacing of
 * acknowledgements measures the path. In slow start a round trip brings as much as all before it;
 * here it may bring an eighth of that.
 *
 * Threads  the engine's.
 */
#ifndef RUDP_ENGINE_UDP_MODERATION_H
#define RUDP_ENGINE_UDP_MODERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"

struct rudp_engine;
struct rudp_udp;

#define RUDP_MODERATION_NS_MAX (INT64_C(1) << 22) /* about four milliseconds */
#define RUDP_MODERATION_NS_MIN (INT64_C(1) << 18) /* powers of two; shorter ones save too little */
#define RUDP_MODERATION_RTT_DIVISOR 8
#define RUDP_MODERATION_WAKES_MIN 2      /* per interval; fewer are not worth it */
#define RUDP_MODERATION_HEARD_MAX 64u    /* datagrams per read; more should be read sooner */
#define RUDP_MODERATION_PACKETS_MIN 512u /* received by the connection before moderation */
#define RUDP_MODERATION_GROWTH_DIVISOR 8 /* of these, the most that a round trip may add */
#define RUDP_MODERATION_CHECK_NS (8 * RUDP_MODERATION_NS_MAX) /* at least a round trip apart */
#define RUDP_MODERATION_SPARSE_MAX 2 /* reads in a row with fewer than two datagrams */

/* Part of struct rudp_udp. */
struct rudp_moderation {
	struct rudp_list link; /* in engine->moderated_udps */
	struct rudp_addr from; /* sender of the last datagram */
	int64_t read_at_ns;
	int64_t gap_ns;  /* between two reads, smoothed */
	int64_t span_ns; /* interval between reads; 0: not moderated */
	int64_t read_due_at_ns;
	int64_t check_at_ns;   /* when to check again whether to moderate */
	uint64_t packets;      /* received by the connection until the last check */
	unsigned heard;        /* datagrams in the current read */
	unsigned sparse_reads; /* reads in a row that found too little */
};

void rudp_moderation_init(struct rudp_moderation *m);
/* Counts datagrams from this sender. false: those before came from another sender. */
bool rudp_moderation_on_heard(struct rudp_moderation *m, const struct rudp_addr *from,
			      unsigned datagrams);

/* To be called after a read that found datagrams. alone: all came from the same sender as
 * before. */
void rudp_udp_moderate(struct rudp_engine *engine, struct rudp_udp *udp, bool alone);
/* Reads the moderated sockets that are due. */
void rudp_udp_read_moderated(struct rudp_engine *engine);
/* When the next of these reads is due; RUDP_NEVER: none. */
int64_t rudp_udp_moderated_at_ns(const struct rudp_engine *engine);
/* Updates what epoll watches, according to the socket's state. */
void rudp_udp_rewatch(struct rudp_engine *engine, const struct rudp_udp *udp);

#endif
