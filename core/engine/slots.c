/* SPDX-License-Identifier: MIT */
#include "engine/slots.h"

#include <stddef.h>
#include <stdlib.h>

#define NONE UINT32_MAX
#define GENERATION_MASK 0xffffffu
#define CAPACITY_FIRST 64

void rudp_slots_init(struct rudp_slots *slots)
{
	*slots = (struct rudp_slots){.free_head = NONE};
}

void rudp_slots_fini(struct rudp_slots *slots)
{
	free(slots->slots);
	rudp_slots_init(slots);
}

static uint64_t id_of(uint32_t slot, enum rudp_kind kind, uint32_t generation)
{
	return (uint64_t)generation << 40 | (uint64_t)kind << 32 | slot;
}

static uint32_t take_slot(struct rudp_slots *slots)
{
	uint32_t slot = slots->free_head;

	if (slot != NONE) {
		slots->free_head = slots->slots[slot].next_free;
		return slot;
	}
	if (slots->count == slots->capacity) {
		uint32_t capacity = slots->capacity ? 2 * slots->capacity : CAPACITY_FIRST;
		struct rudp_slot *grown;

		if (capacity > RUDP_SLOTS_MAX)
			return NONE;
		grown = realloc(slots->slots, capacity * sizeof *grown);
		if (!grown)
			return NONE;
		slots->slots = grown;
		slots->capacity = capacity;
	}
	slots->slots[slots->count].generation = 0;
	return slots->count++;
}

uint64_t rudp_slots_add(struct rudp_slots *slots, enum rudp_kind kind, void *object)
{
	uint32_t slot = take_slot(slots);
	struct rudp_slot *s;

	if (slot == NONE)
		return 0;
	s = &slots->slots[slot];
	s->generation = (s->generation + 1) & GENERATION_MASK;
	if (s->generation == 0)
		s->generation = 1;
	s->kind = kind;
	s->object = object;
	return id_of(slot, kind, s->generation);
}

void *rudp_slots_find(const struct rudp_slots *slots, uint64_t id, enum rudp_kind kind)
{
	uint32_t slot = (uint32_t)id;
	const struct rudp_slot *s;

	if (slot >= slots->count)
		return NULL;
	s = &slots->slots[slot];
	if (s->kind != kind || id != id_of(slot, kind, s->generation))
		return NULL;
	return s->object;
}

void rudp_slots_remove(struct rudp_slots *slots, uint64_t id)
{
	uint32_t slot = (uint32_t)id;
	struct rudp_slot *s;

	if (slot >= slots->count)
		return;
	s = &slots->slots[slot];
	if (s->kind == RUDP_KIND_FREE || id != id_of(slot, s->kind, s->generation))
		return;
	s->kind = RUDP_KIND_FREE;
	s->object = NULL;
	s->next_free = slots->free_head;
	slots->free_head = slot;
}

void *rudp_slots_next(const struct rudp_slots *slots, uint32_t *place, enum rudp_kind kind,
		      enum rudp_kind or_kind, enum rudp_kind *found)
{
	while (*place < slots->count) {
		const struct rudp_slot *s = &slots->slots[(*place)++];

		if (s->kind != kind && s->kind != or_kind)
			continue;
		*found = s->kind;
		return s->object;
	}
	return NULL;
}
