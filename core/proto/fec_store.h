/* SPDX-License-Identifier: MIT */
/*
 * repair_store - sums that have come for blocks of the stream in which something is missing.
 *
 * Model      a block is kept until it is complete, or its sums have given what was missing. A block of
 *            which a byte has been read and overwritten cannot be solved any more, and is dropped.
 * Cost       a block is looked at only if bytes or sums of it have come, and solved a step at a time: a
 *            step is RUDP_REPAIR_STEP_WORK_MAX units at most, of about 10 ns. work counts them.
 * Limits     RUDP_REPAIR_BLOCKS_MAX blocks and RUDP_REPAIR_SUMS_MAX sums; more are dropped: what they
 *            would have repaired comes again anyway.
 * Memory     allocated with the first sum, given back with the last block. The owner counts it.
 * Threads    none: one owner at a time.
 * Source     docs/protocol.md section 9.7.
 */
#ifndef RUDP_PROTO_REPAIR_STORE_H
#define RUDP_PROTO_REPAIR_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/recvbuf.h"
#include "proto/fec_code.h"

#define RUDP_REPAIR_BLOCKS_MAX 16
#define RUDP_REPAIR_SUMS_MAX 256u
#define RUDP_REPAIR_STEP_WORK_MAX 1200u /* to invert a matrix for RUDP_REPAIR_SOLVE_MAX sums, mostly */

struct rudp_repair_group;
struct rudp_repair_job;

struct rudp_repair_store {
	struct rudp_repair_group *groups[RUDP_REPAIR_BLOCKS_MAX];
	unsigned group_count;
	unsigned sum_count;
	uint64_t bytes;               /* of memory */
	uint64_t repaired_bytes;      /* total for statistics */
	struct rudp_repair_job *job;  /* the block that is being solved; NULL: none */
	uint64_t work;                /* total */
	bool has_news;                /* solve has something to do */
};

void rudp_repair_store_init(struct rudp_repair_store *store);
/* Drops all; it may be used on. */
void rudp_repair_store_clear(struct rudp_repair_store *store);

/*
 * Keeps a copy of the sum unless nothing is missing in its block, or it has come before. 0 or -ENOMEM,
 * -ENOSPC, -ERANGE (bytes of the block are gone, it does not match what has come before of it, or it is
 * larger than RUDP_REPAIR_BLOCK_BYTES_MAX, or its symbols are than RUDP_REPAIR_DATAGRAM_MAX_BYTES).
 */
int rudp_repair_store_add(struct rudp_repair_store *store, const struct rudp_recvbuf *buf,
			  const struct rudp_repair_block *block, uint8_t row, const uint8_t *sum);

/* What was missing in a block; in order of the columns, not of the stream. false: no more of it. */
typedef bool rudp_repaired(void *context, uint64_t offset, const uint8_t *bytes, size_t len);

/* Stream bytes [start, end) have come. */
void rudp_repair_store_on_bytes(struct rudp_repair_store *store, uint64_t start, uint64_t end);

/*
 * Goes on until nothing is left to do, or so much work is done; a step more than that is possible.
 * Gives what can be had back to repaired, which may put it into buf and even clear the store; and drops
 * what is of no use any more.
 */
void rudp_repair_store_solve(struct rudp_repair_store *store, const struct rudp_recvbuf *buf,
			     uint64_t work_max, rudp_repaired *repaired, void *context);

#endif
