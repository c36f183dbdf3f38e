/* SPDX-License-Identifier: MIT */
/*
 * time - instants and durations in nanoseconds.
 *
 * Both are int64_t. A name ending in _at_ns is an instant of the clock that the module uses (see
 * clock.h). A name ending in _ns is a duration. "Never" is RUDP_NEVER, never 0 or -1.
 */
#ifndef RUDP_BASE_TIME_H
#define RUDP_BASE_TIME_H

#include <stdint.h>

#define RUDP_NEVER INT64_MAX

#define RUDP_NS_PER_US INT64_C(1000)
#define RUDP_NS_PER_MS INT64_C(1000000)
#define RUDP_NS_PER_S INT64_C(1000000000)

static inline int64_t rudp_time_min(int64_t a_ns, int64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

static inline int64_t rudp_time_max(int64_t a_ns, int64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

/*
 * The time-out for poll(2) and epoll_wait(2): the milliseconds from now to at, rounded up, at most
 * RUDP_POLL_MS_MAX. 0 if the instant has come, -1 if it is RUDP_NEVER.
 */
#define RUDP_POLL_MS_MAX 60000

static inline int rudp_time_poll_ms(int64_t at_ns, int64_t now_at_ns)
{
	int64_t left_ms;

	if (at_ns == RUDP_NEVER)
		return -1;
	if (at_ns <= now_at_ns)
		return 0;
	left_ms = (at_ns - now_at_ns - 1) / RUDP_NS_PER_MS + 1;
	return left_ms > RUDP_POLL_MS_MAX ? RUDP_POLL_MS_MAX : (int)left_ms;
}

/*
 * Common instants, a little over seven per second. Timers that are not urgent fire at these
 * instants, so that one wake-up serves many of them. common_before gives the last common instant at
 * or before at, common_after the first one at or after it.
 */
#define RUDP_TIME_COMMON_NS (INT64_C(1) << 27)

static inline int64_t rudp_time_common_before(int64_t at_ns)
{
	return at_ns & -RUDP_TIME_COMMON_NS;
}

static inline int64_t rudp_time_common_after(int64_t at_ns)
{
	return rudp_time_common_before(at_ns + RUDP_TIME_COMMON_NS - 1);
}

#endif
