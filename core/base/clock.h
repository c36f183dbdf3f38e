/* SPDX-License-Identifier: MIT */
/*
 * clock - a clock behind an interface, so that tests can run in virtual time.
 *
 * The protocol never reads a clock: callers pass it the time. The engine uses the monotonic clock,
 * the simulator a virtual one.
 */
#ifndef RUDP_BASE_CLOCK_H
#define RUDP_BASE_CLOCK_H

#include <stdint.h>

struct rudp_clock {
	int64_t (*now_ns)(void *context);
	void *context;
};

static inline int64_t rudp_clock_now_ns(const struct rudp_clock *clock)
{
	return clock->now_ns(clock->context);
}

/*
 * The kernel's CLOCK_MONOTONIC.
 *
 * Threads  any.
 * Source   clock_gettime(2).
 */
extern const struct rudp_clock rudp_clock_monotonic;

#endif
