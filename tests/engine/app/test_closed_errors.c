/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "engine/loop/slots.h"
#include "engine/app/closed_errors.h"

Test(closed_errors, an_unknown_id_has_no_error)
{
	struct rudp_closed_errors stones;

	cr_assert(zero(int, rudp_closed_errors_init(&stones)));
	rudp_closed_errors_put(&stones, 7, ECONNRESET);
	rudp_closed_errors_put(&stones, 8, 0);
	cr_assert(eq(int, rudp_closed_errors_get(&stones, 7), ECONNRESET));
	cr_assert(zero(int, rudp_closed_errors_get(&stones, 8)));
	rudp_closed_errors_fini(&stones);
}

/* The stupid implementation: all that was ever put; the last RUDP_CLOSED_ERRORS_MAX of it count. */
Test(closed_errors, the_last_65536_are_known_and_no_older_one)
{
	enum { COUNT = 3 * RUDP_CLOSED_ERRORS_MAX };
	struct rudp_closed_errors stones;
	uint64_t *ids = malloc(COUNT * sizeof *ids);

	srand(1);
	cr_assert(zero(int, rudp_closed_errors_init(&stones)));
	for (uint64_t i = 0; i < COUNT; i++) {
		/* Few slots and many generations, as the engine's ids are. */
		ids[i] = (i + 1) << 40 | (unsigned)rand() % 100;
		rudp_closed_errors_put(&stones, ids[i], (int)(i % 100) + 1);
	}
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(eq(int, rudp_closed_errors_get(&stones, ids[i]),
			     i < COUNT - RUDP_CLOSED_ERRORS_MAX ? 0 : (int)(i % 100) + 1));
	free(ids);
	rudp_closed_errors_fini(&stones);
}

Test(slots, an_object_is_found_by_its_id_until_removed)
{
	struct rudp_slots slots;
	int a, b;
	uint64_t id, again;

	rudp_slots_init(&slots);
	id = rudp_slots_add(&slots, RUDP_KIND_APP, &a);
	cr_assert(eq(ptr, rudp_slots_find(&slots, id, RUDP_KIND_APP), &a));
	cr_assert(zero(ptr, rudp_slots_find(&slots, id, RUDP_KIND_CALL)));
	rudp_slots_remove(&slots, id);
	cr_assert(zero(ptr, rudp_slots_find(&slots, id, RUDP_KIND_APP)));
	again = rudp_slots_add(&slots, RUDP_KIND_APP, &b);
	cr_assert(ne(u64, again, id));
	rudp_slots_remove(&slots, id);
	cr_assert(eq(ptr, rudp_slots_find(&slots, again, RUDP_KIND_APP), &b));
	rudp_slots_fini(&slots);
}

Test(slots, random_adding_and_removing_agrees_with_an_array)
{
	enum { OBJECTS = 300 };
	static int objects[OBJECTS];
	uint64_t ids[OBJECTS] = {0}, stale[OBJECTS] = {0};
	struct rudp_slots slots;

	srand(2);
	rudp_slots_init(&slots);
	for (int step = 0; step < 100000; step++) {
		int i = rand() % OBJECTS;

		if (ids[i]) {
			rudp_slots_remove(&slots, ids[i]);
			stale[i] = ids[i];
			ids[i] = 0;
		} else {
			ids[i] = rudp_slots_add(&slots, RUDP_KIND_UDP, &objects[i]);
		}
		i = rand() % OBJECTS;
		if (ids[i])
			cr_assert(eq(ptr, rudp_slots_find(&slots, ids[i], RUDP_KIND_UDP),
				     &objects[i]));
		if (stale[i])
			cr_assert(zero(ptr, rudp_slots_find(&slots, stale[i], RUDP_KIND_UDP)));
	}
	rudp_slots_fini(&slots);
}

Test(slots, walking_finds_each_object_of_the_kinds_once)
{
	struct rudp_slots slots;
	int objects[10];
	uint32_t place = 0;
	enum rudp_kind kind;
	unsigned found = 0;

	rudp_slots_init(&slots);
	for (int i = 0; i < 10; i++)
		rudp_slots_add(&slots, i % 2 ? RUDP_KIND_APP : RUDP_KIND_CALL, &objects[i]);
	while (rudp_slots_next(&slots, &place, RUDP_KIND_APP, RUDP_KIND_BINDING, &kind))
		found++;
	cr_assert(eq(uint, found, 5));
	rudp_slots_fini(&slots);
}

Test(slots, an_id_of_another_table_is_taken_over_and_those_before_it_are_free)
{
	struct rudp_slots theirs, ours;
	int objects[80], other;
	uint64_t ids[80];

	rudp_slots_init(&theirs);
	rudp_slots_init(&ours);
	for (int i = 0; i < 80; i++)
		ids[i] = rudp_slots_add(&theirs, RUDP_KIND_BINDING, &objects[i]);
	ours.generation_first = 41;
	cr_assert(eq(int, rudp_slots_put(&ours, ids[79], &objects[79]), 1));
	cr_assert(eq(int, rudp_slots_put(&ours, ids[3], &objects[3]), 1));
	cr_assert(eq(ptr, rudp_slots_find(&ours, ids[79], RUDP_KIND_BINDING), &objects[79]));
	cr_assert(eq(ptr, rudp_slots_find(&ours, ids[3], RUDP_KIND_BINDING), &objects[3]));
	for (int i = 0; i < 78; i++) {
		uint64_t id = rudp_slots_add(&ours, RUDP_KIND_UDP, &other);

		cr_assert(lt(u64, id & UINT32_MAX, 80));
		cr_assert(eq(u64, id >> 40, 42));
	}
	cr_assert(eq(u64, rudp_slots_add(&ours, RUDP_KIND_UDP, &other) & UINT32_MAX, 80));
	cr_assert(eq(ptr, rudp_slots_find(&ours, ids[79], RUDP_KIND_BINDING), &objects[79]));
	rudp_slots_fini(&theirs);
	rudp_slots_fini(&ours);
}

Test(slots, an_id_that_is_taken_or_is_none_is_not_taken_over)
{
	const uint64_t generation = (uint64_t)1 << 40, kind = (uint64_t)RUDP_KIND_BINDING << 32;
	struct rudp_slots slots;
	int object;

	rudp_slots_init(&slots);
	cr_assert(zero(int, rudp_slots_put(&slots, 0, &object)));
	cr_assert(zero(int, rudp_slots_put(&slots, kind | 5, &object)));
	cr_assert(zero(int, rudp_slots_put(&slots, generation | 5, &object)));
	cr_assert(zero(int, rudp_slots_put(&slots, generation | kind | RUDP_SLOTS_MAX, &object)));
	cr_assert(zero(uint, slots.count));
	cr_assert(eq(int, rudp_slots_put(&slots, generation | kind | 5, &object), 1));
	cr_assert(zero(int, rudp_slots_put(&slots, generation | kind | 5, &object)));
	cr_assert(zero(int, rudp_slots_put(&slots, 2 * generation | kind | 5, &object)));
	rudp_slots_fini(&slots);
}
