/* SPDX-License-Identifier: MIT */
/*
 * hystart - HyStart++: ends slow start when the delay grows, before the queue overflows.
 *
 * Model    Rounds are counted by packet numbers. Conservative Slow Start (CSS) begins if eight
 *          consecutive RTT samples are all above the minimum of the previous round by an eighth (at
 *          least 4 ms, at most 16 ms). In CSS the window grows at a quarter of the rate for up to
 *          five rounds. If the RTT falls below the RTT that started CSS, there was no queue, and
 *          slow start resumes. If it rises by the same threshold again, or after five rounds,
 *          congestion avoidance begins.
 * Source   RFC 9406 with its constants. L is infinite (section 4.3), because all senders are paced.
 *
 * There are two differences from the RFC. With its rules alone a window grew to 2.6 times the BDP
 * (100 Mbit/s, 50 ms) before slow start ended, and a queue of one BDP dropped 500 packets.
 * - The RFC compares the minimum of a whole round. Here a window is sent in half a round trip: its
 * first packets find an empty queue and hide the queue that the others build. So each eight samples
 * are judged separately.
 * - The RFC stays in CSS for five rounds in any case, which triples the window. Here CSS ends early
 * if the delay rises again: a delay that doubles during slow growth is not jitter.
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
	uint64_t round_end_number; /* an ACK of this packet or a later one ends the round */
	int64_t round_rtt_min_ns;  /* RUDP_NEVER: no sample yet; also in last_round_rtt_min_ns */
	int64_t last_round_rtt_min_ns;
	int64_t css_baseline_rtt_ns;
	int64_t bucket_rtt_min_ns; /* minimum of the samples, at most eight, since the last check */
	uint32_t bucket_samples;
	uint32_t round_samples;
	uint32_t css_rounds;
};

void rudp_hystart_init(struct rudp_hystart *hystart);

/*
 * Processes one ACK. has_rtt: the ACK gave an RTT sample. largest_acked_number is its Largest
 * Acknowledged, next_number the number of the next packet. Returns the phase for the window growth
 * by this ACK.
 */
enum rudp_hystart_phase rudp_hystart_on_ack(struct rudp_hystart *hystart, bool has_rtt,
					    int64_t rtt_ns, uint64_t largest_acked_number,
					    uint64_t next_number);

/* Slow start has ended for another reason: a loss or a CE mark. */
void rudp_hystart_stop(struct rudp_hystart *hystart);

#endif
