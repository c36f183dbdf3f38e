/* SPDX-License-Identifier: MIT */
/*
 * deadline - when a call that receives in several steps is over: SO_RCVTIMEO is for the call as a whole.
 *
 * Threads  any; no allocation.
 */
#ifndef RUDP_SHIM_DEADLINE_H
#define RUDP_SHIM_DEADLINE_H

#include <stdint.h>

#include "base/clock.h"
#include "base/time.h"

static inline int64_t rudp_deadline_now_ns(void)
{
	return rudp_clock_now_ns(&rudp_clock_monotonic);
}

/* Of a call on fd that begins now: RUDP_NEVER without a time-out. */
int64_t rudp_deadline_of_call(int fd);

/* As poll(2) has it, rounded up, so that the instant has passed then: 0: it has; -1: RUDP_NEVER. */
int rudp_deadline_remaining_ms(int64_t at_ns);

#endif
