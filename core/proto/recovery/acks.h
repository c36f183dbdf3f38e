/* SPDX-License-Identifier: MIT */
/*
 * acks - which packets have been received, and when the peer must hear of it.
 *
 * Rule     docs/protocol.md section 9.4: after every second packet that expects an answer while the
 *          connection is young, then after every eighth, and so behind the peer's FIN; after
 *          RUDP_ACK_EVERY_BYTES; at the latest after the acknowledgement delay; at once when a packet
 *          comes out of order, leaves a gap, or is marked CE, but for that not sooner than a
 *          sixty-fourth of the RTT after the last one: on a path that reorders all the time every
 *          packet would be acknowledged by one of its own.
 * Limits   RUDP_ACKS_RANGES_MAX ranges are remembered; beyond that the oldest are forgotten.
 */
#ifndef RUDP_PROTO_ACKS_H
#define RUDP_PROTO_ACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/range_set.h"
#include "base/time.h"
#include "base/wire.h"

#define RUDP_ACKS_RANGES_MAX 256
#define RUDP_ACK_DELAY_MAX_NS (25 * RUDP_NS_PER_MS)
#define RUDP_ACK_DELAY_MIN_NS (1 * RUDP_NS_PER_MS)
#define RUDP_ACK_SPACING_DIVISOR 64     /* of the RTT, between ACKs that disorder calls for */
#define RUDP_ACK_EVERY_YOUNG 2
#define RUDP_ACK_EVERY 8
#define RUDP_ACK_YOUNG_PACKETS 100
#define RUDP_ACK_EVERY_BYTES 65536u /* eight of the largest packets would be a window of their own */
/* With more ranges than this a pure receiver wants its own acks acknowledged, so as to forget them. */
#define RUDP_ACKS_RANGES_MANY 8

struct rudp_acks {
	struct rudp_range_set received;
	uint64_t largest;          /* UINT64_MAX: none */
	int64_t largest_at_ns;
	uint64_t packets;
	unsigned pending;          /* packets that expect an answer and have none yet */
	uint64_t pending_bytes;    /* in them */
	bool now;
	bool peer_is_done;         /* no more of its stream is to come */
	int64_t due_at_ns;         /* RUDP_NEVER: nothing owed */
	int64_t sent_at_ns;        /* the last one left */
	uint64_t ecn[3];           /* received: ECT(0), ECT(1), CE */
};

void rudp_acks_init(struct rudp_acks *acks);
void rudp_acks_fini(struct rudp_acks *acks);

/* An authentic packet was taken. eliciting: it expects an answer. ecn: the IP header's two bits. */
void rudp_acks_on_packet(struct rudp_acks *acks, uint64_t number, bool eliciting, uint8_t ecn,
			 int64_t srtt_ns, int64_t now_at_ns);

/* The packet of the last rudp_acks_on_packet had so many bytes. */
void rudp_acks_on_bytes(struct rudp_acks *acks, size_t bytes);

/* The peer's FIN is here, and ours is not under way: it may well follow, and take the ACK along. */
void rudp_acks_on_peer_fin(struct rudp_acks *acks);

/* An acknowledgement must leave now, whatever else does. */
bool rudp_acks_is_due(const struct rudp_acks *acks, int64_t now_at_ns);
/* One would not be for nothing: worth putting into a packet that leaves anyway. */
static inline bool rudp_acks_is_owed(const struct rudp_acks *acks)
{
	return acks->pending > 0 || acks->now;
}

/* Appends an ACK frame; false when it does not fit or nothing was ever received. */
bool rudp_acks_write(const struct rudp_acks *acks, struct rudp_writer *w, int64_t now_at_ns);
/* The frame has left. */
void rudp_acks_on_sent(struct rudp_acks *acks, int64_t now_at_ns);
/* The peer has our ACK that covered everything up to largest: older ranges need no repetition. */
void rudp_acks_on_acked(struct rudp_acks *acks, uint64_t largest);

#endif
