/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitizer.h"

#define ALIGNMENT _Alignof(max_align_t)

/*
 * The header at the start of a slab. A slab is aligned to its size, so an object's address gives
 * its slab.
 */
struct slab {
	struct rudp_list link; /* in with_room; not linked if the slab is full */
	void *given_back;      /* free list of objects; each starts with a pointer to the next */
	unsigned untouched;    /* objects at the end that were never in use */
	unsigned used;
	_Alignas(ALIGNMENT) unsigned char objects[];
};

static unsigned capacity(const struct rudp_pool *pool)
{
	return (unsigned)((RUDP_POOL_SLAB_BYTES - sizeof(struct slab)) / pool->object_bytes);
}

void rudp_pool_init(struct rudp_pool *pool, size_t object_bytes)
{
	assert(object_bytes > 0 && object_bytes <= RUDP_POOL_SLAB_BYTES / 4);
	*pool = (struct rudp_pool){.object_bytes =
					   (object_bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1)};
	rudp_list_init(&pool->with_room);
}

void rudp_pool_fini(struct rudp_pool *pool)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(&pool->with_room)))
		free(RUDP_LIST_OWNER(link, struct slab, link));
	pool->empty_slabs = 0;
}

static struct slab *add_slab(struct rudp_pool *pool)
{
	struct slab *slab = aligned_alloc(RUDP_POOL_SLAB_BYTES, RUDP_POOL_SLAB_BYTES);

	if (!slab)
		return NULL;
	*slab = (struct slab){.untouched = capacity(pool)};
	rudp_list_append(&pool->with_room, &slab->link);
	pool->empty_slabs++;
	return slab;
}

/*
 * Reuses freed objects first, so that pages at the end of a slab stay untouched and use no memory.
 */
static void *take_from(const struct rudp_pool *pool, struct slab *slab)
{
	void *object = slab->given_back;

	if (object)
		memcpy(&slab->given_back, object, sizeof slab->given_back);
	else
		object = slab->objects + (capacity(pool) - slab->untouched--) * pool->object_bytes;
	slab->used++;
	return object;
}

static void *take(struct rudp_pool *pool)
{
	struct slab *slab = rudp_list_is_empty(&pool->with_room)
				    ? add_slab(pool)
				    : RUDP_LIST_OWNER(pool->with_room.next, struct slab, link);
	void *object;

	if (!slab)
		return NULL;
	if (slab->used == 0)
		pool->empty_slabs--;
	object = take_from(pool, slab);
	if (slab->used == capacity(pool))
		rudp_list_remove(&slab->link);
	return memset(object, 0, pool->object_bytes);
}

void *rudp_pool_take(struct rudp_pool *pool)
{
	void *object = RUDP_WITH_ASAN ? calloc(1, pool->object_bytes) : take(pool);

	pool->count += object != NULL;
	return object;
}

static void on_empty(struct rudp_pool *pool, struct slab *slab)
{
	if (pool->empty_slabs == 0) {
		pool->empty_slabs++;
		return;
	}
	rudp_list_remove(&slab->link);
	free(slab);
}

static void give(struct rudp_pool *pool, void *object)
{
	struct slab *slab =
		(struct slab *)((uintptr_t)object & ~(uintptr_t)(RUDP_POOL_SLAB_BYTES - 1));

	memcpy(object, &slab->given_back, sizeof slab->given_back);
	slab->given_back = object;
	if (!rudp_list_is_linked(&slab->link))
		rudp_list_append(&pool->with_room, &slab->link);
	if (--slab->used == 0)
		on_empty(pool, slab);
}

void rudp_pool_give(struct rudp_pool *pool, void *object)
{
	if (!object)
		return;
	pool->count--;
	if (RUDP_WITH_ASAN)
		free(object);
	else
		give(pool, object);
}
