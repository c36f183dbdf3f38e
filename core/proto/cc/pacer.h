/* SPDX-License-Identifier: MIT */
/*
 * pacer - spreads packets over time at the rate that congestion control gives.
 *
 * Model     a token bucket in time: release_at_ns is when the next byte may leave; each packet moves
 *           it on by size / rate. After idling at most one burst (send quantum) may leave at once.
 *           Time lost to a late timer (up to 10 ms: more is idling) is made up, by at most one more
 *           quantum, or one millisecond of the rate where that is more.
 */
#ifndef RUDP_PROTO_PACER_H
#define RUDP_PROTO_PACER_H

#include <stdint.h>

#include "base/time.h"

struct rudp_pacer {
	int64_t release_at_ns;
};

void rudp_pacer_init(struct rudp_pacer *pacer, int64_t now_at_ns);

/* Bytes that may leave now, 0 if none: at most quantum_bytes, or more if the timer was late. */
uint64_t rudp_pacer_budget_bytes(const struct rudp_pacer *pacer, uint64_t rate_bytes_per_s,
				 uint64_t quantum_bytes, int64_t now_at_ns);

/* bytes have left. rate 0: not paced. */
void rudp_pacer_on_sent(struct rudp_pacer *pacer, uint64_t rate_bytes_per_s, uint64_t quantum_bytes,
			uint64_t bytes, int64_t now_at_ns);

/* When a packet may leave: at or before now, or later. */
int64_t rudp_pacer_release_at_ns(const struct rudp_pacer *pacer);

#endif
