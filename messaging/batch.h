/* SPDX-License-Identifier: MIT */
/*
 * batch - operations that the store must execute together: all of them or none.
 *
 * Model    Operations in order, with copies of their bytes, in one piece of memory. The hub fills
 *          one batch while the store writes another (rudpmsg_hub_take_batch).
 * Threads  none: one owner at a time.
 */
#ifndef RUDPMSG_BATCH_H
#define RUDPMSG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When a batch is full, no message is accepted or read until the store has taken the batch. */
#define RUDPMSG_BATCH_BYTES_MAX (32u << 20)

enum rudpmsg_op_kind {
	RUDPMSG_OP_PUT_SENT,     /* bytes: accepted message number from */
	RUDPMSG_OP_PUT_RECEIVED, /* bytes: received message id of stream, stored as number from */
	RUDPMSG_OP_DELETE_SENT,  /* messages from to to, both included */
	RUDPMSG_OP_DELETE_RECEIVED, /* the same */
	RUDPMSG_OP_PUT_PEER,    /* bytes: the record (record.h). Deletes sent messages up to id */
	RUDPMSG_OP_DELETE_PEER, /* deletes the peer and all its messages */
};

struct rudpmsg_op {
	enum rudpmsg_op_kind kind;
	uint32_t length;
	uint64_t peer; /* the peer's number in the store: 1, 2, 3 ... */
	uint64_t from, to;
	uint64_t stream, id;
	const uint8_t *bytes;
};

struct rudpmsg_batch {
	uint8_t *memory;
	size_t used, size;
	uint64_t puts; /* number of operations that need room on the disk */
	uint64_t count;
};

void rudpmsg_batch_init(struct rudpmsg_batch *batch);
void rudpmsg_batch_fini(struct rudpmsg_batch *batch);
/* Empties the batch, and frees its memory if that is large. */
void rudpmsg_batch_clear(struct rudpmsg_batch *batch);

static inline bool rudpmsg_batch_is_full(const struct rudpmsg_batch *batch)
{
	return batch->used >= RUDPMSG_BATCH_BYTES_MAX;
}

/* Reserves room for one more operation with length bytes: the next add cannot fail. 0 or
 * -ENOMEM. */
int rudpmsg_batch_reserve(struct rudpmsg_batch *batch, size_t length);
void rudpmsg_batch_add(struct rudpmsg_batch *batch, const struct rudpmsg_op *op);

/* Iterates: *at must be 0 at first. Returns false at the end. op->bytes points into the batch. */
bool rudpmsg_batch_next(const struct rudpmsg_batch *batch, size_t *at, struct rudpmsg_op *op);

#endif
