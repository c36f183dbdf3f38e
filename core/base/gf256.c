/* SPDX-License-Identifier: MIT */
#include "base/gf256.h"

#include <string.h>

#define REDUCTION 0x1d /* what x^8 is */

#define LANES 4        /* vectors at a time: they need not wait for each other */

/* The compiler makes of it what the processor has. */
typedef uint8_t vector __attribute__((vector_size(16)));
typedef int8_t signed_vector __attribute__((vector_size(16)));

uint8_t rudp_gf256_multiply(uint8_t a, uint8_t b)
{
	unsigned product = 0, power = a;

	for (; b; b >>= 1) {
		if (b & 1)
			product ^= power;
		power <<= 1;
		if (power & 0x100)
			power ^= 0x100 | REDUCTION;
	}
	return (uint8_t)product;
}

/* a^255 is 1, so a^254 is the inverse: the product of a^2, a^4, ..., a^128. */
uint8_t rudp_gf256_inverse(uint8_t a)
{
	uint8_t square = a, product = 1;

	for (int i = 0; i < 7; i++) {
		square = rudp_gf256_multiply(square, square);
		product = rudp_gf256_multiply(product, square);
	}
	return product;
}

/* Every byte times x. */
static inline vector doubled(vector v)
{
	vector overflow = (vector)((signed_vector)v < 0); /* all ones where it does */

	return (v + v) ^ (overflow & REDUCTION);
}

/* product += factor * v, in place of v. */
static inline void multiply_add(vector product[LANES], vector v[LANES], unsigned factor)
{
	for (; factor; factor >>= 1) {
		vector mask = (vector){0} - (uint8_t)(factor & 1);

		product[0] ^= v[0] & mask;
		product[1] ^= v[1] & mask;
		product[2] ^= v[2] & mask;
		product[3] ^= v[3] & mask;
		v[0] = doubled(v[0]);
		v[1] = doubled(v[1]);
		v[2] = doubled(v[2]);
		v[3] = doubled(v[3]);
	}
}

void rudp_gf256_multiply_add(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor,
			     size_t len)
{
	vector a[LANES], b[LANES];

	for (; len >= sizeof a; len -= sizeof a, to += sizeof a, from += sizeof a) {
		memcpy(a, to, sizeof a);
		memcpy(b, from, sizeof b);
		multiply_add(a, b, factor);
		memcpy(to, a, sizeof a);
	}
	for (; len > 0; len--)
		*to++ ^= rudp_gf256_multiply(*from++, factor);
}
