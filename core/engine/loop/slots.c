/* SPDX-License-Identifier: MIT */
#include "engine/loop/slots.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/grow.h"

#define NO_SLOT UINT32_MAX
#define GENERATION_MASK 0xffffffu
#define CAPACITY_FIRST 64

void rudp_slots_init(struct rudp_slots *slots)
{
	*slots = (struct rudp_slots){.free_head = NO_SLOT};
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

static uint32_t add_slot(struct rudp_slots *slots)
{
	if (slots->count == RUDP_SLOTS_MAX ||
	    !RUDP_GROW(slots->slots, slots->count, slots->capacity, CAPACITY_FIRST))
		return NO_SLOT;
	slots->slots[slots->count] =
		(struct rudp_slot){.generation = slots->generation_first, .kind = RUDP_KIND_FREE};
	return slots->count++;
}

static void free_slot(struct rudp_slots *slots, uint32_t slot)
{
	slots->slots[slot].kind = RUDP_KIND_FREE;
	slots->slots[slot].object = NULL;
	slots->slots[slot].next_free = slots->free_head;
	slots->free_head = slot;
}

static uint32_t take_slot(struct rudp_slots *slots)
{
	uint32_t slot = slots->free_head;

	if (slot == NO_SLOT)
		return add_slot(slots);
	slots->free_head = slots->slots[slot].next_free;
	return slot;
}

/* Removes this slot from the free list. false: it is in use. */
static bool take_slot_at(struct rudp_slots *slots, uint32_t slot)
{
	uint32_t *link = &slots->free_head;

	while (*link != NO_SLOT && *link != slot)
		link = &slots->slots[*link].next_free;
	if (*link == NO_SLOT)
		return false;
	*link = slots->slots[slot].next_free;
	return true;
}

static uint32_t next_generation(const struct rudp_slots *slots, enum rudp_kind kind, uint32_t last)
{
	uint32_t next = last + 1;

	if (slots->random && (kind == RUDP_KIND_APP || kind == RUDP_KIND_BINDING))
		rudp_random_take(slots->random, &next, sizeof next);
	next &= GENERATION_MASK;
	if (next == 0 || next == last)
		next = (last + 1) & GENERATION_MASK;
	return next ? next : 1;
}

uint64_t rudp_slots_add(struct rudp_slots *slots, enum rudp_kind kind, void *object)
{
	uint32_t slot = take_slot(slots);
	struct rudp_slot *s;

	if (slot == NO_SLOT)
		return 0;
	s = &slots->slots[slot];
	s->generation = next_generation(slots, kind, s->generation);
	s->kind = kind;
	s->object = object;
	return id_of(slot, kind, s->generation);
}

bool rudp_slots_put(struct rudp_slots *slots, uint64_t id, void *object)
{
	enum rudp_kind kind = rudp_slots_kind(id);
	uint32_t slot = (uint32_t)id, generation = (uint32_t)(id >> 40);

	if (slot >= RUDP_SLOTS_MAX || kind == RUDP_KIND_FREE || generation == 0)
		return false;
	while (slots->count <= slot) {
		uint32_t added = add_slot(slots);

		if (added == NO_SLOT)
			return false;
		free_slot(slots, added);
	}
	if (!take_slot_at(slots, slot))
		return false;
	slots->slots[slot].generation = generation;
	slots->slots[slot].kind = kind;
	slots->slots[slot].object = object;
	return true;
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
	free_slot(slots, slot);
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
