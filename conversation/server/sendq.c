/* SPDX-License-Identifier: MIT */
#include "conversation/server/sendq.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct apo_share *apo_share_new(struct apo_text *text)
{
	struct apo_share *share = malloc(sizeof *share);

	if (!share) {
		apo_text_put(text);
		return NULL;
	}
	share->text = text;
	share->users = 1;
	return share;
}

void apo_share_put(struct apo_share *share)
{
	assert(share->users > 0);
	if (--share->users > 0)
		return;
	apo_text_put(share->text);
	free(share);
}

void apo_sendq_init(struct apo_sendq *queue)
{
	memset(queue, 0, sizeof *queue);
	queue->items = queue->few;
	queue->capacity = APO_SENDQ_FEW;
}

static struct apo_share *item(const struct apo_sendq *queue, uint32_t index)
{
	return queue->items[(queue->head + index) & (queue->capacity - 1)];
}

const struct apo_text *apo_sendq_text(const struct apo_sendq *queue, uint32_t index)
{
	return item(queue, index)->text;
}

void apo_sendq_fini(struct apo_sendq *queue)
{
	uint32_t i;

	for (i = 0; i < queue->count; i++)
		apo_share_put(item(queue, i));
	if (queue->items != queue->few)
		free(queue->items);
	apo_sendq_init(queue);
}

static int grow(struct apo_sendq *queue)
{
	struct apo_share **items = malloc((size_t)queue->capacity * 4 * sizeof *items);
	uint32_t i;

	if (!items)
		return -ENOMEM;
	for (i = 0; i < queue->count; i++)
		items[i] = item(queue, i);
	if (queue->items != queue->few)
		free(queue->items);
	queue->items = items;
	queue->head = 0;
	queue->capacity *= 4;
	return 0;
}

int apo_sendq_add(struct apo_sendq *queue, struct apo_share *share)
{
	if (queue->count == queue->capacity && grow(queue) < 0)
		return -ENOMEM;
	queue->items[(queue->head + queue->count) & (queue->capacity - 1)] = share;
	queue->count++;
	queue->bytes += share->text->len;
	share->users++;
	return 0;
}

size_t apo_sendq_gather(const struct apo_sendq *queue, char *bytes, size_t size)
{
	size_t at = 0, from = queue->offset, n;
	uint32_t i;

	for (i = 0; i < queue->count && at < size; i++, from = 0) {
		const struct apo_text *text = item(queue, i)->text;

		n = text->len - from;
		if (n > size - at)
			n = size - at;
		memcpy(bytes + at, text->bytes + from, n);
		at += n;
	}
	return at;
}

void apo_sendq_cut(struct apo_sendq *queue, size_t claimed_bytes)
{
	size_t kept_bytes = queue->offset + claimed_bytes, bytes = 0;
	uint32_t keep = 0;

	for (; keep < queue->count && bytes < kept_bytes; keep++)
		bytes += item(queue, keep)->text->len;
	while (queue->count > keep) {
		struct apo_share *last = item(queue, --queue->count);

		queue->bytes -= last->text->len;
		apo_share_put(last);
	}
}

void apo_sendq_consume(struct apo_sendq *queue, size_t n)
{
	assert(n <= queue->bytes);
	queue->bytes -= n;
	while (queue->count > 0) {
		struct apo_share *first = item(queue, 0);
		size_t left = first->text->len - queue->offset;

		if (n < left) {
			queue->offset += (uint32_t)n;
			return;
		}
		n -= left;
		queue->offset = 0;
		queue->head++;
		queue->count--;
		apo_share_put(first);
	}
	if (queue->items != queue->few)
		apo_sendq_fini(queue);
}
