/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-random numbers of the network models: SplitMix64 (Steele, Lea and Flood 2014). The state
 * is one number; the same state gives the same numbers.
 */
#ifndef NETMODEL_RANDOM_H
#define NETMODEL_RANDOM_H

#include <stdint.h>

static inline uint64_t nm_random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Uniform in [0, 1). */
static inline double nm_random_unit(uint64_t *state)
{
	return (double)(nm_random_next(state) >> 11) * 0x1p-53;
}

/* Uniform in [low, high). */
static inline double nm_random_between(uint64_t *state, double low, double high)
{
	return low + (high - low) * nm_random_unit(state);
}

#endif
