/* SPDX-License-Identifier: MIT */
/*
 * fec_store - repair symbols that have come for blocks of the stream in which something is missing.
 *
 * Model      a block is kept until it is complete, or its repair symbols have given what was
 *            missing. A block of which a byte has been read and overwritten cannot be solved any
 * more, and is dropped.
 * Cost       a block is looked at only if bytes or repair symbols of it have come, and solved a
 *            step at a time: a step is RUDP_FEC_STEP_WORK_MAX units at most, of about 10 ns. work
 * counts them.
 * Limits     RUDP_FEC_BLOCKS_MAX blocks and RUDP_FEC_SYMBOLS_MAX repair symbols; more are dropped:
 *            what they would have repaired comes again anyway.
 * Memory     allocated with the first repair symbol, given back with the last block. The owner
 * counts it.
 * Threads    none: one owner at a time.
 * Source     docs/protocol.md section 9.7.
 */
#ifndef RUDP_PROTO_FEC_STORE_H
#define RUDP_PROTO_FEC_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/stream/recvbuf.h"
#include "proto/stream/fec_code.h"

#define RUDP_FEC_BLOCKS_MAX 16
#define RUDP_FEC_SYMBOLS_MAX 256u
/* to invert a matrix for RUDP_FEC_SOLVE_MAX repair symbols, mostly */
#define RUDP_FEC_STEP_WORK_MAX 1200u

struct rudp_fec_group;
struct rudp_fec_job;

struct rudp_fec_store {
	struct rudp_fec_group *groups[RUDP_FEC_BLOCKS_MAX];
	unsigned group_count;
	unsigned sum_count;
	uint64_t bytes;               /* of memory */
	uint64_t repaired_bytes;      /* total for statistics */
	struct rudp_fec_job *job;     /* the block that is being solved; NULL: none */
	uint64_t work;                /* total */
	bool has_news;                /* solve has something to do */
};

void rudp_fec_store_init(struct rudp_fec_store *store);
/* Drops all; it may be used on. */
void rudp_fec_store_clear(struct rudp_fec_store *store);

/*
 * Keeps a copy of the repair symbol unless nothing is missing in its block, or it has come before.
 * 0 or -ENOMEM,
 * -ENOSPC, -ERANGE (bytes of the block are gone, it does not match what has come before of it, or it is
 * larger than RUDP_FEC_BLOCK_BYTES_MAX, or its symbols are than RUDP_FEC_DATAGRAM_MAX_BYTES).
 */
int rudp_fec_store_add(struct rudp_fec_store *store, const struct rudp_recvbuf *buf,
		       const struct rudp_fec_block *block, uint8_t row, const uint8_t *symbol);

/* What was missing in a block; in order of the columns, not of the stream. false: no more of it. */
typedef bool rudp_fec_recovered(void *context, uint64_t offset, const uint8_t *bytes, size_t len);

/* Stream bytes [start, end) have come. */
void rudp_fec_store_on_bytes(struct rudp_fec_store *store, uint64_t start, uint64_t end);

/*
 * Goes on until nothing is left to do, or so much work is done; a step more than that is possible.
 * Gives what can be had back to repaired, which may put it into buf and even clear the store; and drops
 * what is of no use any more.
 */
void rudp_fec_store_solve(struct rudp_fec_store *store, const struct rudp_recvbuf *buf,
			  uint64_t work_max, rudp_fec_recovered *repaired, void *context);

#endif
