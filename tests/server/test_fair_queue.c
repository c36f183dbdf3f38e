/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "conversation/server/fair_queue.h"

#define MAX 8

static struct apo_fair_queue queue;
static struct apo_fair_item items[64];
static unsigned used;

static void begin(void)
{
	apo_fair_queue_init(&queue, MAX);
	used = 0;
}

TestSuite(fair_queue, .init = begin);

static struct apo_fair_item *push(uint64_t network)
{
	return apo_fair_queue_push(&queue, items + used++, network);
}

static void pops(unsigned number)
{
	cr_assert(eq(ptr, apo_fair_queue_pop(&queue), items + number));
}

Test(fair_queue, one_network_is_served_in_order)
{
	push(1);
	push(1);
	push(1);
	pops(0);
	pops(1);
	push(1);
	pops(2);
	pops(3);
	cr_assert(eq(ptr, apo_fair_queue_pop(&queue), NULL));
}

Test(fair_queue, networks_take_turns)
{
	push(1);
	push(1);
	push(1);
	push(2);
	push(2);
	pops(0);
	pops(3);
	pops(1);
	pops(4);
	pops(2);
}

/* Also for an item that comes while the first network is in a late round. */
Test(fair_queue, a_newcomer_waits_for_two_of_each_other_network_at_most)
{
	unsigned i;

	for (i = 0; i < 7; i++)
		push(1);
	pops(0);
	pops(1);
	push(2);
	pops(2);
	pops(7);
	pops(3);
}

/* With each item that leaves, one of a new network arrives. */
Test(fair_queue, newcomers_do_not_keep_an_item_waiting)
{
	unsigned left;

	push(1);
	push(1);
	push(1);
	for (left = 0; apo_fair_queue_pop(&queue) != items + 2; left++) {
		cr_assert(lt(uint, left, 6));
		push(used);
	}
}

Test(fair_queue, a_full_queue_refuses_the_network_that_filled_it)
{
	unsigned i;

	for (i = 0; i < MAX; i++)
		cr_assert(eq(ptr, push(1), NULL));
	cr_assert(eq(ptr, push(1), items + MAX));
	cr_assert(eq(uint, queue.count, MAX));
}

Test(fair_queue, a_full_queue_makes_room_for_another_network)
{
	unsigned i;

	for (i = 0; i < MAX; i++)
		push(1);
	cr_assert(eq(ptr, push(2), items + MAX - 1));
	cr_assert(eq(ptr, push(2), items + MAX - 2));
	pops(0);
	pops(MAX);
	pops(1);
	pops(MAX + 1);
}

Test(fair_queue, networks_with_one_item_each_do_not_displace_each_other)
{
	unsigned i;

	for (i = 0; i < MAX; i++)
		push(i);
	cr_assert(eq(ptr, push(MAX), items + MAX));
}
