/* SPDX-License-Identifier: MIT */
/*
 * slots - small checked numbers for the engine's objects, instead of pointers.
 *
 * An id is generation(24) kind(8) slot(32), never 0. It is what epoll carries, what names show to
 * programs and what programs give back; an object that is gone, or of another kind, is not found.
 *
 * Generations are counted, but for objects whose id is part of an abstract name: theirs are random. Any
 * user of the host can see such names and bind the next ones, if he can tell them, before the engine.
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
	RUDP_KIND_CLIENT,     /* a process that has said HELLO */
	RUDP_KIND_SIGNAL,     /* object: the signalfd, an int */
	RUDP_KIND_PORT_SHARE, /* object: the UDP socket of a shared port */
	RUDP_KIND_ROAM,       /* what tells of changed addresses */
};

struct rudp_slot {
	void *object;
	uint32_t generation;
	uint32_t next_free;
	enum rudp_kind kind;
};

struct rudp_slots {
	struct rudp_slot *slots;
	uint32_t count;      /* used at least once */
	uint32_t capacity;
	uint32_t free_head;  /* UINT32_MAX: none */
	uint32_t generation_first; /* slots begin after it */
	struct rudp_random *random; /* NULL: all generations are counted */
};

void rudp_slots_init(struct rudp_slots *slots);
void rudp_slots_fini(struct rudp_slots *slots);

/* 0: no memory, or RUDP_SLOTS_MAX reached. */
uint64_t rudp_slots_add(struct rudp_slots *slots, enum rudp_kind kind, void *object);
/*
 * Gives the object an id that another table has given out, before this one is filled. It looks through
 * all slots that nobody has.
 *
 * Returns  false: that place is taken, or there is no memory, or it is no id.
 */
bool rudp_slots_put(struct rudp_slots *slots, uint64_t id, void *object);
/* NULL: gone, or not of that kind. */
void *rudp_slots_find(const struct rudp_slots *slots, uint64_t id, enum rudp_kind kind);
void rudp_slots_remove(struct rudp_slots *slots, uint64_t id);

/*
 * The next object of one of two kinds at or after slot *place; moves *place behind it.
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
