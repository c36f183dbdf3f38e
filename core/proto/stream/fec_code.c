/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 9.7. */
#include "proto/stream/fec_code.h"

#include <string.h>

#include "base/gf256.h"

#define MILLI 1000u
#define DEVIATIONS 3u
#define MARGIN_MILLI 1000u /* few losses are less even than that */

/* Rows and symbols are two halves of the field: their sum is never 0, and never the same twice. */
uint8_t rudp_fec_factor(uint8_t row, uint32_t symbol)
{
	return rudp_gf256_inverse((uint8_t)((RUDP_FEC_COUNT_MAX + row) ^ symbol));
}

/* A piece inside one symbol. */
static void add_piece(const struct rudp_ring *ring, uint64_t start, size_t len, uint8_t factor,
		      uint8_t *sum)
{
	struct iovec iov[2];
	int pieces = rudp_ring_look(ring, start, len, iov);

	for (int i = 0; i < pieces; i++) {
		rudp_gf256_multiply_add(sum, iov[i].iov_base, factor, iov[i].iov_len);
		sum += iov[i].iov_len;
	}
}

/* In this field to add and to subtract are the same. */
void rudp_fec_subtract(const struct rudp_ring *ring, const struct rudp_fec_block *block,
		       uint8_t row, uint64_t start, uint64_t end, uint8_t *sum)
{
	while (start < end) {
		uint32_t symbol = (uint32_t)((start - block->start) / block->symbol_bytes);
		uint64_t symbol_start = block->start + (uint64_t)symbol * block->symbol_bytes;
		uint64_t symbol_end = symbol_start + block->symbol_bytes;
		uint64_t piece_end = end < symbol_end ? end : symbol_end;

		add_piece(ring, start, (size_t)(piece_end - start), rudp_fec_factor(row, symbol),
			  sum + (start - symbol_start));
		start = piece_end;
	}
}

void rudp_fec_symbol(const struct rudp_ring *ring, const struct rudp_fec_block *block, uint8_t row,
		     uint8_t *sum)
{
	memset(sum, 0, block->symbol_bytes);
	rudp_fec_subtract(ring, block, row, block->start, rudp_fec_end(block), sum);
}

/* Whole ones: the arithmetic takes 64 bytes at a time. */
#define ROW_BYTES (2 * RUDP_FEC_SOLVE_MAX)

static void scale(uint8_t row[ROW_BYTES], uint8_t factor)
{
	uint8_t scaled[ROW_BYTES] = {0};

	rudp_gf256_multiply_add(scaled, row, factor, ROW_BYTES);
	memcpy(row, scaled, ROW_BYTES);
}

/*
 * Gauss and Jordan, with the unit matrix beside it. No pivot is 0, so none is looked for: the leading
 * parts of a Cauchy matrix are Cauchy matrices themselves.
 */
void rudp_fec_solve(const uint8_t *rows, const uint8_t *symbols, unsigned n, uint8_t *inverse)
{
	uint8_t work[RUDP_FEC_SOLVE_MAX][ROW_BYTES] = {{0}};

	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < n; j++)
			work[i][j] = rudp_fec_factor(rows[i], symbols[j]);
		work[i][n + i] = 1;
	}
	for (unsigned pivot = 0; pivot < n; pivot++) {
		scale(work[pivot], rudp_gf256_inverse(work[pivot][pivot]));
		for (unsigned i = 0; i < n; i++)
			if (i != pivot)
				rudp_gf256_multiply_add(work[i], work[pivot], work[i][pivot],
							ROW_BYTES);
	}
	for (unsigned i = 0; i < n; i++)
		memcpy(inverse + i * n, work[i] + n, n);
}

/* Rounded up. */
static unsigned square_root(unsigned n)
{
	unsigned root = 0;

	while (root * root < n)
		root++;
	return root;
}

unsigned rudp_fec_rows_for(unsigned symbols, uint32_t loss_per_million)
{
	unsigned mean_milli = (unsigned)((uint64_t)symbols * loss_per_million / 1000);
	unsigned deviation_milli = square_root(mean_milli * MILLI);

	return (mean_milli + DEVIATIONS * deviation_milli + MARGIN_MILLI + MILLI - 1) / MILLI;
}
