/* SPDX-License-Identifier: MIT */
/*
 * fec_store - stores received FEC repair symbols and recovers the missing bytes of their blocks.
 *
 * Model      A block is kept until it is complete or its repair symbols have given the missing
 *            bytes. A block is dropped if one of its bytes was read and overwritten: it can no
 *            longer be solved.
 * Cost       A block is examined only if bytes or repair symbols of it have arrived. It is solved
 *            in steps of at most RUDP_FEC_STEP_WORK_MAX units of about 10 ns. The member work
 *            counts them.
 * Limits     RUDP_FEC_BLOCKS_MAX blocks and RUDP_FEC_SYMBOLS_MAX repair symbols. More are dropped:
 *            the sender retransmits what they would have repaired.
 * Memory     Allocated with the first repair symbol, freed with the last block. The owner counts
 *            it.
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
/* mostly the inversion of a matrix for RUDP_FEC_SOLVE_MAX repair symbols */
#define RUDP_FEC_STEP_WORK_MAX 1200u

struct rudp_fec_group;
struct rudp_fec_job;

struct rudp_fec_store {
	struct rudp_fec_group *groups[RUDP_FEC_BLOCKS_MAX];
	unsigned group_count;
	unsigned symbol_count;    /* of all groups */
	uint64_t bytes;           /* memory in use */
	uint64_t repaired_bytes;  /* total, for statistics */
	struct rudp_fec_job *job; /* the block being solved; NULL: none */
	uint64_t work;            /* total */
	bool has_news;            /* rudp_fec_store_solve has something to do */
};

void rudp_fec_store_init(struct rudp_fec_store *store);
/* Drops all blocks. The store can still be used. */
void rudp_fec_store_clear(struct rudp_fec_store *store);

/*
 * Stores a copy of a repair symbol, unless its block is complete or the symbol is a duplicate.
 *
 * Returns  0; -ENOMEM; -ENOSPC: the store is full; -ERANGE: bytes of the block are gone, or the
 *          block does not match its earlier repair symbols, or it is larger than
 *          RUDP_FEC_BLOCK_BYTES_MAX, or its symbols are larger than RUDP_FEC_DATAGRAM_MAX_BYTES.
 */
int rudp_fec_store_add(struct rudp_fec_store *store, const struct rudp_recvbuf *buf,
		       const struct rudp_fec_block *block, uint8_t row, const uint8_t *symbol);

/*
 * Gets recovered bytes of a block, in the order of columns, not of the stream. Returns false to
 * stop.
 */
typedef bool rudp_fec_recovered(void *context, uint64_t offset, const uint8_t *bytes, size_t len);

/* Stream bytes [start, end) have arrived. */
void rudp_fec_store_on_bytes(struct rudp_fec_store *store, uint64_t start, uint64_t end);

/*
 * Solves blocks until nothing is left to do or work_max units are done; one step may exceed them.
 * Passes recovered bytes to repaired, which may put them into buf and may even clear the store.
 * Drops blocks that are no longer useful.
 */
void rudp_fec_store_solve(struct rudp_fec_store *store, const struct rudp_recvbuf *buf,
			  uint64_t work_max, rudp_fec_recovered *repaired, void *context);

#endif
