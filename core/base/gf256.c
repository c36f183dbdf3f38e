/* SPDX-License-Identifier: MIT */
#include "base/gf256.h"

#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <tmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define REDUCTION 0x1d /* x^8 modulo the field's polynomial */

#define LANES 4 /* vectors in one step, so that the processor can work on them in parallel */

/* The compiler maps these vectors to the SIMD registers of the target. */
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

/* inverses[a] * a == 1. 0 has no inverse. */
static const uint8_t inverses[256] = {
	0x00, 0x01, 0x8e, 0xf4, 0x47, 0xa7, 0x7a, 0xba, 0xad, 0x9d, 0xdd, 0x98, 0x3d, 0xaa, 0x5d,
	0x96, 0xd8, 0x72, 0xc0, 0x58, 0xe0, 0x3e, 0x4c, 0x66, 0x90, 0xde, 0x55, 0x80, 0xa0, 0x83,
	0x4b, 0x2a, 0x6c, 0xed, 0x39, 0x51, 0x60, 0x56, 0x2c, 0x8a, 0x70, 0xd0, 0x1f, 0x4a, 0x26,
	0x8b, 0x33, 0x6e, 0x48, 0x89, 0x6f, 0x2e, 0xa4, 0xc3, 0x40, 0x5e, 0x50, 0x22, 0xcf, 0xa9,
	0xab, 0x0c, 0x15, 0xe1, 0x36, 0x5f, 0xf8, 0xd5, 0x92, 0x4e, 0xa6, 0x04, 0x30, 0x88, 0x2b,
	0x1e, 0x16, 0x67, 0x45, 0x93, 0x38, 0x23, 0x68, 0x8c, 0x81, 0x1a, 0x25, 0x61, 0x13, 0xc1,
	0xcb, 0x63, 0x97, 0x0e, 0x37, 0x41, 0x24, 0x57, 0xca, 0x5b, 0xb9, 0xc4, 0x17, 0x4d, 0x52,
	0x8d, 0xef, 0xb3, 0x20, 0xec, 0x2f, 0x32, 0x28, 0xd1, 0x11, 0xd9, 0xe9, 0xfb, 0xda, 0x79,
	0xdb, 0x77, 0x06, 0xbb, 0x84, 0xcd, 0xfe, 0xfc, 0x1b, 0x54, 0xa1, 0x1d, 0x7c, 0xcc, 0xe4,
	0xb0, 0x49, 0x31, 0x27, 0x2d, 0x53, 0x69, 0x02, 0xf5, 0x18, 0xdf, 0x44, 0x4f, 0x9b, 0xbc,
	0x0f, 0x5c, 0x0b, 0xdc, 0xbd, 0x94, 0xac, 0x09, 0xc7, 0xa2, 0x1c, 0x82, 0x9f, 0xc6, 0x34,
	0xc2, 0x46, 0x05, 0xce, 0x3b, 0x0d, 0x3c, 0x9c, 0x08, 0xbe, 0xb7, 0x87, 0xe5, 0xee, 0x6b,
	0xeb, 0xf2, 0xbf, 0xaf, 0xc5, 0x64, 0x07, 0x7b, 0x95, 0x9a, 0xae, 0xb6, 0x12, 0x59, 0xa5,
	0x35, 0x65, 0xb8, 0xa3, 0x9e, 0xd2, 0xf7, 0x62, 0x5a, 0x85, 0x7d, 0xa8, 0x3a, 0x29, 0x71,
	0xc8, 0xf6, 0xf9, 0x43, 0xd7, 0xd6, 0x10, 0x73, 0x76, 0x78, 0x99, 0x0a, 0x19, 0x91, 0x14,
	0x3f, 0xe6, 0xf0, 0x86, 0xb1, 0xe2, 0xf1, 0xfa, 0x74, 0xf3, 0xb4, 0x6d, 0x21, 0xb2, 0x6a,
	0xe3, 0xe7, 0xb5, 0xea, 0x03, 0x8f, 0xd3, 0xc9, 0x42, 0xd4, 0xe8, 0x75, 0x7f, 0xff, 0x7e,
	0xfd,
};

uint8_t rudp_gf256_inverse(uint8_t a)
{
	return inverses[a];
}

/* Multiplies every byte by x. */
static inline vector doubled(vector v)
{
	/* all ones in bytes whose top bit is shifted out */
	vector overflow = (vector)((signed_vector)v < 0);

	return (v + v) ^ (overflow & REDUCTION);
}

/* product += factor * v. Overwrites v. */
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

/* Processes whole groups of LANES vectors. Returns the number of bytes processed. */
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
/*
 * A product of a byte is the sum of the products of its low and high four bits. Fills one table of
 * 16 products for each half.
 */
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

__attribute__((target("ssse3"))) static size_t
add_by_shuffle(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor, size_t len)
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
