/* SPDX-License-Identifier: MIT */
#include "engine/loop/heap.h"

#include <inttypes.h>
#include <malloc.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/min_max.h"
#include "base/time.h"

void rudp_heap_init(struct rudp_heap *heap)
{
	*heap = (struct rudp_heap){.trim_at_ns = RUDP_NEVER};
}

void rudp_heap_own(void)
{
#ifdef __GLIBC__
	mallopt(M_TRIM_THRESHOLD, RUDP_HEAP_KEPT_BYTES);
#endif
}

static void trim(struct rudp_heap *heap)
{
	int64_t before_ns = rudp_clock_now_ns();

#ifdef __GLIBC__
	malloc_trim(0);
#endif
	rudp_log(RUDP_LOG_DEBUG,
		 "returned free memory to the kernel in %d us, after %" PRIu64
		 " connections became idle, %" PRIu64 " closed, and %" PRIu64
		 " kB of buffers were freed",
		 (int)((rudp_clock_now_ns() - before_ns) / RUDP_NS_PER_US),
		 heap->rests - heap->rests_trimmed, heap->frees - heap->frees_trimmed,
		 (heap->peak_bytes - heap->buffer_bytes) >> 10);
	heap->peak_bytes = heap->buffer_bytes;
	heap->rests_trimmed = heap->rests;
	heap->frees_trimmed = heap->frees;
	heap->trim_at_ns = RUDP_NEVER;
}

static bool is_worth(const struct rudp_heap *heap)
{
	uint64_t rests = heap->rests - heap->rests_trimmed;

	return rests + heap->frees - heap->frees_trimmed >= RUDP_HEAP_WORTH_MIN ||
	       heap->peak_bytes - heap->buffer_bytes >= RUDP_HEAP_WORTH_BYTES;
}

static void schedule_trim(struct rudp_heap *heap, int64_t now_at_ns)
{
	uint64_t changes = heap->rests + heap->frees;

	if (!is_worth(heap) ||
	    (heap->trim_at_ns != RUDP_NEVER && changes - heap->changes < RUDP_HEAP_QUIET_MAX))
		return;
	heap->changes = changes;
	heap->trim_at_ns = now_at_ns + RUDP_HEAP_QUIET_NS;
	if (heap->rests - heap->rests_trimmed >= RUDP_HEAP_WORTH_MIN)
		heap->trim_at_ns = rudp_time_min(heap->trim_at_ns,
						 heap->rests_since_ns + RUDP_HEAP_PUT_OFF_MAX_NS);
}

void rudp_heap_update(struct rudp_heap *heap, uint64_t rests, uint64_t frees, uint64_t buffer_bytes,
		      int64_t now_at_ns)
{
	bool has_changed = rests != heap->rests || frees != heap->frees;

	if (rests != heap->rests && heap->rests == heap->rests_trimmed)
		heap->rests_since_ns = now_at_ns;
	heap->rests = rests;
	heap->frees = frees;
	heap->buffer_bytes = buffer_bytes;
	heap->peak_bytes = rudp_max(heap->peak_bytes, buffer_bytes);
	if (has_changed || heap->trim_at_ns == RUDP_NEVER)
		schedule_trim(heap, now_at_ns);
	if (heap->trim_at_ns <= now_at_ns)
		trim(heap);
}
