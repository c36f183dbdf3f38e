/* SPDX-License-Identifier: MIT */
/*
 * fec_code - forward error correction: Reed-Solomon repair symbols of stream bytes, from which as
 * many missing pieces can be recovered as there are symbols.
 *
 * Model      a block is count symbols of the same length, one behind the other in the stream. The sum of
 *            row r is factor(r, 0) * symbol 0 + factor(r, 1) * symbol 1 + ..., byte by byte. The
 *            factors are a Cauchy matrix: any n rows give any n missing symbols. What is lost is
 *            packets, whose borders need not be those of the symbols: so each column of bytes is
 *            solved for itself, and a packet no longer than a symbol takes at most one byte of each.
 * Source     docs/protocol.md sections 4 and 9.7; the matrix is that of RFC 5510's kind of code with
 *            Cauchy's instead of Vandermonde's (Bloemer and others, ICSI TR-95-048).
 * Threads    none: no state.
 */
#ifndef RUDP_PROTO_FEC_CODE_H
#define RUDP_PROTO_FEC_CODE_H

#include <stdint.h>

#include "base/ring.h"
#include "proto/wire/frame.h"

/* Sums are made for datagrams up to this size: those of jumbo frames. */
#define RUDP_FEC_DATAGRAM_MAX_BYTES 9216u

/* A receiver keeps so much of what its program has read: what begins with it can be solved. */
#define RUDP_FEC_BLOCK_BYTES_MAX (192u << 10)

struct rudp_fec_block {
	uint64_t start;       /* stream offset */
	uint32_t count;       /* symbols, 1 to RUDP_FEC_COUNT_MAX */
	uint32_t symbol_bytes;
};

static inline uint64_t rudp_fec_end(const struct rudp_fec_block *block)
{
	return block->start + (uint64_t)block->count * block->symbol_bytes;
}

/* What the symbol is multiplied with in a row; never 0. */
uint8_t rudp_fec_factor(uint8_t row, uint32_t symbol);

/*
 * The sum of a row over a block that lies inside [rudp_ring_kept, extent), symbol_bytes long. About an
 * eighth of a nanosecond a byte of the block (gf256.h).
 */
void rudp_fec_symbol(const struct rudp_ring *ring, const struct rudp_fec_block *block, uint8_t row,
		     uint8_t *sum);

/*
 * sum -= factor * the piece [start, end) of the block, which lies inside the ring likewise: what is
 * left in the end is the sum of what is missing.
 */
void rudp_fec_subtract(const struct rudp_ring *ring, const struct rudp_fec_block *block,
		       uint8_t row, uint64_t start, uint64_t end, uint8_t *sum);

/*
 * Solves for n symbols, 1 to RUDP_FEC_SOLVE_MAX: inverse[i * n + j] is what the sum of rows[j] counts
 * for symbols[i]. Rows and symbols must be different ones each.
 */
#define RUDP_FEC_SOLVE_MAX 32u
void rudp_fec_solve(const uint8_t *rows, const uint8_t *symbols, unsigned n, uint8_t *inverse);

/*
 * So many rows make it unlikely that a block is not complete in which so many symbols are on their way:
 * what is lost in the mean, three standard deviations, and one more. At least 1.
 */
unsigned rudp_fec_rows_for(unsigned symbols, uint32_t loss_per_million);

#endif
