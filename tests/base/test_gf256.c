/* SPDX-License-Identifier: MIT */
#include "base/gf256.c"

#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "random.h"

#define LEN_MAX 200
#define SHIFT_MAX 17 /* unaligned positions, then an aligned one */

/* The reference implementation: the product of two polynomials, then long division by 0x11d. */
static uint8_t slow_multiply(uint8_t a, uint8_t b)
{
	unsigned product = 0;

	for (unsigned i = 0; i < 8; i++)
		if (b >> i & 1)
			product ^= (unsigned)a << i;
	for (unsigned i = 14; i >= 8; i--)
		if (product >> i & 1)
			product ^= 0x11du << (i - 8);
	return (uint8_t)product;
}

Test(gf256, multiplies_like_the_reference)
{
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			if (rudp_gf256_multiply((uint8_t)a, (uint8_t)b) !=
			    slow_multiply((uint8_t)a, (uint8_t)b))
				cr_fatal("%u * %u", a, b);
}

Test(gf256, every_element_but_zero_has_an_inverse)
{
	for (unsigned a = 1; a < 256; a++)
		cr_assert(eq(u8, slow_multiply((uint8_t)a, rudp_gf256_inverse((uint8_t)a)), 1));
}

Test(gf256, a_product_of_elements_that_are_not_zero_is_not_zero)
{
	for (unsigned a = 1; a < 256; a++)
		for (unsigned b = 1; b < 256; b++)
			if (rudp_gf256_multiply((uint8_t)a, (uint8_t)b) == 0)
				cr_fatal("%u * %u", a, b);
}

Test(gf256, is_distributive_and_associative)
{
	struct random random = {1};

	for (int i = 0; i < 200000; i++) {
		uint8_t a = (uint8_t)random_next(&random), b = (uint8_t)random_next(&random);
		uint8_t c = (uint8_t)random_next(&random);
		uint8_t sum = rudp_gf256_multiply(a, b) ^ rudp_gf256_multiply(a, c);
		uint8_t ab = rudp_gf256_multiply(a, b), bc = rudp_gf256_multiply(b, c);

		if (rudp_gf256_multiply(a, (uint8_t)(b ^ c)) != sum ||
		    rudp_gf256_multiply(ab, c) != rudp_gf256_multiply(a, bc) ||
		    rudp_gf256_multiply(b, a) != ab)
			cr_fatal("%u %u %u", a, b, c);
	}
}

static void randomize(struct random *random, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_next(random);
}

/* Both arrays start at any alignment; the bytes around the target must not change. */
static void try_multiply_add(struct random *random, size_t to_at, size_t from_at, size_t len,
			     uint8_t factor)
{
	uint8_t to[LEN_MAX + 2 * SHIFT_MAX], from[LEN_MAX + 2 * SHIFT_MAX];
	uint8_t expected[sizeof to], untouched[sizeof from];

	randomize(random, to, sizeof to);
	randomize(random, from, sizeof from);
	memcpy(expected, to, sizeof to);
	memcpy(untouched, from, sizeof from);
	for (size_t i = 0; i < len; i++)
		expected[to_at + i] ^= slow_multiply(from[from_at + i], factor);
	rudp_gf256_multiply_add(to + to_at, from + from_at, factor, len);
	if (memcmp(to, expected, sizeof to) != 0 || memcmp(from, untouched, sizeof from) != 0)
		cr_fatal("%zu bytes times %u, to %zu from %zu", len, factor, to_at, from_at);
}

Test(gf256, adds_products_of_any_length_and_alignment)
{
	struct random random = {2};

	for (size_t len = 0; len <= LEN_MAX; len++)
		for (size_t at = 0; at < SHIFT_MAX; at++)
			try_multiply_add(&random, at, (size_t)random_below(&random, SHIFT_MAX), len,
					 (uint8_t)random_next(&random));
}

Test(gf256, adds_products_with_every_factor)
{
	struct random random = {3};

	for (unsigned factor = 0; factor < 256; factor++)
		try_multiply_add(&random, 1, 2, LEN_MAX, (uint8_t)factor);
}

Test(gf256, adding_twice_cancels_out)
{
	struct random random = {4};
	uint8_t to[LEN_MAX], from[LEN_MAX], before[LEN_MAX];

	randomize(&random, to, sizeof to);
	randomize(&random, from, sizeof from);
	memcpy(before, to, sizeof to);
	rudp_gf256_multiply_add(to, from, 77, sizeof to);
	cr_assert(ne(int, memcmp(to, before, sizeof to), 0));
	rudp_gf256_multiply_add(to, from, 77, sizeof to);
	cr_assert(eq(int, memcmp(to, before, sizeof to), 0));
}

/*
 * Both implementations are tested whatever the processor uses. Each processes whole vectors and
 * returns the number of bytes.
 */
typedef size_t way(uint8_t *restrict to, const uint8_t *restrict from, uint8_t factor, size_t len);

static void try_way(struct random *random, way *add, uint8_t factor, size_t len)
{
	uint8_t to[LEN_MAX], from[LEN_MAX], expected[LEN_MAX];
	size_t done;

	randomize(random, to, sizeof to);
	randomize(random, from, sizeof from);
	memcpy(expected, to, sizeof expected);
	done = add(to, from, factor, len);
	cr_assert(le(sz, done, len));
	cr_assert(le(sz, len - done, LANES * sizeof(vector) - 1));
	for (size_t i = 0; i < done; i++)
		expected[i] ^= slow_multiply(from[i], factor);
	cr_assert(zero(int, memcmp(to, expected, sizeof to)));
}

Test(gf256, all_implementations_give_the_same_sums)
{
	struct random random = {5};

	for (unsigned factor = 0; factor < 256; factor++)
		for (size_t len = 0; len <= LEN_MAX; len += 1 + factor % 7) {
			try_way(&random, add_by_doubling, (uint8_t)factor, len);
			if (has_shuffle())
				try_way(&random, add_by_shuffle, (uint8_t)factor, len);
		}
}
