/* SPDX-License-Identifier: MIT */
/*
 * The memory has `skipped` free entries before the first range, and free ones after the last. Most
 * of these sets are queues: ranges are added at the upper end and removed at the lower end.
 * Removing from the lower end must not move all other ranges.
 */
#include "base/range_set.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/min_max.h"

#define CAPACITY_MIN 8
#define SHRINK_RATIO 8 /* Shrink when less than one part in 8 is used, ... */
#define SHRINK_SLACK 4 /* ... to about four times what is used. */
#define FRONT_SHARE 4  /* Ranges are moved up only if a quarter of the memory is free. */

void rudp_range_set_init(struct rudp_range_set *set, uint32_t count_max)
{
	assert(count_max > 0 && count_max <= UINT32_MAX / SHRINK_SLACK);
	*set = (struct rudp_range_set){.count_max = count_max};
}

static struct rudp_range *heap_of(const struct rudp_range_set *set)
{
	return set->capacity > RUDP_RANGES_FEW ? set->ranges - set->skipped : NULL;
}

void rudp_range_set_fini(struct rudp_range_set *set)
{
	free(heap_of(set));
	*set = (struct rudp_range_set){.count_max = set->count_max};
}

/* Index of the first range that ends above number. Searches near the upper end first. */
static uint32_t index_above(const struct rudp_range_set *set, uint64_t number)
{
	uint32_t low = 0;
	uint32_t high = set->count; /* all ranges from here on end above number */
	uint32_t step = 1;

	while (step < high && set->ranges[high - step].end > number) {
		high -= step;
		step *= 2;
	}
	if (step < high)
		low = high - step + 1;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (set->ranges[middle].end > number)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Adds the work of moving or visiting n ranges. */
static void count_work(struct rudp_range_set *set, uint32_t n)
{
	set->work += n / RUDP_RANGES_PER_WORK;
}

static void move_ranges(struct rudp_range_set *set, struct rudp_range *to,
			const struct rudp_range *from, uint32_t n)
{
	if (n)
		memmove(to, from, n * sizeof *set->ranges);
	count_work(set, n);
}

static void slide_down(struct rudp_range_set *set)
{
	struct rudp_range *memory = set->ranges - set->skipped;

	move_ranges(set, memory, set->ranges, set->count);
	set->ranges = memory;
	set->skipped = 0;
}

static int resize(struct rudp_range_set *set, uint32_t capacity)
{
	struct rudp_range *heap = heap_of(set);
	struct rudp_range *memory = realloc(heap, capacity * sizeof *memory);

	if (!memory)
		return -ENOMEM;
	count_work(set, set->count);
	if (!heap)
		memcpy(memory, set->few, sizeof set->few);
	set->ranges = memory + set->skipped;
	set->capacity = capacity;
	return 0;
}

static uint32_t doubled(const struct rudp_range_set *set)
{
	return heap_of(set) ? set->capacity * 2 : CAPACITY_MIN;
}

/*
 * Ensures a free entry before the first range. Half of the free entries go there, which is at least
 * a quarter of the memory. As many ranges can be added at the lower end before the next move.
 */
static int reserve_front(struct rudp_range_set *set)
{
	uint32_t up;
	int err;

	if (set->skipped)
		return 0;
	if (set->capacity - set->count < set->capacity / FRONT_SHARE + 2) {
		err = resize(set, doubled(set));
		if (err)
			return err;
	}
	up = (set->capacity - set->count) / 2;
	move_ranges(set, set->ranges + up, set->ranges, set->count);
	set->ranges += up;
	set->skipped = up;
	return 0;
}

/* Ensures a free entry after the last range. */
static int reserve_back(struct rudp_range_set *set)
{
	if (!set->ranges) {
		set->ranges = set->few;
		set->capacity = RUDP_RANGES_FEW;
	}
	if (set->skipped + set->count < set->capacity)
		return 0;
	/*
	 * A quarter of the memory was skipped since the last slide, which keeps slides O(1)
	 * amortised.
	 */
	if (set->skipped && set->skipped >= set->capacity / 4) {
		slide_down(set);
		return 0;
	}
	return resize(set, doubled(set));
}

/* Inserts range at index. Moves the shorter side. */
static int insert_at(struct rudp_range_set *set, uint32_t index, struct rudp_range range)
{
	bool front = index < set->count / 2;
	int err;

	if (set->count == set->count_max)
		return -ENOSPC;
	err = front ? reserve_front(set) : reserve_back(set);
	if (err)
		return err;
	if (front) {
		move_ranges(set, set->ranges - 1, set->ranges, index);
		set->ranges--;
		set->skipped--;
	} else {
		move_ranges(set, &set->ranges[index + 1], &set->ranges[index], set->count - index);
	}
	set->ranges[index] = range;
	set->count++;
	return 0;
}

static void shrink(struct rudp_range_set *set)
{
	uint32_t capacity = set->count * SHRINK_SLACK;

	if (set->capacity <= CAPACITY_MIN || set->count >= set->capacity / SHRINK_RATIO)
		return;
	slide_down(set);
	/* If there is no memory even to shrink, the set stays as it is. */
	(void)resize(set, capacity > CAPACITY_MIN ? capacity : CAPACITY_MIN);
}

/* Removes n ranges from index on. Moves the shorter side. */
static void erase_at(struct rudp_range_set *set, uint32_t index, uint32_t n)
{
	uint32_t behind = set->count - index - n;

	if (!n)
		return;
	if (index < behind) {
		move_ranges(set, set->ranges + n, set->ranges, index);
		set->ranges += n;
		set->skipped += n;
	} else {
		move_ranges(set, &set->ranges[index], &set->ranges[index + n], behind);
	}
	set->count -= n;
	shrink(set);
}

int rudp_range_set_add(struct rudp_range_set *set, uint64_t start, uint64_t end)
{
	uint32_t first, after;

	assert(start <= end);
	if (start == end)
		return 0;
	/* a range that ends at start is adjacent */
	first = start ? index_above(set, start - 1) : 0;
	for (after = first; after < set->count && set->ranges[after].start <= end; after++)
		;
	count_work(set, after - first);
	if (first == after)
		return insert_at(set, first, (struct rudp_range){start, end});
	if (set->ranges[first].start > start)
		set->ranges[first].start = start;
	if (end < set->ranges[after - 1].end)
		end = set->ranges[after - 1].end;
	set->ranges[first].end = end;
	erase_at(set, first + 1, after - first - 1);
	return 0;
}

/* Removes [start, end) from inside one range, which makes two of it. */
static int split_at(struct rudp_range_set *set, uint32_t index, uint64_t start, uint64_t end)
{
	struct rudp_range lower = {set->ranges[index].start, start};
	int err = insert_at(set, index, lower);

	if (err)
		return err;
	set->ranges[index + 1].start = end;
	return 0;
}

int rudp_range_set_remove(struct rudp_range_set *set, uint64_t start, uint64_t end)
{
	uint32_t first, after;

	assert(start <= end);
	if (start == end)
		return 0;
	first = index_above(set, start);
	for (after = first; after < set->count && set->ranges[after].start < end; after++)
		;
	count_work(set, after - first);
	if (first == after)
		return 0;
	if (set->ranges[first].start < start && set->ranges[first].end > end)
		return split_at(set, first, start, end);
	if (set->ranges[first].start < start)
		set->ranges[first++].end = start;
	if (first < after && set->ranges[after - 1].end > end)
		set->ranges[--after].start = end;
	erase_at(set, first, after - first);
	return 0;
}

void rudp_range_set_remove_below(struct rudp_range_set *set, uint64_t limit)
{
	erase_at(set, 0, index_above(set, limit));
	if (set->count && set->ranges[0].start < limit)
		set->ranges[0].start = limit;
}

const struct rudp_range *rudp_range_set_find(const struct rudp_range_set *set, uint64_t number)
{
	uint32_t index = index_above(set, number);

	return index < set->count ? &set->ranges[index] : NULL;
}

bool rudp_range_set_covers(const struct rudp_range_set *set, uint64_t start, uint64_t end)
{
	const struct rudp_range *range;

	if (start >= end)
		return true;
	range = rudp_range_set_find(set, start);
	return range && range->start <= start && range->end >= end;
}

uint64_t rudp_range_set_total_within(struct rudp_range_set *set, uint64_t start, uint64_t end)
{
	uint32_t first = index_above(set, start), i;
	uint64_t total = 0;

	for (i = first; i < set->count && set->ranges[i].start < end; i++) {
		uint64_t from = set->ranges[i].start > start ? set->ranges[i].start : start;

		total += rudp_min(set->ranges[i].end, end) - from;
	}
	count_work(set, i - first);
	return total;
}
