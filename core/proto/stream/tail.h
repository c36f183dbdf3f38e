/* SPDX-License-Identifier: MIT */
/*
 * tail - protection of sparse traffic: a second copy of what nothing else follows.
 *
 * A lost packet is found by what comes after it. Behind a lone request, answer or keystroke nothing
 * comes, and a probe time-out is several times what the loss itself would cost. So the last bytes are
 * sent once more a moment later, while the application is idle and the path has room.
 *
 * Model      guarded_end: stream bytes below it have had their copy, or shall have none. due_at_ns is
 *            set when bytes above it have left and nothing more is to be sent; copies leave then, one
 *            for each byte and never more than RUDP_TAIL_BYTES at the end of one burst.
 *            With them ride older bytes that are still not acknowledged, up to RUDP_TAIL_BUNDLE_BYTES:
 *            in order means that one message lost twice holds up all behind it.
 * Cost       at most one packet more for each, at most RUDP_TAIL_BYTES_PER_S with bursts of
 *            RUDP_TAIL_BURST_BYTES. None where the ACK comes before the copy: on round trips of less
 *            than 2 ms, as an ACK waits a millisecond itself. Bursts that have repair symbols
 *            (conn_fec.c), and so the end of bulk, have none but for their very last bytes.
 * Off        by setting; while a queue, heavy loss or a probe time-out tells of congestion; and for
 *            RUDP_TAIL_HOLD_NS after a CE mark or persistent congestion.
 * Threads    none: one owner at a time. No allocation.
 * Source     docs/protocol.md section 9.6; RFC 8985 section 7 has the problem, and the later answer.
 */
#ifndef RUDP_PROTO_TAIL_H
#define RUDP_PROTO_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "proto/stream/token_bucket.h"
#include "proto/recovery/rtt.h"

/* The copy keeps a distance, or one burst of losses would take both. */
#define RUDP_TAIL_DELAY_DIVISOR 8                     /* of the smoothed RTT */
#define RUDP_TAIL_DELAY_MIN_NS (3 * RUDP_NS_PER_MS)
#define RUDP_TAIL_DELAY_MAX_NS (30 * RUDP_NS_PER_MS)
/* Repair symbols of a burst need none, but whether it is the end should be seen. */
#define RUDP_TAIL_BURST_DELAY_DIVISOR 64
#define RUDP_TAIL_BURST_DELAY_MIN_NS (1 * RUDP_NS_PER_MS)
#define RUDP_TAIL_BURST_DELAY_MAX_NS (5 * RUDP_NS_PER_MS)
#define RUDP_TAIL_SYN_DELAY_NS (30 * RUDP_NS_PER_MS)  /* of a SYN: no RTT is known */
#define RUDP_TAIL_SYNS_PER_S 64u                      /* second SYNs of an endpoint */

#define RUDP_TAIL_BYTES 5600u                         /* copied at the end of one burst: four packets */
#define RUDP_TAIL_COPY_EXTRA_BYTES 64 /* of a copy: header, tag, heads of frames */
#define RUDP_TAIL_BUNDLE_BYTES 256u                   /* that have had their copy ride along */
#define RUDP_TAIL_COPIES_MAX 32                       /* under way at a time */
#define RUDP_TAIL_BYTES_PER_S (128u << 10)
#define RUDP_TAIL_BURST_BYTES (16u << 10)
#define RUDP_TAIL_CWND_DIVISOR 2                      /* no more may be in flight, the copy included */

#define RUDP_TAIL_QUEUE_DIVISOR 4                     /* smoothed RTT above 5/4 of the least ... */
#define RUDP_TAIL_QUEUE_NS (5 * RUDP_NS_PER_MS)       /* ... and this: a queue stands */
#define RUDP_TAIL_MIN_RTT_NS (60 * RUDP_NS_PER_S)     /* the least of one to two minutes */
#define RUDP_TAIL_LOSS_WEIGHT 64                      /* packets that the average looks back over */
#define RUDP_TAIL_LOSS_ONE 65536u
#define RUDP_TAIL_LOSS_MAX (RUDP_TAIL_LOSS_ONE / 8)   /* more is no accident of the path */
#define RUDP_TAIL_HOLD_NS (1 * RUDP_NS_PER_S)         /* or eight round trips */
#define RUDP_TAIL_HOLD_RTTS 8

struct rudp_tail {
	bool disabled;
	int64_t due_at_ns;            /* RUDP_NEVER: nothing waits for its copy */
	uint64_t guarded_end;
	bool fin_guarded;
	uint64_t copy_start, copy_end; /* stream bytes wanted again, not because they are lost */
	bool syn_copy;                /* SYN or SYNACK leaves once more, before its time-out */
	bool ack_again;               /* our first ACK was alone: it follows once more */
	uint32_t copies[RUDP_TAIL_COPIES_MAX]; /* low bits of the numbers of packets that are copies */
	unsigned copy_count;
	struct rudp_token_bucket bucket;
	int64_t held_until_ns;
	int64_t min_rtt_ns[2];        /* of this span of RUDP_TAIL_MIN_RTT_NS and the one before */
	int64_t min_rtt_at_ns;        /* this one began */
	int64_t srtt_ns;
	uint32_t loss_average;        /* of RUDP_TAIL_LOSS_ONE */
	uint64_t copied_packets, copied_bytes; /* totals for statistics; bytes of the stream */
};

void rudp_tail_init(struct rudp_tail *tail, bool disabled, int64_t now_at_ns);
/* Another path: what was learnt of the last one is void. */
void rudp_tail_restart(struct rudp_tail *tail, int64_t now_at_ns);

/* The application has nothing more to send and unguarded bytes are out; a burst has repair symbols
 * to come. */
void rudp_tail_on_idle(struct rudp_tail *tail, const struct rudp_rtt *rtt, bool burst,
		       int64_t now_at_ns);

/* What an ACK or the clock has told. sampled: rtt has a new sample. */
void rudp_tail_on_fates(struct rudp_tail *tail, const struct rudp_rtt *rtt, bool sampled,
			uint32_t answered_packets, uint32_t lost_packets, int64_t now_at_ns);
/* A CE mark, or persistent congestion. */
void rudp_tail_on_congestion(struct rudp_tail *tail, const struct rudp_rtt *rtt,
			     int64_t now_at_ns);

/* Nothing tells of congestion. */
bool rudp_tail_is_path_clear(const struct rudp_tail *tail, int64_t now_at_ns);

/* Takes bytes from the budget; false: there are not so many. */
bool rudp_tail_spend(struct rudp_tail *tail, uint64_t bytes, int64_t now_at_ns);

#endif
