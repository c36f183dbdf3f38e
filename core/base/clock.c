/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

#include "base/time.h"

static int64_t monotonic_now_ns(void *context)
{
	struct timespec now;

	(void)context;
	clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: known clock, valid pointer */
	return (int64_t)now.tv_sec * RUDP_NS_PER_S + now.tv_nsec;
}

const struct rudp_clock rudp_clock_monotonic = {monotonic_now_ns, NULL};
