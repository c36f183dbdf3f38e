/* SPDX-License-Identifier: MIT */
#include "base/gf256.h"

#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <tmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

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

/* Whole groups of vectors; how many bytes that was. */
static size_t add_by_doubling(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor,
			      size_t len)
{
	vector a[LANES], b[LANES];
	size_t done = 0;

	for (; len - done >= sizeof a; done += sizeof a) {
		memcpy(a, to + done, sizeof a);
		memcpy(b, from + done, sizeof b);
		multiply_add(a, b, factor);
		memcpy(to + done, a, sizeof a);
	}
	return done;
}

#if defined(__x86_64__) || defined(__aarch64__)
/* What factor makes of a byte is what it makes of its two halves: so two tables of 16 do. */
static void make_tables(uint8_t factor, uint8_t low[16], uint8_t high[16])
{
	unsigned power = factor;

	low[0] = high[0] = 0;
	for (unsigned bit = 1; bit < 256; bit <<= 1) {
		uint8_t *table = bit < 16 ? low : high;
		unsigned at = bit < 16 ? bit : bit >> 4;

		for (unsigned i = 0; i < at; i++)
			table[at + i] = table[i] ^ (uint8_t)power;
		power = (power << 1) ^ (power & 0x80 ? 0x100 | REDUCTION : 0);
	}
}
#endif

#if defined(__x86_64__)
static bool has_shuffle(void)
{
	return __builtin_cpu_supports("ssse3");
}

__attribute__((target("ssse3"))) static size_t add_by_shuffle(uint8_t *restrict to,
							      const uint8_t *restrict from,
							      uint8_t factor, size_t len)
{
	uint8_t tables[2][16];
	__m128i low, high, half = _mm_set1_epi8(0x0f);
	size_t done = 0;

	make_tables(factor, tables[0], tables[1]);
	low = _mm_loadu_si128((const __m128i *)tables[0]);
	high = _mm_loadu_si128((const __m128i *)tables[1]);
	for (; len - done >= sizeof low; done += sizeof low) {
		__m128i b = _mm_loadu_si128((const __m128i *)(from + done));
		__m128i a = _mm_loadu_si128((const __m128i *)(to + done));

		a = _mm_xor_si128(a, _mm_shuffle_epi8(low, _mm_and_si128(b, half)));
		b = _mm_and_si128(_mm_srli_epi16(b, 4), half);
		a = _mm_xor_si128(a, _mm_shuffle_epi8(high, b));
		_mm_storeu_si128((__m128i *)(to + done), a);
	}
	return done;
}
#elif defined(__aarch64__)
static bool has_shuffle(void)
{
	return true;
}

static size_t add_by_shuffle(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor,
			     size_t len)
{
	uint8_t tables[2][16];
	uint8x16_t low, high;
	size_t done = 0;

	make_tables(factor, tables[0], tables[1]);
	low = vld1q_u8(tables[0]);
	high = vld1q_u8(tables[1]);
	for (; len - done >= sizeof low; done += sizeof low) {
		uint8x16_t b = vld1q_u8(from + done);
		uint8x16_t a = vld1q_u8(to + done);

		a = veorq_u8(a, vqtbl1q_u8(low, vandq_u8(b, vdupq_n_u8(0x0f))));
		a = veorq_u8(a, vqtbl1q_u8(high, vshrq_n_u8(b, 4)));
		vst1q_u8(to + done, a);
	}
	return done;
}
#else
static bool has_shuffle(void)
{
	return false;
}

static size_t add_by_shuffle(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor,
			     size_t len)
{
	return add_by_doubling(to, from, factor, len);
}
#endif

void rudp_gf256_multiply_add(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor,
			     size_t len)
{
	size_t done = has_shuffle() ? add_by_shuffle(to, from, factor, len)
				    : add_by_doubling(to, from, factor, len);

	for (; done < len; done++)
		to[done] ^= rudp_gf256_multiply(from[done], factor);
}
