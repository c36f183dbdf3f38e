/* SPDX-License-Identifier: MIT */
/*
 * batch - what a hub wants its store to have done at once: all of it or nothing.
 *
 * Model    operations in order, with copies of their bytes, in one piece of memory. The hub fills
 *          one while the store writes another (rudpmsg_hub_take_batch).
 * Threads  none: one owner at a time.
 */
#ifndef RUDPMSG_BATCH_H
#define RUDPMSG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A full one: no message is accepted or read before the store has taken it. */
#define RUDPMSG_BATCH_BYTES_MAX (32u << 20)

enum rudpmsg_op_kind {
	RUDPMSG_OP_PUT_SENT,        /* bytes: message from, which was accepted */
	RUDPMSG_OP_PUT_RECEIVED,    /* bytes: message id of stream, received as number from */
	RUDPMSG_OP_DELETE_SENT,     /* from to to, both included */
	RUDPMSG_OP_DELETE_RECEIVED, /* the same */
	RUDPMSG_OP_PUT_PEER,        /* bytes: the record (record.h); messages sent up to id go */
	RUDPMSG_OP_DELETE_PEER,     /* and all its messages */
};

struct rudpmsg_op {
	enum rudpmsg_op_kind kind;
	uint32_t length;
	uint64_t peer; /* its number in the store: 1, 2, 3 ... */
	uint64_t from, to;
	uint64_t stream, id;
	const uint8_t *bytes;
};

struct rudpmsg_batch {
	uint8_t *memory;
	size_t used, size;
	uint64_t puts; /* operations that need room */
	uint64_t count;
};

void rudpmsg_batch_init(struct rudpmsg_batch *batch);
void rudpmsg_batch_fini(struct rudpmsg_batch *batch);
/* Empty again; memory that was large is given back. */
void rudpmsg_batch_clear(struct rudpmsg_batch *batch);

static inline bool rudpmsg_batch_is_full(const struct rudpmsg_batch *batch)
{
	return batch->used >= RUDPMSG_BATCH_BYTES_MAX;
}

/* Room for one more operation with length bytes, so that adding it cannot fail. 0 or -ENOMEM. */
int rudpmsg_batch_reserve(struct rudpmsg_batch *batch, size_t length);
void rudpmsg_batch_add(struct rudpmsg_batch *batch, const struct rudpmsg_op *op);

/* Walks: *at is 0 at first. Returns false at the end. op->bytes lie in the batch. */
bool rudpmsg_batch_next(const struct rudpmsg_batch *batch, size_t *at, struct rudpmsg_op *op);

#endif
