/* SPDX-License-Identifier: MIT */
/*
 * fec_code - forward error correction: computes Reed-Solomon repair symbols over stream bytes and
 * solves for missing bytes.
 *
 * Model      A block is count symbols of equal length, one after the other in the stream. The
 *            repair symbol of row r is factor(r, 0) * symbol 0 + factor(r, 1) * symbol 1 + ...,
 *            byte by byte. The factors are a Cauchy matrix: any n rows recover any n missing
 *            symbols. Packets get lost, and their borders need not be those of symbols. So each
 *            column of bytes is solved separately: a packet no longer than a symbol has at most one
 *            byte in each column.
 * Source     docs/protocol.md sections 4 and 9.7. The code is of the kind of RFC 5510, with
 *            Cauchy's matrix instead of Vandermonde's (Bloemer and others, ICSI TR-95-048).
 * Threads    any: no state.
 */
#ifndef RUDP_PROTO_FEC_CODE_H
#define RUDP_PROTO_FEC_CODE_H

#include <stdint.h>

#include "base/ring.h"
#include "proto/wire/frame.h"

/* Repair symbols are sent in datagrams up to this size, that of jumbo frames. */
#define RUDP_FEC_DATAGRAM_MAX_BYTES 9216u

/*
 * A receiver keeps this many bytes that its program has already read, to solve blocks that begin
 * with them.
 */
#define RUDP_FEC_BLOCK_BYTES_MAX (192u << 10)

struct rudp_fec_block {
	uint64_t start; /* stream offset */
	uint32_t count; /* symbols, 1 to RUDP_FEC_COUNT_MAX */
	uint32_t symbol_bytes;
};

static inline uint64_t rudp_fec_end(const struct rudp_fec_block *block)
{
	return block->start + (uint64_t)block->count * block->symbol_bytes;
}

/* The factor of the symbol in a row; never 0. */
uint8_t rudp_fec_factor(uint8_t row, uint32_t symbol);

/*
 * Computes the repair symbol of a row, symbol_bytes long, over a block inside [rudp_ring_kept,
 * extent). Takes about an eighth of a nanosecond per byte of the block (gf256.h).
 */
void rudp_fec_symbol(const struct rudp_ring *ring, const struct rudp_fec_block *block, uint8_t row,
		     uint8_t *repair);

/*
 * Subtracts the known piece [start, end) of the block from a repair symbol. The piece must lie
 * inside the ring as above. After all known pieces are subtracted, the repair symbol covers only
 * the missing bytes.
 */
void rudp_fec_subtract(const struct rudp_ring *ring, const struct rudp_fec_block *block,
		       uint8_t row, uint64_t start, uint64_t end, uint8_t *repair);

/*
 * Computes the matrix that recovers n symbols, 1 to RUDP_FEC_SOLVE_MAX: inverse[i * n + j] is the
 * factor of the repair symbol of rows[j] in symbols[i]. All rows must differ, and all symbols.
 */
#define RUDP_FEC_SOLVE_MAX 32u
void rudp_fec_solve(const uint8_t *rows, const uint8_t *symbols, unsigned n, uint8_t *inverse);

/*
 * The number of repair symbols to send for a block of this many symbols, so that the block is
 * almost always recovered: the mean loss, plus three standard deviations, plus one. At least 1.
 */
unsigned rudp_fec_rows_for(unsigned symbols, uint32_t loss_per_million);

#endif
