/* SPDX-License-Identifier: MIT */
#include "prng.h"
#include "../netmodel/random.h"

#include <math.h>

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

void prng_init(struct prng *prng, uint64_t seed, uint64_t stream)
{
	uint64_t stream_state = stream;
	uint64_t state = seed ^ nm_random_next(&stream_state);

	for (unsigned i = 0; i < 4; i++)
		prng->state[i] = nm_random_next(&state);
}

uint64_t prng_next(struct prng *prng)
{
	uint64_t *s = prng->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

double prng_unit(struct prng *prng)
{
	return (double)(prng_next(prng) >> 11) * 0x1p-53;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
	return (uint64_t)((unsigned __int128)prng_next(prng) * bound >> 64);
}

bool prng_chance(struct prng *prng, double probability)
{
	return prng_unit(prng) < probability;
}

double prng_pareto(struct prng *prng)
{
	double excess = pow(1 - prng_unit(prng), -1.0 / 3) - 1;

	return excess < PRNG_PARETO_MAX ? excess : PRNG_PARETO_MAX;
}
