/* SPDX-License-Identifier: MIT */

#include "fault.h"

#define uthash_malloc(size) fault_malloc(size)
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/hash.h"

#define ELEMENT_COUNT 1000

struct element {
	uint64_t key;
	UT_hash_handle hh;
};

static int add(struct element **table, struct element *element)
{
	return RUDP_TABLE_ADD(hh, *table, key, element) ? 0 : -ENOMEM;
}

static struct element *find(struct element *table, uint64_t key)
{
	return RUDP_TABLE_FIND(hh, table, &key);
}

Test(table, holds_what_was_added)
{
	struct element elements[ELEMENT_COUNT];
	struct element *table = NULL;

	for (uint64_t i = 0; i < ELEMENT_COUNT; i++) {
		elements[i].key = i * i;
		cr_assert(eq(int, add(&table, &elements[i]), 0));
	}
	for (uint64_t i = 0; i < ELEMENT_COUNT; i++)
		cr_assert(eq(ptr, find(table, i * i), &elements[i]));
	cr_assert(eq(ptr, find(table, 2), NULL));
	HASH_CLEAR(hh, table);
}

Test(table, hash_is_keyed)
{
	uint8_t key[16] = {1, 2, 3};
	unsigned unkeyed = rudp_table_hash("rudp", 4);

	rudp_table_set_key(key);
	cr_assert(ne(uint, rudp_table_hash("rudp", 4), unkeyed));
	cr_assert(eq(uint, rudp_table_hash("rudp", 4), (unsigned)rudp_siphash(key, "rudp", 4)));
}

/*
 * Whichever allocation fails: the element is in the table or the failure is reported, and all other
 * elements stay.
 */
Test(table, reports_failed_allocations)
{
	bool never_failed = false;

	for (unsigned nth = 1; !never_failed; nth++) {
		struct element elements[ELEMENT_COUNT];
		struct element *table = NULL;
		bool is_in[ELEMENT_COUNT];

		never_failed = true;
		fault_arm(nth);
		for (uint64_t i = 0; i < ELEMENT_COUNT; i++) {
			elements[i].key = i;
			is_in[i] = add(&table, &elements[i]) == 0;
			never_failed = never_failed && is_in[i];
		}
		cr_assert(eq(int, never_failed, fault_count() < nth));
		for (uint64_t i = 0; i < ELEMENT_COUNT; i++)
			cr_assert(eq(ptr, find(table, i), is_in[i] ? &elements[i] : NULL));
		HASH_CLEAR(hh, table);
	}
}
