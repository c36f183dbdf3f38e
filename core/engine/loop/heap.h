/* SPDX-License-Identifier: MIT */
/*
 * heap - returns free memory to the kernel after many connections have become idle or have closed,
 * or after large buffers were freed.
 *
 * Memory that thousands of connections have freed lies in gaps between memory still in use, and the
 * C library returns only the end of its heap by itself. Measured with 4000 connections, all active
 * at once and then idle: 11.3 KB each before malloc_trim(), 7.3 KB after.
 *
 * While connections open and close, new ones reuse that memory, and malloc_trim() would delay them.
 * So it waits until few connections become idle or close. As that may never happen, there is a
 * limit for idle connections.
 *
 * An engine that is a process also tells the C library not to return the end of its heap by itself.
 * To free 32 MB of buffers, when one connection ends, took 2.4 ms with it, in which no other
 * connection was served, and 24 us without.
 */
#ifndef RUDP_ENGINE_HEAP_H
#define RUDP_ENGINE_HEAP_H

#include <stdint.h>

/* Fewer idle and closed connections are not worth a trim. */
#define RUDP_HEAP_WORTH_MIN 64
/* Nor are smaller buffers. */
#define RUDP_HEAP_WORTH_BYTES (8u << 20)
/* The C library keeps this much at the end of the heap, as much as the largest buffers of one
 * connection. */
#define RUDP_HEAP_KEPT_BYTES (64 << 20)
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
	uint64_t buffer_bytes, peak_bytes;     /* now, and at most since the last trim */
	int64_t trim_at_ns;                    /* RUDP_NEVER: not needed */
};

void rudp_heap_init(struct rudp_heap *heap);
/* For a process whose heap is all the engine's: frees memory only in rudp_heap_update(). */
void rudp_heap_own(void);
/*
 * rests: how often a connection has become idle and freed memory; frees: how many have closed; both
 * since the start. buffer_bytes: memory of all buffers now. Calls malloc_trim() when it is time.
 */
void rudp_heap_update(struct rudp_heap *heap, uint64_t rests, uint64_t frees, uint64_t buffer_bytes,
		      int64_t now_at_ns);

#endif
