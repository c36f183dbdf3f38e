/* SPDX-License-Identifier: MIT */
/*
 * pool - a slab allocator for many long-lived objects of one size.
 *
 * With malloc, long-lived objects lie between short-lived buffers and keep the pages of freed
 * buffers from returning to the kernel. With 10,000 idle connections a third of the memory was lost
 * to such fragmentation. A pool keeps its objects together in slabs.
 *
 * A slab is freed when its last object is given back. One empty slab is kept, so that taking and
 * giving back a single object in turn costs no allocation. Under AddressSanitizer each object is an
 * allocation of its own, so that the sanitizer sees every use after free.
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
	struct rudp_list with_room; /* slabs with free objects; full slabs are in no list */
	unsigned count;             /* objects in use */
	unsigned empty_slabs;       /* slabs without objects in use; at most one */
};

/* object_bytes must be more than 0 and at most a quarter of a slab. */
void rudp_pool_init(struct rudp_pool *pool, size_t object_bytes);
/* Frees the slabs. Objects in full slabs that were not given back leak. */
void rudp_pool_fini(struct rudp_pool *pool);

/* Returns a zeroed object, aligned for any type; NULL if there is no memory. */
void *rudp_pool_take(struct rudp_pool *pool);
/* Frees an object of this pool. NULL is allowed. */
void rudp_pool_give(struct rudp_pool *pool, void *object);

#endif
