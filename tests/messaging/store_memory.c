/* SPDX-License-Identifier: MIT */
#include "messaging/store_memory.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

static void drop(struct memory_store *store, size_t i)
{
	free(store->rows[i].bytes);
	store->rows[i] = store->rows[--store->count];
}

void memory_store_fini(struct memory_store *store)
{
	while (store->count > 0)
		drop(store, store->count - 1);
	free(store->rows);
	memset(store, 0, sizeof *store);
}

const struct memory_row *memory_store_find(const struct memory_store *store, enum memory_kind kind,
					   uint64_t peer, uint64_t number)
{
	size_t i;

	for (i = 0; i < store->count; i++)
		if (store->rows[i].kind == kind && store->rows[i].peer == peer &&
		    store->rows[i].number == number)
			return store->rows + i;
	return NULL;
}

static void drop_span(struct memory_store *store, enum memory_kind kind, uint64_t peer,
		      uint64_t from, uint64_t to)
{
	size_t i;

	for (i = store->count; i-- > 0;)
		if (store->rows[i].kind == kind && store->rows[i].peer == peer &&
		    store->rows[i].number >= from && store->rows[i].number <= to)
			drop(store, i);
}

static void put(struct memory_store *store, enum memory_kind kind, const struct rudpmsg_op *op)
{
	struct memory_row *row;

	if (store->count == store->capacity) {
		store->capacity = store->capacity ? store->capacity * 2 : 16;
		store->rows = realloc(store->rows, store->capacity * sizeof *row);
		cr_assert(store->rows != NULL);
	}
	row = store->rows + store->count++;
	*row = (struct memory_row){
		kind, op->peer, op->from, op->stream, op->id, malloc(op->length + 1), op->length};
	memcpy(row->bytes, op->bytes, op->length);
}

static void apply(struct memory_store *store, const struct rudpmsg_op *op)
{
	switch (op->kind) {
	case RUDPMSG_OP_PUT_SENT:
		cr_assert(memory_store_find(store, MEMORY_SENT, op->peer, op->from) == NULL);
		put(store, MEMORY_SENT, op);
		break;
	case RUDPMSG_OP_PUT_RECEIVED:
		cr_assert(memory_store_find(store, MEMORY_RECEIVED, op->peer, op->from) == NULL);
		put(store, MEMORY_RECEIVED, op);
		break;
	case RUDPMSG_OP_DELETE_SENT:
		drop_span(store, MEMORY_SENT, op->peer, op->from, op->to);
		break;
	case RUDPMSG_OP_DELETE_RECEIVED:
		drop_span(store, MEMORY_RECEIVED, op->peer, op->from, op->to);
		break;
	case RUDPMSG_OP_PUT_PEER:
		drop_span(store, MEMORY_PEER, op->peer, 0, 0);
		put(store, MEMORY_PEER, op);
		drop_span(store, MEMORY_SENT, op->peer, 0, op->id);
		break;
	case RUDPMSG_OP_DELETE_PEER:
		drop_span(store, MEMORY_PEER, op->peer, 0, 0);
		drop_span(store, MEMORY_SENT, op->peer, 0, UINT64_MAX);
		drop_span(store, MEMORY_RECEIVED, op->peer, 0, UINT64_MAX);
		break;
	}
}

void memory_store_apply(struct memory_store *store, const struct rudpmsg_batch *batch)
{
	struct rudpmsg_op op;
	size_t at = 0;

	while (rudpmsg_batch_next(batch, &at, &op))
		apply(store, &op);
}

static int by_key(const void *a, const void *b)
{
	const struct memory_row *x = a, *y = b;

	if (x->peer != y->peer)
		return x->peer < y->peer ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

void memory_store_restore(const struct memory_store *store, struct rudpmsg_hub *hub,
			  int64_t now_at_ns)
{
	struct rudpmsg_received received;
	struct rudpmsg_peer record;
	const struct memory_row *row;
	int rc = 0;

	if (store->count > 0)
		qsort(store->rows, store->count, sizeof *store->rows, by_key);
	for (row = store->rows; row < store->rows + store->count; row++) {
		switch (row->kind) {
		case MEMORY_PEER:
			rc = rudpmsg_peer_read(row->bytes, row->length, row->peer, &record);
			cr_assert(eq(int, rc, 0));
			rc = rudpmsg_hub_restore_peer(hub, row->peer, &record);
			break;
		case MEMORY_SENT:
			rc = rudpmsg_hub_restore_sent(hub, row->number, row->bytes, row->length);
			break;
		case MEMORY_RECEIVED:
			received = (struct rudpmsg_received){row->stream, row->id, row->bytes,
							     row->length};
			rc = rudpmsg_hub_restore_received(hub, row->number, &received);
			break;
		}
		cr_assert(eq(int, rc, 0));
	}
	cr_assert(eq(int, rudpmsg_hub_restore_end(hub, now_at_ns), 0));
}

bool memory_store_peer(const struct memory_store *store, const char *name, uint64_t *peer,
		       struct rudpmsg_peer *record)
{
	size_t i;

	for (i = 0; i < store->count; i++) {
		if (store->rows[i].kind != MEMORY_PEER)
			continue;
		cr_assert(eq(int,
			     rudpmsg_peer_read(store->rows[i].bytes, store->rows[i].length,
					       store->rows[i].peer, record),
			     0));
		*peer = store->rows[i].peer;
		if (strcmp(record->name, name) == 0)
			return true;
	}
	return false;
}
