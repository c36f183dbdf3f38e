/* SPDX-License-Identifier: MIT */
/*
 * prng - the simulator's only source of chance: SplitMix64 (Steele, Lea & Flood 2014).
 */
#ifndef RUDP_SIM_PRNG_H
#define RUDP_SIM_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline uint64_t prng_next(struct prng *prng)
{
	uint64_t z = (prng->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Uniform in [low, high]. */
static inline int64_t prng_between(struct prng *prng, int64_t low, int64_t high)
{
	return low + (int64_t)(prng_next(prng) % (uint64_t)(high - low + 1));
}

/* Of a shape that an endpoint's configuration wants; context is a struct prng. */
static inline void prng_fill(void *context, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)prng_next((struct prng *)context);
}

static inline double prng_unit(struct prng *prng)
{
	return (double)(prng_next(prng) >> 11) * 0x1p-53;
}

static inline bool prng_chance(struct prng *prng, double probability)
{
	return prng_unit(prng) < probability;
}

#endif
