/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <time.h>

#include "base/time.h"

int64_t rudp_clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: known clock, valid pointer */
	return (int64_t)now.tv_sec * RUDP_NS_PER_S + now.tv_nsec;
}

int64_t rudp_clock_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / RUDP_NS_PER_MS;
}
