/* SPDX-License-Identifier: MIT */
/* min_max - the smaller and the larger of two numbers. time.h has the same for times. */
#ifndef RUDP_BASE_MIN_MAX_H
#define RUDP_BASE_MIN_MAX_H

#include <stdint.h>

static inline uint64_t rudp_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t rudp_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
