/* SPDX-License-Identifier: MIT */
/*
 * acks - records which packets were received and decides when to send an acknowledgement.
 *
 * Rule     docs/protocol.md section 9.4. An ACK is sent after every second ack-eliciting packet
 *          at first, and after every eighth from RUDP_ACK_YOUNG_PACKETS packets or the peer's FIN
 *          on. It is sent after RUDP_ACK_EVERY_BYTES, and at the latest after the acknowledgement
 *          delay. It is sent at once if a packet arrives out of order, leaves a gap or is marked
 *          CE. Such immediate ACKs are at least RTT/64 apart: otherwise a path that reorders all
 *          the time would cause one ACK for each packet.
 * Limits   RUDP_ACKS_RANGES_MAX ranges are kept. Beyond that the oldest ranges are dropped.
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
#define RUDP_ACK_SPACING_DIVISOR 64 /* fraction of the RTT between immediate ACKs */
#define RUDP_ACK_EVERY_YOUNG 2
#define RUDP_ACK_EVERY 8
#define RUDP_ACK_YOUNG_PACKETS 100
#define RUDP_ACK_EVERY_BYTES 65536u /* eight packets of the largest size would be a whole window */
/*
 * With more ranges than this, a pure receiver asks for ACKs of its ACKs, so that it can drop
 * ranges.
 */
#define RUDP_ACKS_RANGES_MANY 8

struct rudp_acks {
	struct rudp_range_set received;
	uint64_t largest; /* largest number received; UINT64_MAX: none */
	int64_t largest_at_ns;
	uint64_t packets;
	unsigned pending;       /* ack-eliciting packets that are not acknowledged yet */
	uint64_t pending_bytes; /* size of those packets */
	bool now;               /* an ACK must be sent at once */
	bool peer_is_done;      /* the peer's FIN was received */
	int64_t due_at_ns;  /* the latest time for the next ACK; RUDP_NEVER: no ACK is pending */
	int64_t sent_at_ns; /* when the last ACK was sent */
	uint64_t ecn[3];    /* packets received with ECT(0), ECT(1), CE */
};

void rudp_acks_init(struct rudp_acks *acks);
void rudp_acks_fini(struct rudp_acks *acks);

/*
 * Records an authenticated packet. eliciting: it is ack-eliciting. ecn: the two ECN bits of the IP
 * header.
 */
void rudp_acks_on_packet(struct rudp_acks *acks, uint64_t number, bool eliciting, uint8_t ecn,
			 int64_t srtt_ns, int64_t now_at_ns);

/* Tells the size of the packet of the last rudp_acks_on_packet(). */
void rudp_acks_on_bytes(struct rudp_acks *acks, size_t bytes);

/*
 * Reports that the peer's FIN has arrived and that we have not sent ours. Our FIN may follow soon,
 * and the ACK can travel in the same packet.
 */
void rudp_acks_on_peer_fin(struct rudp_acks *acks);

/* Whether an ACK must be sent now, even if nothing else is. */
bool rudp_acks_is_due(const struct rudp_acks *acks, int64_t now_at_ns);
/*
 * Whether an ACK would tell the peer something new, so that it is worth adding to an outgoing
 * packet.
 */
static inline bool rudp_acks_is_owed(const struct rudp_acks *acks)
{
	return acks->pending > 0 || acks->now;
}

/* Appends an ACK frame. Returns false if it does not fit or if nothing was received yet. */
bool rudp_acks_write(const struct rudp_acks *acks, struct rudp_writer *w, int64_t now_at_ns);
/* Reports that the ACK frame was sent. */
void rudp_acks_on_sent(struct rudp_acks *acks, int64_t now_at_ns);
/*
 * Reports that the peer received our ACK up to number largest: older ranges need not be repeated.
 */
void rudp_acks_on_acked(struct rudp_acks *acks, uint64_t largest);

#endif
