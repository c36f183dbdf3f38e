/* SPDX-License-Identifier: MIT */
/*
 * hystart - HyStart++: leaving slow start by delay, before the queue overflows.
 *
 * Model     rounds are counted by packet numbers. A round whose smallest RTT has grown by an eighth
 *           (4 ms to 16 ms) over that of the round before starts Conservative Slow Start: growth at
 *           a quarter for up to five rounds. If the RTT falls below what started it, the growth was
 *           no queue and slow start goes on; otherwise congestion avoidance begins.
 * Source    RFC 9406. L is infinite (section 4.3), since all senders here are paced.
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
