/* SPDX-License-Identifier: MIT */
#include "conversation/server/batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDED(bytes) (((bytes) + 7) & ~(size_t)7)

void apo_batcher_init(struct apo_batcher *batcher, struct apo_mailbox *to, struct apo_mailbox *back,
		      int kind, uint16_t sender)
{
	batcher->to = to;
	batcher->back = back;
	batcher->kind = kind;
	batcher->sender = sender;
	batcher->open = NULL;
	atomic_init(&batcher->in_flight_bytes, 0);
	atomic_init(&batcher->is_waiting, false);
}

void apo_batcher_fini(struct apo_batcher *batcher)
{
	free(batcher->open);
	batcher->open = NULL;
}

static struct apo_batch *batch_new(struct apo_batcher *from, size_t size_bytes)
{
	struct apo_batch *batch = malloc(sizeof *batch + size_bytes);

	if (!batch) {
		fputs("apollonion: out of memory\n", stderr);
		abort();
	}
	batch->mail.kind = from->kind;
	batch->from = from;
	batch->used_bytes = 0;
	batch->size_bytes = size_bytes;
	return batch;
}

void apo_batcher_flush(struct apo_batcher *batcher)
{
	struct apo_batch *batch = batcher->open;

	if (!batch)
		return;
	batcher->open = NULL;
	atomic_fetch_add_explicit(&batcher->in_flight_bytes, batch->used_bytes,
				  memory_order_relaxed);
	apo_mailbox_put(batcher->to, &batch->mail);
}

void *apo_batcher_add(struct apo_batcher *batcher, uint32_t kind, size_t size_bytes)
{
	size_t size = ROUNDED(size_bytes), chunk = APO_BATCH_CHUNK_BYTES;
	struct apo_record *record;

	if (batcher->open && batcher->open->size_bytes - batcher->open->used_bytes < size)
		apo_batcher_flush(batcher);
	if (!batcher->open)
		batcher->open = batch_new(batcher, size > chunk ? size : chunk);
	record = (struct apo_record *)(void *)(batcher->open->bytes + batcher->open->used_bytes);
	batcher->open->used_bytes += size;
	record->size_bytes = (uint32_t)size;
	record->kind = kind;
	return record;
}

static const char **string_at(const void *record, size_t offset)
{
	return (const char **)(void *)((char *)record + offset);
}

void apo_batcher_add_strings(struct apo_batcher *batcher, uint32_t kind, const void *record,
			     size_t size_bytes, const size_t *offsets, unsigned count)
{
	size_t size = size_bytes, len;
	struct apo_record *added;
	const char **string;
	unsigned i;
	char *to;

	for (i = 0; i < count; i++)
		if ((string = string_at(record, offsets[i])) && *string)
			size += strlen(*string) + 1;
	added = apo_batcher_add(batcher, kind, size);
	memcpy(added + 1, (const struct apo_record *)record + 1, size_bytes - sizeof *added);
	to = (char *)added + size_bytes;
	for (i = 0; i < count; i++) {
		string = string_at(added, offsets[i]);
		if (!*string)
			continue;
		len = strlen(*string) + 1;
		*string = memcpy(to, *string, len);
		to += len;
	}
}

bool apo_batcher_extend(struct apo_batcher *batcher, struct apo_record *last, size_t more_bytes)
{
	struct apo_batch *batch = batcher->open;

	assert(batch && more_bytes % 8 == 0 &&
	       (uint8_t *)last + last->size_bytes == batch->bytes + batch->used_bytes);
	if (batch->size_bytes - batch->used_bytes < more_bytes)
		return false;
	batch->used_bytes += more_bytes;
	last->size_bytes += (uint32_t)more_bytes;
	return true;
}

bool apo_batcher_is_full(struct apo_batcher *batcher)
{
	if (atomic_load(&batcher->in_flight_bytes) < APO_BATCH_IN_FLIGHT_BYTES)
		return false;
	/* Sets the flag first, then tests again: either this thread or the receiver sees the
	 * other's write. */
	atomic_store(&batcher->is_waiting, true);
	return atomic_load(&batcher->in_flight_bytes) >= APO_BATCH_IN_FLIGHT_BYTES;
}

const struct apo_record *apo_batch_next(const struct apo_batch *batch,
					const struct apo_record *record)
{
	const uint8_t *next = record ? (const uint8_t *)record + record->size_bytes : batch->bytes;

	return next < batch->bytes + batch->used_bytes
		       ? (const struct apo_record *)(const void *)next
		       : NULL;
}

void apo_batch_done(struct apo_batch *batch)
{
	struct apo_batcher *from = batch->from;
	size_t left =
		atomic_fetch_sub(&from->in_flight_bytes, batch->used_bytes) - batch->used_bytes;

	free(batch);
	if (left < APO_BATCH_IN_FLIGHT_BYTES / 2 && atomic_load(&from->is_waiting) &&
	    atomic_exchange(&from->is_waiting, false))
		apo_mailbox_wake(from->back);
}
