/* SPDX-License-Identifier: MIT */
/*
 * tail - duplicates the last bytes of sparse traffic, so that their loss costs no probe time-out.
 *
 * A loss is detected by later packets. Nothing follows a single request, response or keystroke, and
 * a probe time-out takes several times as long as the loss itself would cost. So the last bytes are
 * sent again shortly after, while the application is idle and the path has capacity.
 *
 * Model      Stream bytes below guarded_end have been duplicated, or need no duplicate. due_at_ns
 *            is set when bytes above it were sent and nothing more is to be sent; the duplicates
 *            are sent at that time, one for each byte and at most RUDP_TAIL_BYTES at the end of one
 *            burst. They also carry older bytes that are still unacknowledged, up to
 *            RUDP_TAIL_BUNDLE_BYTES: delivery is in order, so one message lost twice delays all
 *            later ones.
 * Cost       At most one more packet each, at most RUDP_TAIL_BYTES_PER_S with bursts of
 *            RUDP_TAIL_BURST_BYTES. None if the ACK comes first: on RTTs below 2 ms, as an ACK is
 *            delayed by a millisecond itself. Bursts with FEC repair symbols (conn_fec.c), and so
 *            the end of bulk transfers, have duplicates only of their very last bytes.
 * Off        By configuration; while a queue, heavy loss or a probe time-out indicates congestion;
 *            and for RUDP_TAIL_HOLD_NS after a CE mark or persistent congestion.
 * Threads    none: one owner at a time. No allocation.
 * Source     docs/protocol.md section 9.6. RFC 8985 section 7 describes the problem; its tail loss
 *            probe comes later.
 */
#ifndef RUDP_PROTO_TAIL_H
#define RUDP_PROTO_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "proto/stream/token_bucket.h"
#include "proto/recovery/rtt.h"

/* The delay before a duplicate: otherwise one burst of losses would take both packets. */
#define RUDP_TAIL_DELAY_DIVISOR 8 /* part of the smoothed RTT */
#define RUDP_TAIL_DELAY_MIN_NS (3 * RUDP_NS_PER_MS)
#define RUDP_TAIL_DELAY_MAX_NS (30 * RUDP_NS_PER_MS)
/* Repair symbols of a burst need no such delay, only time to see whether the burst has ended. */
#define RUDP_TAIL_BURST_DELAY_DIVISOR 64
#define RUDP_TAIL_BURST_DELAY_MIN_NS (1 * RUDP_NS_PER_MS)
#define RUDP_TAIL_BURST_DELAY_MAX_NS (5 * RUDP_NS_PER_MS)
#define RUDP_TAIL_SYN_DELAY_NS (30 * RUDP_NS_PER_MS) /* for a SYN: no RTT is known */
#define RUDP_TAIL_SYNS_PER_S 64u                     /* repeated SYNs of an endpoint */

#define RUDP_TAIL_BYTES 5600u         /* duplicated at the end of one burst: four packets */
#define RUDP_TAIL_COPY_EXTRA_BYTES 64 /* overhead of a duplicate: header, tag, frame headers */
#define RUDP_TAIL_BUNDLE_BYTES 256u /* older, already duplicated bytes that a packet also carries */
#define RUDP_TAIL_COPIES_MAX 32     /* duplicates in flight */
#define RUDP_TAIL_BYTES_PER_S (128u << 10)
#define RUDP_TAIL_BURST_BYTES (16u << 10)
#define RUDP_TAIL_CWND_DIVISOR 2 /* at most cwnd / 2 may be in flight, the duplicate included */

#define RUDP_TAIL_QUEUE_DIVISOR 4                 /* smoothed RTT above 5/4 of the minimum ... */
#define RUDP_TAIL_QUEUE_NS (5 * RUDP_NS_PER_MS)   /* ... plus this: there is a queue */
#define RUDP_TAIL_MIN_RTT_NS (60 * RUDP_NS_PER_S) /* the minimum of the last one to two minutes */
#define RUDP_TAIL_LOSS_WEIGHT 64                  /* packets in the average */
#define RUDP_TAIL_LOSS_ONE 65536u
#define RUDP_TAIL_LOSS_MAX (RUDP_TAIL_LOSS_ONE / 8) /* more loss indicates congestion */
#define RUDP_TAIL_HOLD_NS (1 * RUDP_NS_PER_S)       /* or eight round trips if that is longer */
#define RUDP_TAIL_HOLD_RTTS 8

struct rudp_tail {
	bool disabled;
	int64_t due_at_ns; /* RUDP_NEVER: nothing waits to be duplicated */
	uint64_t guarded_end;
	bool fin_guarded;
	uint64_t copy_start, copy_end; /* stream bytes to duplicate (not lost) */
	bool syn_copy;                 /* SYN or SYNACK is to be sent again before its time-out */
	bool ack_again;                /* the first ACK had a packet of its own: send it again */
	uint32_t copies[RUDP_TAIL_COPIES_MAX]; /* low bits of the packet numbers of duplicates */
	unsigned copy_count;
	struct rudp_token_bucket bucket;
	int64_t held_until_ns;
	/* of the current interval of RUDP_TAIL_MIN_RTT_NS and of the previous one */
	int64_t min_rtt_ns[2];
	int64_t min_rtt_at_ns; /* when the current interval began */
	int64_t srtt_ns;
	uint32_t loss_average;                 /* in units of 1 / RUDP_TAIL_LOSS_ONE */
	uint64_t copied_packets, copied_bytes; /* totals for statistics; stream bytes */
};

void rudp_tail_init(struct rudp_tail *tail, bool disabled, int64_t now_at_ns);
/* The path has changed: resets the measurements. */
void rudp_tail_restart(struct rudp_tail *tail, int64_t now_at_ns);

/*
 * The application has nothing more to send, and unguarded bytes are in flight. burst: repair
 * symbols of a burst will follow.
 */
void rudp_tail_on_idle(struct rudp_tail *tail, const struct rudp_rtt *rtt, bool burst,
		       int64_t now_at_ns);

/* Reports acknowledged and lost packets. sampled: rtt has a new sample. */
void rudp_tail_on_fates(struct rudp_tail *tail, const struct rudp_rtt *rtt, bool sampled,
			uint32_t answered_packets, uint32_t lost_packets, int64_t now_at_ns);
/* A CE mark or persistent congestion was found. */
void rudp_tail_on_congestion(struct rudp_tail *tail, const struct rudp_rtt *rtt, int64_t now_at_ns);

/* True if nothing indicates congestion. */
bool rudp_tail_is_path_clear(const struct rudp_tail *tail, int64_t now_at_ns);

/* Takes bytes from the token bucket. False if it has fewer. */
bool rudp_tail_spend(struct rudp_tail *tail, uint64_t bytes, int64_t now_at_ns);

#endif
