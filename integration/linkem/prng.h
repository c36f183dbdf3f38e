/* SPDX-License-Identifier: MIT */
/*
 * Seeded pseudo-random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom
 * number generators"), its state filled by SplitMix64. Callers draw every number whether or not
 * they need it, so that with one seed the n-th packet always has the same fate.
 */
#ifndef LINKEM_PRNG_H
#define LINKEM_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
	uint64_t state[4];
};

/* The same seed and stream give the same numbers; the streams of a seed are independent. */
void prng_init(struct prng *prng, uint64_t seed, uint64_t stream);

uint64_t prng_next(struct prng *prng);

/* Uniform in [0, 1). */
double prng_unit(struct prng *prng);

/* Uniform in [0, bound); bound > 0. */
uint64_t prng_below(struct prng *prng, uint64_t bound);

/* True with this probability: always at 1, never at 0. */
bool prng_chance(struct prng *prng, double probability);

/*
 * Heavy-tailed excess (Lomax, shape 3): median 0.26, mean 0.5, one in a thousand above 9. It is
 * limited to PRNG_PARETO_MAX so that one draw cannot stall a test.
 */
#define PRNG_PARETO_MAX 20.0
double prng_pareto(struct prng *prng);

#endif
