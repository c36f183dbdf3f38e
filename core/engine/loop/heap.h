/* SPDX-License-Identifier: MIT */
/*
 * heap - returns free memory to the kernel after many connections have become idle or have closed.
 *
 * Memory that thousands of connections have freed lies in gaps between memory still in use, and the
 * C library returns only the end of its heap by itself. Measured with 4000 connections, all active
 * at once and then idle: 11.3 KB each before malloc_trim(), 7.3 KB after.
 *
 * While connections open and close, new ones reuse that memory, and malloc_trim() would delay them.
 * So it waits until few connections become idle or close. As that may never happen, there is a
 * limit for idle connections.
 */
#ifndef RUDP_ENGINE_HEAP_H
#define RUDP_ENGINE_HEAP_H

#include <stdint.h>

/* Fewer idle and closed connections are not worth a trim. */
#define RUDP_HEAP_WORTH_MIN 64
/* The trim waits until fewer than RUDP_HEAP_QUIET_MAX connections became idle or closed in
 * RUDP_HEAP_QUIET_NS. */
#define RUDP_HEAP_QUIET_NS (2 * RUDP_NS_PER_S)
#define RUDP_HEAP_QUIET_MAX 16
/* The trim does not wait longer after the first connection that became idle. */
#define RUDP_HEAP_PUT_OFF_MAX_NS (20 * RUDP_NS_PER_S)

struct rudp_heap {
	uint64_t rests, frees; /* connections that became idle, and that closed, so far */
	uint64_t rests_trimmed, frees_trimmed; /* the same at the last trim */
	uint64_t changes;                      /* rests + frees when the trim was last postponed */
	int64_t rests_since_ns;                /* first rest after the last trim */
	int64_t trim_at_ns;                    /* RUDP_NEVER: not needed */
};

void rudp_heap_init(struct rudp_heap *heap);
/*
 * rests: how often a connection has become idle and freed memory; frees: how many have closed; both
 * since the start. Calls malloc_trim() when it is time.
 */
void rudp_heap_update(struct rudp_heap *heap, uint64_t rests, uint64_t frees, int64_t now_at_ns);

#endif
