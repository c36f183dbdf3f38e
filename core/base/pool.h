/* SPDX-License-Identifier: MIT */
/*
 * pool - many objects of one size that live long, side by side.
 *
 * From malloc each of them would lie among the buffers that its neighbours had while they were busy,
 * and keep the pages of those from going back to the kernel: of 10,000 idle connections a third of the
 * memory was such holes. Here they lie in slabs of their own.
 *
 * A slab whose last object is given back is freed, but for one, so that a single object that comes and
 * goes costs nothing. Under AddressSanitizer each object is an allocation by itself, so that nothing
 * that it would find is hidden.
 *
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_BASE_POOL_H
#define RUDP_BASE_POOL_H

#include <stddef.h>

#include "base/list.h"

#define RUDP_POOL_SLAB_BYTES (64u << 10)

struct rudp_pool {
	size_t object_bytes;
	struct rudp_list with_room;  /* slabs; those without any are known by their objects alone */
	unsigned count;              /* objects taken */
	unsigned empty_slabs;        /* of those with room; at most one */
};

/* object_bytes: more than 0, and at most a quarter of a slab. */
void rudp_pool_init(struct rudp_pool *pool, size_t object_bytes);
/* What has not been given back is lost. */
void rudp_pool_fini(struct rudp_pool *pool);

/* All zero, aligned for any type. NULL: no memory. */
void *rudp_pool_take(struct rudp_pool *pool);
/* NULL is fine. */
void rudp_pool_give(struct rudp_pool *pool, void *object);

#endif
