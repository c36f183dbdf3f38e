/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitizer.h"
#include "base/time.h"
#include "engine/loop/heap.h"

#define S RUDP_NS_PER_S

Test(heap, a_few_idle_and_closed_connections_do_not_trim)
{
	struct rudp_heap heap;

	rudp_heap_init(&heap);
	for (uint64_t i = 1; i < RUDP_HEAP_WORTH_MIN; i++)
		rudp_heap_update(&heap, i / 2, i - i / 2, 0, (int64_t)i * S);
	cr_assert(eq(i64, heap.trim_at_ns, RUDP_NEVER));
	rudp_heap_update(&heap, RUDP_HEAP_WORTH_MIN / 2, RUDP_HEAP_WORTH_MIN / 2, 0, 100 * S);
	cr_assert(eq(i64, heap.trim_at_ns, 100 * S + RUDP_HEAP_QUIET_NS));
}

Test(heap, many_idle_connections_trim_once_when_it_is_quiet)
{
	struct rudp_heap heap;

	rudp_heap_init(&heap);
	rudp_heap_update(&heap, 1000, 0, 0, 1 * S);
	cr_assert(eq(i64, heap.trim_at_ns, 1 * S + RUDP_HEAP_QUIET_NS));
	rudp_heap_update(&heap, 2000, 0, 0, 2 * S);
	cr_assert(eq(i64, heap.trim_at_ns, 2 * S + RUDP_HEAP_QUIET_NS));
	rudp_heap_update(&heap, 2000, 0, 0, 2 * S + RUDP_HEAP_QUIET_NS);
	cr_assert(eq(u64, heap.rests_trimmed, 2000));
	cr_assert(eq(i64, heap.trim_at_ns, RUDP_NEVER));
	rudp_heap_update(&heap, 2000, 0, 0, 100 * S);
	cr_assert(eq(i64, heap.trim_at_ns, RUDP_NEVER));
}

Test(heap, continuous_changes_do_not_postpone_the_trim_for_ever)
{
	struct rudp_heap heap;
	int64_t now = 0;
	uint64_t rests = 0;

	rudp_heap_init(&heap);
	while (heap.rests_trimmed == 0 && now < 60 * S)
		rudp_heap_update(&heap, rests += 100, 0, 0, now += S / 2);
	cr_assert(ge(u64, heap.rests_trimmed, 1));
	cr_assert(le(i64, now, RUDP_HEAP_PUT_OFF_MAX_NS + 1 * S));
}

Test(heap, while_connections_open_and_close_it_does_not_trim)
{
	struct rudp_heap heap;
	int64_t now = 0;
	uint64_t frees = 0;

	rudp_heap_init(&heap);
	while (now < 600 * S) {
		rudp_heap_update(&heap, 0, frees += RUDP_HEAP_QUIET_MAX, 0, now += S);
		cr_assert(lt(i64, now, heap.trim_at_ns));
	}
	cr_assert(eq(u64, heap.frees_trimmed, 0));
	rudp_heap_update(&heap, 0, frees, 0, now + RUDP_HEAP_QUIET_NS);
	cr_assert(eq(u64, heap.frees_trimmed, frees));
}

Test(heap, a_rare_close_does_not_postpone_the_trim)
{
	struct rudp_heap heap;
	int64_t now = 1 * S;
	uint64_t frees = 20000;

	rudp_heap_init(&heap);
	rudp_heap_update(&heap, 0, frees, 0, now);
	while (heap.frees_trimmed == 0 && now < 60 * S)
		rudp_heap_update(&heap, 0, ++frees, 0, now += S / 4);
	cr_assert(eq(i64, now, 1 * S + RUDP_HEAP_QUIET_NS));
}

Test(heap, large_buffers_are_returned_once_when_they_were_freed)
{
	struct rudp_heap heap;

	rudp_heap_init(&heap);
	rudp_heap_update(&heap, 0, 0, 2 * RUDP_HEAP_WORTH_BYTES, 1 * S);
	rudp_heap_update(&heap, 0, 1, RUDP_HEAP_WORTH_BYTES + 1, 2 * S);
	cr_assert(eq(i64, heap.trim_at_ns, RUDP_NEVER));
	rudp_heap_update(&heap, 0, 1, RUDP_HEAP_WORTH_BYTES, 3 * S);
	cr_assert(eq(i64, heap.trim_at_ns, 3 * S + RUDP_HEAP_QUIET_NS));
	rudp_heap_update(&heap, 0, 2, 0, 4 * S);
	cr_assert(eq(i64, heap.trim_at_ns, 3 * S + RUDP_HEAP_QUIET_NS));
	rudp_heap_update(&heap, 0, 2, 0, 5 * S);
	cr_assert(all(eq(i64, heap.trim_at_ns, RUDP_NEVER), zero(u64, heap.peak_bytes)));
	rudp_heap_update(&heap, 0, 2, 0, 100 * S);
	cr_assert(eq(i64, heap.trim_at_ns, RUDP_NEVER));
}

#if !RUDP_WITH_ASAN /* it has its own allocator, which keeps freed memory */
/* The purpose of the trim: whole free pages between pieces in use. */
Test(heap, free_pages_between_used_ones_are_returned)
{
	enum { PIECES = 2000, BYTES = 9000 };
	static void *big[PIECES], *small[PIECES];
	struct rudp_heap heap;
	char line[256];
	long pages_before, pages_after, ignored;
	FILE *statm;

	for (int i = 0; i < PIECES; i++) {
		big[i] = malloc(BYTES);
		small[i] = malloc(100);
		memset(big[i], 1, BYTES);
	}
	for (int i = 0; i < PIECES; i++)
		free(big[i]);
	rudp_heap_init(&heap);
	for (int pass = 0; pass < 2; pass++) {
		statm = fopen("/proc/self/statm", "r");
		cr_assert(ne(ptr, fgets(line, sizeof line, statm), NULL));
		fclose(statm);
		cr_assert(eq(int,
			     sscanf(line, "%ld %ld", &ignored, pass ? &pages_after : &pages_before),
			     2));
		rudp_heap_update(&heap, 1000, 0, 0, 1 * S);
		rudp_heap_update(&heap, 1000, 0, 0, 10 * S);
	}
	cr_assert(ge(long, pages_before - pages_after, 1501));
	for (int i = 0; i < PIECES; i++)
		free(small[i]);
}
#endif
