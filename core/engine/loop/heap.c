/* SPDX-License-Identifier: MIT */
#include "engine/loop/heap.h"

#include <inttypes.h>
#include <malloc.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/time.h"

void rudp_heap_init(struct rudp_heap *heap)
{
	*heap = (struct rudp_heap){.trim_at_ns = RUDP_NEVER};
}

static void trim(struct rudp_heap *heap)
{
	int64_t before_ns = rudp_clock_now_ns();

#ifdef __GLIBC__
	malloc_trim(0);
#endif
	rudp_log(RUDP_LOG_DEBUG,
		 "returned free memory to the kernel in %d us, after %" PRIu64
		 " connections became "
		 "idle and %" PRIu64 " closed",
		 (int)((rudp_clock_now_ns() - before_ns) / RUDP_NS_PER_US),
		 heap->rests - heap->rests_trimmed, heap->frees - heap->frees_trimmed);
	heap->rests_trimmed = heap->rests;
	heap->frees_trimmed = heap->frees;
	heap->trim_at_ns = RUDP_NEVER;
}

static void schedule_trim(struct rudp_heap *heap, int64_t now_at_ns)
{
	uint64_t rests = heap->rests - heap->rests_trimmed;
	uint64_t worth = rests + heap->frees - heap->frees_trimmed;
	uint64_t changes = heap->rests + heap->frees;

	if (worth < RUDP_HEAP_WORTH_MIN ||
	    (heap->trim_at_ns != RUDP_NEVER && changes - heap->changes < RUDP_HEAP_QUIET_MAX))
		return;
	heap->changes = changes;
	heap->trim_at_ns = now_at_ns + RUDP_HEAP_QUIET_NS;
	if (rests >= RUDP_HEAP_WORTH_MIN)
		heap->trim_at_ns = rudp_time_min(heap->trim_at_ns,
						 heap->rests_since_ns + RUDP_HEAP_PUT_OFF_MAX_NS);
}

void rudp_heap_update(struct rudp_heap *heap, uint64_t rests, uint64_t frees, int64_t now_at_ns)
{
	if (rests != heap->rests || frees != heap->frees) {
		if (rests != heap->rests && heap->rests == heap->rests_trimmed)
			heap->rests_since_ns = now_at_ns;
		heap->rests = rests;
		heap->frees = frees;
		schedule_trim(heap, now_at_ns);
	}
	if (heap->trim_at_ns <= now_at_ns)
		trim(heap);
}
