/* SPDX-License-Identifier: MIT */
/* random - random numbers for model tests (base/split_mix.h): the same seed gives the same run. */
#ifndef TESTS_BASE_RANDOM_H
#define TESTS_BASE_RANDOM_H

#include "base/split_mix.h"

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	return rudp_split_mix(&r->state);
}

/* 0 .. n - 1 */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
	return random_next(r) % n;
}

#endif
