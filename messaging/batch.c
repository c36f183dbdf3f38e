/* SPDX-License-Identifier: MIT */
#include "messaging/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MIN ((size_t)4096)
#define SIZE_KEPT ((size_t)1 << 20) /* a batch that is cleared frees larger memory */

void rudpmsg_batch_init(struct rudpmsg_batch *batch)
{
	memset(batch, 0, sizeof *batch);
}

void rudpmsg_batch_fini(struct rudpmsg_batch *batch)
{
	free(batch->memory);
	memset(batch, 0, sizeof *batch);
}

void rudpmsg_batch_clear(struct rudpmsg_batch *batch)
{
	if (batch->size > SIZE_KEPT)
		rudpmsg_batch_fini(batch);
	batch->used = 0;
	batch->puts = batch->count = 0;
}

/* Rounded up, so that each operation is aligned like a structure. */
static size_t size_of(size_t length)
{
	return sizeof(struct rudpmsg_op) + ((length + 7) & ~(size_t)7);
}

int rudpmsg_batch_reserve(struct rudpmsg_batch *batch, size_t length)
{
	size_t wanted = batch->used + size_of(length), size = batch->size ? batch->size : SIZE_MIN;
	uint8_t *grown;

	if (wanted <= batch->size)
		return 0;
	while (size < wanted)
		size *= 2;
	grown = realloc(batch->memory, size);
	if (!grown)
		return -ENOMEM;
	batch->memory = grown;
	batch->size = size;
	return 0;
}

void rudpmsg_batch_add(struct rudpmsg_batch *batch, const struct rudpmsg_op *op)
{
	assert(batch->used + size_of(op->length) <= batch->size);
	memcpy(batch->memory + batch->used, op, sizeof *op);
	if (op->length > 0)
		memcpy(batch->memory + batch->used + sizeof *op, op->bytes, op->length);
	batch->used += size_of(op->length);
	batch->count++;
	batch->puts += op->kind == RUDPMSG_OP_PUT_SENT || op->kind == RUDPMSG_OP_PUT_RECEIVED;
}

bool rudpmsg_batch_next(const struct rudpmsg_batch *batch, size_t *at, struct rudpmsg_op *op)
{
	if (*at == batch->used)
		return false;
	memcpy(op, batch->memory + *at, sizeof *op);
	op->bytes = batch->memory + *at + sizeof *op;
	*at += size_of(op->length);
	return true;
}
