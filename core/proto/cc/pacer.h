/* SPDX-License-Identifier: MIT */
/*
 * pacer - spreads packets over time at the rate of congestion control.
 *
 * Model     A token bucket expressed as a time: release_at_ns is when the next byte may be sent.
 *           Each packet adds size / rate to it. After idle time at most one burst (send quantum)
 *           may be sent at once. Time lost because a timer was late (up to 10 ms; more counts as
 *           idle) is made up, by at most one more quantum, or one millisecond at the rate if that
 *           is more.
 */
#ifndef RUDP_PROTO_PACER_H
#define RUDP_PROTO_PACER_H

#include <stdint.h>

#include "base/time.h"

struct rudp_pacer {
	int64_t release_at_ns;
};

void rudp_pacer_init(struct rudp_pacer *pacer, int64_t now_at_ns);

/* Bytes that may be sent now, 0 if none: at most quantum_bytes, or more if the timer was late. */
uint64_t rudp_pacer_budget_bytes(const struct rudp_pacer *pacer, uint64_t rate_bytes_per_s,
				 uint64_t quantum_bytes, int64_t now_at_ns);

/* bytes were sent. rate 0: not paced. */
void rudp_pacer_on_sent(struct rudp_pacer *pacer, uint64_t rate_bytes_per_s, uint64_t quantum_bytes,
			uint64_t bytes, int64_t now_at_ns);

/* When the next packet may be sent; it can be in the past. */
int64_t rudp_pacer_release_at_ns(const struct rudp_pacer *pacer);

#endif
