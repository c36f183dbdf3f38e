/* SPDX-License-Identifier: MIT */
/*
 * prng - the only source of randomness in the simulator: SplitMix64 (netmodel/random.h).
 */
#ifndef RUDP_SIM_PRNG_H
#define RUDP_SIM_PRNG_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "integration/netmodel/random.h"

struct prng {
	uint64_t state;
};

static inline uint64_t prng_next(struct prng *prng)
{
	return nm_random_next(&prng->state);
}

/* Uniform in [low, high]. */
static inline int64_t prng_between(struct prng *prng, int64_t low, int64_t high)
{
	return low + (int64_t)(prng_next(prng) % (uint64_t)(high - low + 1));
}

/* With the signature that an endpoint's configuration needs; context is a struct prng. */
static inline void prng_fill(void *context, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)prng_next((struct prng *)context);
}

static inline double prng_unit(struct prng *prng)
{
	return nm_random_unit(&prng->state);
}

/* Its logarithm is uniform between those of low and high. */
static inline double prng_log_between(struct prng *prng, double low, double high)
{
	return low * pow(high / low, prng_unit(prng));
}

static inline bool prng_chance(struct prng *prng, double probability)
{
	return prng_unit(prng) < probability;
}

#endif
