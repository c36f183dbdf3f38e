/* SPDX-License-Identifier: MIT */
#include "proto/stream/fec_code.h"

#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/gf256.h"
#include "base/random.h"

#define N_MAX RUDP_FEC_SOLVE_MAX
#define RING_BYTES 16384u
#define MILLION 1000000u

Test(fec_code, no_factor_is_zero)
{
	for (unsigned row = 0; row < RUDP_FEC_ROWS_MAX; row++)
		for (unsigned symbol = 0; symbol < RUDP_FEC_COUNT_MAX; symbol++)
			if (rudp_fec_factor((uint8_t)row, symbol) == 0)
				cr_fatal("row %u, symbol %u", row, symbol);
}

/* n different ones of 0 to count - 1, in any order. */
static void choose(struct random *random, uint8_t *chosen, unsigned n, unsigned count)
{
	uint8_t deck[UINT8_MAX];

	for (unsigned i = 0; i < count; i++)
		deck[i] = (uint8_t)i;
	for (unsigned i = 0; i < n; i++) {
		unsigned other = i + (unsigned)random_below(random, count - i);

		chosen[i] = deck[other];
		deck[other] = deck[i];
	}
}

static void expect_solved(const uint8_t *rows, const uint8_t *symbols, unsigned n)
{
	uint8_t inverse[N_MAX * N_MAX];

	rudp_fec_solve(rows, symbols, n, inverse);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++) {
			uint8_t sum = 0;

			for (unsigned j = 0; j < n; j++)
				sum ^= rudp_gf256_multiply(inverse[i * n + j],
							   rudp_fec_factor(rows[j], symbols[k]));
			if (sum != (i == k))
				cr_fatal("%u rows: place %u, %u is %u", n, i, k, sum);
		}
}

Test(fec_code, any_rows_give_any_symbols)
{
	struct random random = {1};

	for (unsigned n = 1; n <= N_MAX; n++)
		for (int i = 0; i < 40; i++) {
			uint8_t rows[N_MAX], symbols[N_MAX];

			choose(&random, rows, n, RUDP_FEC_ROWS_MAX);
			choose(&random, symbols, n, RUDP_FEC_COUNT_MAX);
			expect_solved(rows, symbols, n);
		}
}

Test(fec_code, any_one_row_gives_any_one_symbol)
{
	for (unsigned row = 0; row < RUDP_FEC_ROWS_MAX; row++)
		for (unsigned symbol = 0; symbol < RUDP_FEC_COUNT_MAX; symbol++)
			expect_solved(&(uint8_t){(uint8_t)row}, &(uint8_t){(uint8_t)symbol}, 1);
}

/* A ring that has been written full and holds [head, head + RING_BYTES) of a random stream. */
static struct rudp_ring ring;
static uint8_t stream[3 * RING_BYTES];
static struct random random_state;

static void setup(void)
{
	random_state.state = 2;
	for (size_t i = 0; i < sizeof stream; i++)
		stream[i] = (uint8_t)random_next(&random_state);
	rudp_ring_init(&ring, RING_BYTES);
	rudp_ring_write(&ring, stream, RING_BYTES);
	rudp_ring_consume(&ring, RING_BYTES);
	rudp_ring_write(&ring, stream + RING_BYTES, RING_BYTES * 2 / 3);
}

static void teardown(void)
{
	rudp_ring_fini(&ring);
}

TestSuite(repair_sum, .init = setup, .fini = teardown);

static void slow_sum(const struct rudp_fec_block *block, uint8_t row, uint8_t *sum)
{
	const uint8_t *from = stream + block->start;

	memset(sum, 0, block->symbol_bytes);
	for (uint32_t symbol = 0; symbol < block->count; symbol++)
		for (uint32_t i = 0; i < block->symbol_bytes; i++)
			sum[i] ^= rudp_gf256_multiply(*from++, rudp_fec_factor(row, symbol));
}

/* Somewhere in what the ring has, most often across its end. */
static struct rudp_fec_block any_block(void)
{
	struct rudp_fec_block block = {
		.count = 1 + (uint32_t)random_below(&random_state, RUDP_FEC_COUNT_MAX)};
	uint64_t kept = rudp_ring_kept(&ring), bytes;

	block.symbol_bytes = 1 + (uint32_t)random_below(&random_state, RING_BYTES / block.count);
	bytes = (uint64_t)block.count * block.symbol_bytes;
	block.start = kept + random_below(&random_state, ring.extent - kept - bytes + 1);
	return block;
}

Test(repair_sum, is_the_same_across_the_end_of_the_ring)
{
	uint8_t sum[RING_BYTES], expected[RING_BYTES];

	cr_assert(eq(u64, ring.extent - rudp_ring_kept(&ring), RING_BYTES));
	for (int i = 0; i < 300; i++) {
		struct rudp_fec_block block = any_block();
		uint8_t row = (uint8_t)random_below(&random_state, RUDP_FEC_ROWS_MAX);

		rudp_fec_symbol(&ring, &block, row, sum);
		slow_sum(&block, row, expected);
		cr_assert(zero(int, memcmp(sum, expected, block.symbol_bytes)));
	}
}

Test(repair_sum, piece_by_piece_nothing_is_left)
{
	static const uint8_t zeros[RING_BYTES];
	uint8_t sum[RING_BYTES];

	for (int i = 0; i < 200; i++) {
		struct rudp_fec_block block = any_block();
		uint64_t at = block.start, end = rudp_fec_end(&block);

		rudp_fec_symbol(&ring, &block, 5, sum);
		while (at < end) {
			uint64_t next = at + random_below(&random_state, end - at + 1);

			rudp_fec_subtract(&ring, &block, 5, at, next, sum);
			at = next;
		}
		cr_assert(zero(int, memcmp(sum, zeros, block.symbol_bytes)));
	}
}

Test(repair_sum, without_one_symbol_is_its_product)
{
	uint8_t sum[RING_BYTES];

	for (int i = 0; i < 200; i++) {
		struct rudp_fec_block block = any_block();
		uint32_t symbol = (uint32_t)random_below(&random_state, block.count);
		uint64_t start = block.start + (uint64_t)symbol * block.symbol_bytes;
		uint8_t factor = rudp_fec_factor(9, symbol);

		rudp_fec_symbol(&ring, &block, 9, sum);
		rudp_fec_subtract(&ring, &block, 9, block.start, start, sum);
		rudp_fec_subtract(&ring, &block, 9, start + block.symbol_bytes,
				  rudp_fec_end(&block), sum);
		for (uint32_t n = 0; n < block.symbol_bytes; n++)
			if (sum[n] != rudp_gf256_multiply(stream[start + n], factor))
				cr_fatal("byte %u of symbol %u", n, symbol);
	}
}

Test(fec_code, rows_are_the_mean_and_three_deviations_and_one)
{
	cr_assert(eq(uint, rudp_fec_rows_for(0, 0), 1));
	cr_assert(eq(uint, rudp_fec_rows_for(0, MILLION), 1));
	cr_assert(eq(uint, rudp_fec_rows_for(128, 0), 1));
	cr_assert(eq(uint, rudp_fec_rows_for(1, MILLION), 5));
	cr_assert(eq(uint, rudp_fec_rows_for(35, 7812), 3));    /* 0.27 + 3 * 0.52 + 1 */
	cr_assert(eq(uint, rudp_fec_rows_for(100, 10000), 5));  /* 1 + 3 * 1 + 1 */
	cr_assert(eq(uint, rudp_fec_rows_for(100, 30000), 10)); /* 3 + 3 * 1.73 + 1 */
	cr_assert(eq(uint, rudp_fec_rows_for(128, MILLION), 163));
}

Test(fec_code, more_symbols_or_losses_never_need_fewer_rows)
{
	static const uint32_t losses[] = {0,     1,     100,    1000,   7812,   10000,
					  30000, 99999, 125000, 333333, 500000, MILLION};

	for (unsigned symbols = 0; symbols <= RUDP_FEC_COUNT_MAX; symbols++) {
		unsigned last = 1;

		for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
			unsigned rows = rudp_fec_rows_for(symbols, losses[i]);

			cr_assert(ge(uint, rows, last));
			cr_assert(ge(u64, (uint64_t)rows * MILLION, (uint64_t)symbols * losses[i]));
			cr_assert(le(uint, rows, rudp_fec_rows_for(symbols + 1, losses[i])));
			last = rows;
		}
	}
}
