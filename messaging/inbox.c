/* SPDX-License-Identifier: MIT */
#include "messaging/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64u
#define CAPACITY_MAX (1u << 30)

struct rudpmsg_chunk *rudpmsg_chunk_new(size_t size)
{
	struct rudpmsg_chunk *chunk;

	if (size < RUDPMSG_CHUNK_BYTES)
		size = RUDPMSG_CHUNK_BYTES;
	chunk = malloc(sizeof *chunk + size);
	if (!chunk)
		return NULL;
	chunk->references = 1;
	chunk->size = size;
	chunk->used = chunk->uncharged = chunk->uncharged_before = 0;
	return chunk;
}

void rudpmsg_chunk_put(struct rudpmsg_chunk *chunk)
{
	if (chunk && --chunk->references == 0)
		free(chunk);
}

void rudpmsg_inbox_init(struct rudpmsg_inbox *inbox, bool has_store)
{
	memset(inbox, 0, sizeof *inbox);
	inbox->has_store = has_store;
}

static struct rudpmsg_entry *entry_at(const struct rudpmsg_inbox *inbox, uint64_t place)
{
	return inbox->entries + (place & (inbox->capacity - 1));
}

void rudpmsg_inbox_fini(struct rudpmsg_inbox *inbox)
{
	uint64_t place;

	for (place = inbox->head; place < inbox->tail; place++)
		rudpmsg_chunk_put(entry_at(inbox, place)->chunk);
	free(inbox->entries);
	memset(inbox, 0, sizeof *inbox);
}

void rudpmsg_inbox_restart(struct rudpmsg_inbox *inbox)
{
	uint64_t place;

	/* Ids of the old stream have no meaning in the new one: its remaining messages are never
	 * acknowledged. */
	for (place = inbox->head; place < inbox->tail; place++)
		entry_at(inbox, place)->id = 0;
	inbox->received_id = inbox->handled_id = inbox->stored_id = 0;
}

static int grow(struct rudpmsg_inbox *inbox)
{
	uint32_t capacity = inbox->capacity ? inbox->capacity * 2 : CAPACITY_MIN;
	struct rudpmsg_entry *entries;
	uint64_t place;

	if (capacity > CAPACITY_MAX)
		return -ENOMEM;
	entries = malloc(capacity * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	for (place = inbox->head; place < inbox->tail; place++)
		entries[place & (capacity - 1)] = *entry_at(inbox, place);
	free(inbox->entries);
	inbox->entries = entries;
	inbox->capacity = capacity;
	return 0;
}

static uint64_t cost(const struct rudpmsg_entry *entry)
{
	return entry->charged + sizeof *entry;
}

/* The bytes of the chunk to charge to a message of this length. */
static unsigned charge(struct rudpmsg_chunk *chunk, uint32_t length)
{
	size_t bytes = chunk->uncharged > length ? chunk->uncharged : length;

	chunk->uncharged = chunk->uncharged_before = 0;
	return bytes < RUDPMSG_CHARGED_MAX ? (unsigned)bytes : RUDPMSG_CHARGED_MAX;
}

int rudpmsg_inbox_restore(struct rudpmsg_inbox *inbox, uint64_t id, const uint8_t *bytes,
			  uint32_t length, struct rudpmsg_chunk *chunk, uint64_t stored_as)
{
	struct rudpmsg_entry *entry;

	if (inbox->tail - inbox->head == inbox->capacity && grow(inbox) < 0)
		return -ENOMEM;
	entry = entry_at(inbox, inbox->tail++);
	*entry = (struct rudpmsg_entry){id,
					bytes,
					length,
					RUDPMSG_ENTRY_WAITING,
					charge(chunk, length) & RUDPMSG_CHARGED_MAX,
					chunk,
					stored_as};
	chunk->references++;
	inbox->bytes += cost(entry);
	if (id > inbox->received_id)
		inbox->received_id = id;
	return 0;
}

int rudpmsg_inbox_add(struct rudpmsg_inbox *inbox, uint64_t id, const uint8_t *bytes,
		      uint32_t length, struct rudpmsg_chunk *chunk, uint64_t stored_as)
{
	int rc;

	if (id <= inbox->received_id)
		return -EEXIST;
	rc = rudpmsg_inbox_restore(inbox, id, bytes, length, chunk, stored_as);
	if (rc == 0 && !inbox->has_store)
		inbox->unstored = inbox->tail;
	return rc;
}

void rudpmsg_inbox_on_stored(struct rudpmsg_inbox *inbox, uint64_t place)
{
	const struct rudpmsg_entry *newest;

	if (place <= inbox->unstored)
		return;
	assert(place <= inbox->tail);
	newest = entry_at(inbox, place - 1);
	if (newest->id > inbox->stored_id)
		inbox->stored_id = newest->id;
	inbox->unstored = place;
}

bool rudpmsg_inbox_roll_back(struct rudpmsg_inbox *inbox)
{
	struct rudpmsg_entry *entry;

	if (inbox->unstored == inbox->tail)
		return false;
	while (inbox->tail > inbox->unstored) {
		entry = entry_at(inbox, --inbox->tail);
		inbox->bytes -= cost(entry);
		rudpmsg_chunk_put(entry->chunk);
	}
	inbox->received_id = inbox->stored_id;
	return true;
}

/* All messages before the oldest one here were handled, or will never come. */
static void update_handled(struct rudpmsg_inbox *inbox)
{
	uint64_t handled = inbox->has_store ? inbox->stored_id : inbox->received_id;

	if (inbox->head < inbox->unstored) {
		handled = entry_at(inbox, inbox->head)->id;
		handled = handled ? handled - 1 : 0;
	}
	if (inbox->handled_id < handled)
		inbox->handled_id = handled;
}

void rudpmsg_inbox_on_restored(struct rudpmsg_inbox *inbox, uint64_t received)
{
	inbox->received_id = inbox->stored_id = received;
	inbox->unstored = inbox->tail;
	update_handled(inbox);
}

bool rudpmsg_inbox_is_empty(const struct rudpmsg_inbox *inbox)
{
	return inbox->head == inbox->tail;
}

bool rudpmsg_inbox_is_waiting(const struct rudpmsg_inbox *inbox)
{
	return inbox->next < inbox->unstored;
}

const struct rudpmsg_entry *rudpmsg_inbox_take(struct rudpmsg_inbox *inbox, uint64_t *place)
{
	struct rudpmsg_entry *entry;

	if (!rudpmsg_inbox_is_waiting(inbox))
		return NULL;
	*place = inbox->next++;
	entry = entry_at(inbox, *place);
	entry->state = RUDPMSG_ENTRY_TAKEN;
	entry->chunk->references++;
	return entry;
}

bool rudpmsg_inbox_done(struct rudpmsg_inbox *inbox, uint64_t place)
{
	uint64_t before = inbox->handled_id;
	struct rudpmsg_entry *entry;

	if (place < inbox->head || place >= inbox->next)
		return false;
	entry = entry_at(inbox, place);
	if (entry->state == RUDPMSG_ENTRY_DONE)
		return false;
	entry->state = RUDPMSG_ENTRY_DONE;
	while (inbox->head < inbox->next &&
	       (entry = entry_at(inbox, inbox->head))->state == RUDPMSG_ENTRY_DONE) {
		inbox->bytes -= cost(entry);
		rudpmsg_chunk_put(entry->chunk);
		inbox->head++;
	}
	update_handled(inbox);
	return inbox->handled_id != before;
}

uint64_t rudpmsg_inbox_stored_as(const struct rudpmsg_inbox *inbox, uint64_t place)
{
	if (place < inbox->head || place >= inbox->next ||
	    entry_at(inbox, place)->state != RUDPMSG_ENTRY_TAKEN)
		return 0;
	return entry_at(inbox, place)->stored_as;
}

void rudpmsg_inbox_trim(struct rudpmsg_inbox *inbox)
{
	if (inbox->head < inbox->tail)
		return;
	free(inbox->entries);
	inbox->entries = NULL;
	inbox->capacity = 0;
}

bool rudpmsg_inbox_check(const struct rudpmsg_inbox *inbox)
{
	uint64_t place, bytes = 0, previous = 0;
	const struct rudpmsg_entry *entry;

	if (inbox->head > inbox->next || inbox->next > inbox->unstored ||
	    inbox->unstored > inbox->tail || (!inbox->has_store && inbox->unstored < inbox->tail) ||
	    inbox->tail - inbox->head > inbox->capacity || inbox->handled_id > inbox->received_id)
		return false;
	for (place = inbox->head; place < inbox->tail; place++) {
		entry = entry_at(inbox, place);
		if (entry->id != 0 && (entry->id <= previous || entry->id > inbox->received_id))
			return false;
		if ((entry->state == RUDPMSG_ENTRY_WAITING) != (place >= inbox->next))
			return false;
		previous = entry->id;
		bytes += cost(entry);
	}
	return bytes == inbox->bytes;
}
