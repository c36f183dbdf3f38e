/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#define realloc fault_realloc
#include "base/range_set.c"
#undef realloc

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "random.h"

#define COUNT_MAX 64

static struct rudp_range_set new_set(uint32_t count_max)
{
	struct rudp_range_set set;

	rudp_range_set_init(&set, count_max);
	return set;
}

static void expect_range(const struct rudp_range_set *set, uint32_t index, uint64_t start,
			 uint64_t end)
{
	cr_assert(lt(u32, index, set->count));
	cr_assert(eq(u64, set->ranges[index].start, start));
	cr_assert(eq(u64, set->ranges[index].end, end));
}

Test(range_set, starts_empty_and_without_memory)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	cr_assert(eq(u32, set.count, 0));
	cr_assert(eq(int, rudp_range_set_covers(&set, 0, 1), false));
	cr_assert(eq(ptr, (void *)rudp_range_set_find(&set, 0), NULL));
	cr_assert(eq(u64, rudp_range_set_total_within(&set, 0, UINT64_MAX), 0));
	cr_assert(eq(ptr, set.ranges, NULL));
	rudp_range_set_remove_below(&set, UINT64_MAX);
	cr_assert(eq(int, rudp_range_set_remove(&set, 0, UINT64_MAX), 0));
	rudp_range_set_fini(&set);
}

Test(range_set, an_empty_range_adds_and_takes_nothing)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	cr_assert(eq(int, rudp_range_set_add(&set, 5, 5), 0));
	cr_assert(eq(u32, set.count, 0));
	cr_assert(eq(int, rudp_range_set_add(&set, 3, 8), 0));
	cr_assert(eq(int, rudp_range_set_remove(&set, 5, 5), 0));
	expect_range(&set, 0, 3, 8);
	cr_assert(eq(int, rudp_range_set_covers(&set, 100, 100), true));
	rudp_range_set_fini(&set);
}

Test(range_set, adjacent_ranges_merge)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	rudp_range_set_add(&set, 10, 20);
	rudp_range_set_add(&set, 30, 40);
	cr_assert(eq(u32, set.count, 2));
	rudp_range_set_add(&set, 20, 30);
	cr_assert(eq(u32, set.count, 1));
	expect_range(&set, 0, 10, 40);
	rudp_range_set_add(&set, 9, 10);
	rudp_range_set_add(&set, 40, 41);
	cr_assert(eq(u32, set.count, 1));
	expect_range(&set, 0, 9, 41);
	rudp_range_set_fini(&set);
}

Test(range_set, holds_both_ends_of_the_numbers)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	rudp_range_set_add(&set, 0, 1);
	rudp_range_set_add(&set, UINT64_MAX - 1, UINT64_MAX);
	cr_assert(eq(u32, set.count, 2));
	cr_assert(eq(int, rudp_range_set_covers(&set, 0, 1), true));
	cr_assert(eq(int, rudp_range_set_covers(&set, UINT64_MAX - 1, UINT64_MAX), true));
	cr_assert(eq(int, rudp_range_set_find(&set, UINT64_MAX) != NULL, false));
	rudp_range_set_add(&set, 0, UINT64_MAX);
	expect_range(&set, 0, 0, UINT64_MAX);
	rudp_range_set_remove_below(&set, UINT64_MAX - 1);
	expect_range(&set, 0, UINT64_MAX - 1, UINT64_MAX);
	rudp_range_set_remove_below(&set, UINT64_MAX);
	cr_assert(eq(u32, set.count, 0));
	rudp_range_set_fini(&set);
}

Test(range_set, a_hole_splits_a_range)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	rudp_range_set_add(&set, 0, 100);
	cr_assert(eq(int, rudp_range_set_remove(&set, 40, 60), 0));
	cr_assert(eq(u32, set.count, 2));
	expect_range(&set, 0, 0, 40);
	expect_range(&set, 1, 60, 100);
	cr_assert(eq(int, rudp_range_set_covers(&set, 39, 40), true));
	cr_assert(eq(int, rudp_range_set_covers(&set, 39, 61), false));
	cr_assert(eq(u64, rudp_range_set_total_within(&set, 0, UINT64_MAX), 80));
	rudp_range_set_fini(&set);
}

Test(range_set, find_gives_the_lowest_range_above)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	rudp_range_set_add(&set, 10, 20);
	rudp_range_set_add(&set, 30, 40);
	cr_assert(eq(u64, rudp_range_set_find(&set, 0)->start, 10));
	cr_assert(eq(u64, rudp_range_set_find(&set, 19)->start, 10));
	cr_assert(eq(u64, rudp_range_set_find(&set, 20)->start, 30));
	cr_assert(eq(ptr, (void *)rudp_range_set_find(&set, 40), NULL));
	rudp_range_set_fini(&set);
}

Test(range_set, a_full_set_refuses_and_changes_nothing)
{
	struct rudp_range_set set = new_set(2);

	rudp_range_set_add(&set, 10, 20);
	rudp_range_set_add(&set, 30, 40);
	cr_assert(eq(int, rudp_range_set_add(&set, 50, 60), -ENOSPC));
	cr_assert(eq(int, rudp_range_set_add(&set, 0, 5), -ENOSPC));
	cr_assert(eq(int, rudp_range_set_remove(&set, 12, 13), -ENOSPC));
	cr_assert(eq(u32, set.count, 2));
	expect_range(&set, 0, 10, 20);
	expect_range(&set, 1, 30, 40);
	cr_assert(eq(int, rudp_range_set_add(&set, 20, 25), 0));
	cr_assert(eq(int, rudp_range_set_remove(&set, 10, 25), 0));
	cr_assert(eq(int, rudp_range_set_add(&set, 50, 60), 0));
	rudp_range_set_fini(&set);
}

Test(range_set, a_few_ranges_take_no_memory_and_more_do)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	fault_arm(1);
	for (uint64_t i = 0; i < 1000; i++) {
		cr_assert(eq(int, rudp_range_set_add(&set, 10 * i, 10 * i + 5), 0));
		if (i >= RUDP_RANGES_FEW - 1)
			rudp_range_set_remove_below(&set, 10 * (i + 2 - RUDP_RANGES_FEW));
	}
	cr_assert(eq(int, rudp_range_set_add(&set, 0, 1), 0));
	cr_assert(eq(int, rudp_range_set_add(&set, 2, 3), -ENOMEM));
	cr_assert(eq(u32, set.count, 2));
	fault_arm(0);
	cr_assert(eq(int, rudp_range_set_add(&set, 2, 3), 0));
	expect_range(&set, 0, 0, 1);
	expect_range(&set, 1, 2, 3);
	expect_range(&set, 2, 9990, 9995);
	rudp_range_set_fini(&set);
}

/* A window of a hundred ranges moves up a million steps: the memory must be reused. */
Test(range_set, a_queue_of_ranges_hardly_allocates)
{
	struct rudp_range_set set = new_set(16384);

	fault_arm(0);
	for (uint64_t i = 0; i < 1000000; i++) {
		if (rudp_range_set_add(&set, 10 * i, 10 * i + 5))
			cr_fatal("add failed");
		if (i >= 100)
			rudp_range_set_remove_below(&set, 10 * (i - 99));
	}
	cr_assert(eq(u32, set.count, 100));
	cr_assert(le(u32, set.capacity, 1024));
	cr_assert(lt(uint, fault_count(), 10));
	rudp_range_set_fini(&set);
}

Test(range_set, taking_from_the_lower_end_moves_nothing)
{
	struct rudp_range_set set = new_set(COUNT_MAX);
	const struct rudp_range *second;

	for (uint64_t i = 0; i < 8; i++)
		rudp_range_set_add(&set, 10 * i, 10 * i + 5);
	second = &set.ranges[1];
	rudp_range_set_remove(&set, 0, 5);
	cr_assert(eq(ptr, set.ranges, (void *)second));
	expect_range(&set, 0, 10, 15);
	rudp_range_set_add(&set, 0, 5); /* its entry is used again */
	cr_assert(eq(ptr, &set.ranges[1], (void *)second));
	expect_range(&set, 0, 0, 5);
	rudp_range_set_fini(&set);
}

Test(range_set, frees_memory_when_it_becomes_empty)
{
	struct rudp_range_set set = new_set(16384);

	for (uint64_t i = 0; i < 16384; i++)
		rudp_range_set_add(&set, 2 * i, 2 * i + 1);
	cr_assert(ge(u32, set.capacity, 16384));
	rudp_range_set_remove_below(&set, 2 * 16382);
	cr_assert(eq(u32, set.count, 2));
	cr_assert(le(u32, set.capacity, 16));
	expect_range(&set, 1, 2 * 16383, 2 * 16383 + 1);
	rudp_range_set_fini(&set);
}

static uint64_t work_of_add(struct rudp_range_set *set, uint64_t start)
{
	uint64_t before = set->work;

	cr_assert(eq(int, rudp_range_set_add(set, start, start + 1), 0));
	return set->work - before;
}

/*
 * Peers choose where they leave gaps: whatever their order, a change must not move more than half
 * of the ranges.
 */
Test(range_set, a_change_moves_half_of_the_ranges_at_most)
{
	struct rudp_range_set set = new_set(4096);
	uint64_t most = 0, work;

	for (uint64_t i = 0; i < 2048; i++) {
		work = work_of_add(&set, 10 * i);
		most = work > most ? work : most;
		work = work_of_add(&set, 100000 - 10 * i);
		most = work > most ? work : most;
	}
	/* Sometimes all ranges are moved: to grow, or within the memory. */
	cr_assert(le(u64, most, 2 + (4096 + 4096 + 2048) / RUDP_RANGES_PER_WORK));
	cr_assert(eq(u32, set.count, 4096));
	rudp_range_set_fini(&set);
}

Test(range_set, adding_at_either_end_costs_little_in_the_mean)
{
	struct rudp_range_set set = new_set(4096);

	for (uint64_t i = 0; i < 2048; i++) {
		rudp_range_set_add(&set, 100000 - 10 * i, 100000 - 10 * i + 1);
		rudp_range_set_add(&set, 200000 + 10 * i, 200000 + 10 * i + 1);
	}
	cr_assert(le(u64, set.work, 4 * 4096));
	rudp_range_set_fini(&set);
}

Test(range_set, total_within_counts_what_lies_between)
{
	struct rudp_range_set set = new_set(COUNT_MAX);

	rudp_range_set_add(&set, 10, 20);
	rudp_range_set_add(&set, 30, 40);
	rudp_range_set_add(&set, 50, 60);
	cr_assert(eq(u64, rudp_range_set_total_within(&set, 0, 100), 30));
	cr_assert(eq(u64, rudp_range_set_total_within(&set, 15, 35), 10));
	cr_assert(eq(u64, rudp_range_set_total_within(&set, 32, 38), 6));
	cr_assert(eq(u64, rudp_range_set_total_within(&set, 40, 50), 0));
	cr_assert(eq(u64, rudp_range_set_total_within(&set, 60, 70), 0));
	rudp_range_set_fini(&set);
}

/* The reference implementation: one bool per number, for the numbers from base on. */
#define UNIVERSE 400

struct model {
	uint64_t base;
	bool has[UNIVERSE];
};

static uint32_t model_count(const struct model *model)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < UNIVERSE; i++)
		count += model->has[i] && (i == 0 || !model->has[i - 1]);
	return count;
}

static void expect_same(struct rudp_range_set *set, const struct model *model)
{
	bool has[UNIVERSE] = {false};
	uint64_t total = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		const struct rudp_range *range = &set->ranges[i];

		cr_assert(lt(u64, range->start, range->end));
		if (i > 0)
			cr_assert(lt(u64, range[-1].end, range->start));
		for (uint64_t n = range->start; n < range->end; n++)
			has[n - model->base] = true;
		total += range->end - range->start;
	}
	cr_assert(eq(int, memcmp(has, model->has, sizeof has), 0));
	cr_assert(eq(u32, set->count, model_count(model)));
	cr_assert(le(u32, set->skipped + set->count, set->capacity));
	cr_assert(eq(u64, rudp_range_set_total_within(set, 0, UINT64_MAX), total));
}

static void expect_same_answers(const struct rudp_range_set *set, const struct model *model,
				unsigned start, unsigned end)
{
	const struct rudp_range *found = rudp_range_set_find(set, model->base + start);
	unsigned next = start;
	bool covered = true;

	for (unsigned i = start; i < end; i++)
		covered = covered && model->has[i];
	cr_assert(eq(int, rudp_range_set_covers(set, model->base + start, model->base + end),
		     covered));
	cr_assert(eq(int, found && found->start <= model->base + start, model->has[start]));
	while (next < UNIVERSE && !model->has[next])
		next++;
	cr_assert(eq(int, found == NULL, next == UNIVERSE));
	if (found) {
		cr_assert(le(u64, found->start, model->base + next));
		cr_assert(lt(u64, model->base + next, found->end));
	}
}

/* Changes both, or neither if the set refuses, which must have a valid reason. */
static void change(struct rudp_range_set *set, struct model *model, bool value, unsigned start,
		   unsigned end, unsigned nth_fails)
{
	struct model changed = *model;
	int err;

	for (unsigned i = start; i < end; i++)
		changed.has[i] = value;
	fault_arm(nth_fails);
	if (value)
		err = rudp_range_set_add(set, model->base + start, model->base + end);
	else
		err = rudp_range_set_remove(set, model->base + start, model->base + end);
	cr_assert(eq(int, err == -ENOSPC, model_count(&changed) > set->count_max));
	if (err == -ENOMEM)
		cr_assert(eq(uint, fault_count(), nth_fails));
	else if (err != -ENOSPC)
		cr_assert(eq(int, err, 0));
	fault_arm(0);
	if (!err)
		*model = changed;
}

static void remove_below(struct rudp_range_set *set, struct model *model, unsigned limit,
			 unsigned nth_fails)
{
	fault_arm(nth_fails); /* the failure of an allocation to shrink must have no effect */
	rudp_range_set_remove_below(set, model->base + limit);
	fault_arm(0);
	memset(model->has, 0, limit * sizeof model->has[0]);
}

static void run_model(uint64_t seed, uint64_t base, uint32_t count_max, unsigned len_max)
{
	struct random random = {seed};
	struct rudp_range_set set = new_set(count_max);
	struct model model = {.base = base};

	for (int step = 0; step < 6000; step++) {
		unsigned start = (unsigned)random_below(&random, UNIVERSE);
		unsigned end = start + (unsigned)random_below(&random, len_max);
		unsigned nth_fails = random_below(&random, 4) == 0;
		uint64_t choice = random_below(&random, 100);

		if (end > UNIVERSE)
			end = UNIVERSE;
		if (choice < 60)
			change(&set, &model, true, start, end, nth_fails);
		else if (choice < 95)
			change(&set, &model, false, start, end, nth_fails);
		else if (choice < 99)
			remove_below(&set, &model, start, nth_fails);
		else if (random_below(&random, 10) == 0) {
			rudp_range_set_remove_below(&set, UINT64_MAX);
			memset(model.has, 0, sizeof model.has);
		}
		expect_same(&set, &model);
		expect_same_answers(&set, &model, start, end);
	}
	rudp_range_set_fini(&set);
}

Test(range_set, behaves_like_a_bitmap)
{
	run_model(1, 0, 1000, 12);
	run_model(2, 1u << 31, 1000, 4);
	run_model(3, UINT64_MAX - UNIVERSE, 1000, 60);
}

Test(range_set, behaves_like_a_bitmap_when_small)
{
	run_model(4, 0, 1, 30);
	run_model(5, 7, 5, 12);
	run_model(6, UINT64_MAX - UNIVERSE, 20, 6);
}
