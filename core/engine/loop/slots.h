/* SPDX-License-Identifier: MIT */
/*
 * slots - gives the engine's objects numeric ids that are checked, so that others never hold a
 * pointer.
 *
 * An id is generation (24 bits), kind (8 bits), slot (32 bits), and never 0. epoll carries ids,
 * names show them to programs, and programs send them back. A lookup fails if the object has been
 * removed or is of another kind.
 *
 * Generations count up, except for objects whose id is part of an abstract name: these have random
 * generations. Any user of the host can see such names. If the next id were predictable, that user
 * could bind its name before the engine does.
 *
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_SLOTS_H
#define RUDP_ENGINE_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/loop/random.h"

#define RUDP_SLOTS_MAX (1u << 22)

enum rudp_kind {
	RUDP_KIND_FREE,
	RUDP_KIND_CONTROL_LISTENER, /* listening control socket */
	RUDP_KIND_CALL,             /* control connection */
	RUDP_KIND_UDP,
	RUDP_KIND_TCP,        /* a relayed connection */
	RUDP_KIND_APP,        /* the engine's end of a program's connection */
	RUDP_KIND_BINDING,    /* a bound or listening socket of a program */
	RUDP_KIND_CLIENT,     /* a process that has sent HELLO */
	RUDP_KIND_SIGNAL,     /* object: the signalfd, an int */
	RUDP_KIND_PORT_SHARE, /* object: the UDP socket of a shared port */
	RUDP_KIND_ROAM,       /* reports changes of addresses and routes */
};

struct rudp_slot {
	void *object;
	uint32_t generation;
	uint32_t next_free;
	enum rudp_kind kind;
};

struct rudp_slots {
	struct rudp_slot *slots;
	uint32_t count; /* slots used at least once */
	uint32_t capacity;
	uint32_t free_head;         /* UINT32_MAX: none */
	uint32_t generation_first;  /* new slots start after this generation */
	struct rudp_random *random; /* NULL: all generations count up */
};

void rudp_slots_init(struct rudp_slots *slots);
void rudp_slots_fini(struct rudp_slots *slots);

/* Returns 0 if there is no memory, or RUDP_SLOTS_MAX is reached. */
uint64_t rudp_slots_add(struct rudp_slots *slots, enum rudp_kind kind, void *object);
/*
 * Adds an object under an id that another table has assigned. To be called before this table is
 * filled. Searches the whole list of free slots.
 *
 * Returns  false: the slot is in use, there is no memory, or the id is invalid.
 */
bool rudp_slots_put(struct rudp_slots *slots, uint64_t id, void *object);
/* NULL: removed, or not of that kind. */
void *rudp_slots_find(const struct rudp_slots *slots, uint64_t id, enum rudp_kind kind);
void rudp_slots_remove(struct rudp_slots *slots, uint64_t id);

/*
 * Iterates over the objects of two kinds: returns the next one at or after slot *place, and moves
 * *place past it.
 *
 * Returns  NULL at the end.
 */
void *rudp_slots_next(const struct rudp_slots *slots, uint32_t *place, enum rudp_kind kind,
		      enum rudp_kind or_kind, enum rudp_kind *found);

static inline enum rudp_kind rudp_slots_kind(uint64_t id)
{
	return (enum rudp_kind)(id >> 32 & 0xff);
}

#endif
