/* SPDX-License-Identifier: MIT */
#include "engine/heap.h"

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
	int64_t before_ns = rudp_clock_now_ns(&rudp_clock_monotonic);

#ifdef __GLIBC__
	malloc_trim(0);
#endif
	rudp_log(RUDP_LOG_DEBUG, "%" PRIu64 " connections came to rest; gave memory back in %d us",
		 heap->rests - heap->rests_trimmed,
		 (int)((rudp_clock_now_ns(&rudp_clock_monotonic) - before_ns) / RUDP_NS_PER_US));
	heap->rests_trimmed = heap->rests;
	heap->trim_at_ns = RUDP_NEVER;
}

void rudp_heap_look(struct rudp_heap *heap, uint64_t rests, int64_t now_at_ns)
{
	if (rests != heap->rests) {
		if (heap->rests == heap->rests_trimmed)
			heap->since_ns = now_at_ns;
		heap->rests = rests;
		if (rests - heap->rests_trimmed >= RUDP_HEAP_RESTS_MIN)
			heap->trim_at_ns =
				rudp_time_min(now_at_ns + RUDP_HEAP_QUIET_NS,
					      heap->since_ns + RUDP_HEAP_PUT_OFF_MAX_NS);
	}
	if (heap->trim_at_ns <= now_at_ns)
		trim(heap);
}
