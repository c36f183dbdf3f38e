/* SPDX-License-Identifier: MIT */
/*
 * hystart - HyStart++: leaving slow start by delay, before the queue overflows.
 *
 * Model     rounds are counted by packet numbers. Eight RTT samples in a row, all an eighth (4 ms to
 *           16 ms) above the smallest of the round before, start Conservative Slow Start: growth at
 *           a quarter for up to five rounds. If the RTT falls below what started it, the growth was
 *           no queue and slow start goes on; if it grows by as much again, or the rounds are over,
 *           congestion avoidance begins.
 * Source    RFC 9406, its constants. L is infinite (section 4.3), since all senders here are paced.
 *           Two departures, both because with the document's rules alone a window has grown to
 *           2.6 times what the path holds (100 Mbit/s, 50 ms) before slow start ends, and a queue
 *           of one BDP drops 500 packets. It compares the minimum of a whole round; but a window
 *           leaves in half a round trip here, its first packets find the queue drained and hide
 *           what the rest builds until a round trip later: so each eight samples are judged by
 *           themselves. And it stays in CSS for five rounds in any case, a growth to threefold;
 *           but a delay that doubles while the growth is slow is no jitter.
 */
#ifndef RUDP_PROTO_HYSTART_H
#define RUDP_PROTO_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_HYSTART_RTT_THRESH_MIN_NS (4 * RUDP_NS_PER_MS)
#define RUDP_HYSTART_RTT_THRESH_MAX_NS (16 * RUDP_NS_PER_MS)
#define RUDP_HYSTART_RTT_DIVISOR 8
#define RUDP_HYSTART_SAMPLES_MIN 8
#define RUDP_HYSTART_CSS_GROWTH_DIVISOR 4
#define RUDP_HYSTART_CSS_ROUNDS 5

enum rudp_hystart_phase {
	RUDP_HYSTART_SLOW_START,
	RUDP_HYSTART_CSS,
	RUDP_HYSTART_DONE,
};

struct rudp_hystart {
	enum rudp_hystart_phase phase;
	uint64_t round_end_number; /* its ack, or a later one, ends the round */
	int64_t round_rtt_min_ns;  /* RUDP_NEVER: no sample yet, in both */
	int64_t last_round_rtt_min_ns;
	int64_t css_baseline_rtt_ns;
	int64_t bucket_rtt_min_ns; /* of the samples, eight at most, since the last judgement */
	uint32_t bucket_samples;
	uint32_t round_samples;
	uint32_t css_rounds;
};

void rudp_hystart_init(struct rudp_hystart *hystart);

/*
 * Takes the facts of one ACK: has_rtt with the RTT sample, the largest number acknowledged and the
 * number the next packet gets. Returns the phase that holds for the growth by this ACK.
 */
enum rudp_hystart_phase rudp_hystart_on_ack(struct rudp_hystart *hystart, bool has_rtt,
					    int64_t rtt_ns, uint64_t largest_acked_number,
					    uint64_t next_number);

/* Slow start has ended by other means: a loss or a mark. */
void rudp_hystart_stop(struct rudp_hystart *hystart);

#endif
