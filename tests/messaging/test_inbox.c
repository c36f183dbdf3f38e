/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/random.h"
#include "messaging/inbox.h"

static struct rudpmsg_chunk *chunk;
static struct rudpmsg_inbox inbox;

static void set_up(void)
{
	chunk = rudpmsg_chunk_new(0);
	rudpmsg_inbox_init(&inbox, false);
}

static void tear_down(void)
{
	rudpmsg_inbox_fini(&inbox);
	cr_assert(eq(uint, chunk->references, 1), "each reference that was taken is given back");
	rudpmsg_chunk_put(chunk);
}

TestSuite(inbox, .init = set_up, .fini = tear_down);

static int add(uint64_t id)
{
	return rudpmsg_inbox_add(&inbox, id, chunk->bytes, 10, chunk, 0);
}

static uint64_t take(void)
{
	uint64_t place;
	const struct rudpmsg_entry *entry = rudpmsg_inbox_take(&inbox, &place);

	cr_assert(ne(ptr, (void *)entry, NULL));
	rudpmsg_chunk_put(entry->chunk);
	return place;
}

Test(inbox, messages_come_out_in_order)
{
	uint64_t place;

	cr_assert(eq(int, add(1), 0));
	cr_assert(eq(int, add(2), 0));
	cr_assert(eq(u64, rudpmsg_inbox_take(&inbox, &place)->id, 1));
	cr_assert(eq(u64, rudpmsg_inbox_take(&inbox, &place)->id, 2));
	cr_assert(eq(ptr, (void *)rudpmsg_inbox_take(&inbox, &place), NULL));
	rudpmsg_chunk_put(chunk);
	rudpmsg_chunk_put(chunk);
}

Test(inbox, duplicates_are_not_taken)
{
	cr_assert(eq(int, add(5), 0));
	cr_assert(eq(int, add(5), -EEXIST));
	cr_assert(eq(int, add(4), -EEXIST));
	cr_assert(eq(int, add(7), 0), "gaps are the sender's affair");
}

Test(inbox, handled_ends_before_the_first_message_not_done)
{
	uint64_t places[3], i;

	for (i = 1; i <= 3; i++)
		add(i);
	for (i = 0; i < 3; i++)
		places[i] = take();
	cr_assert(not(rudpmsg_inbox_done(&inbox, places[1])));
	cr_assert(eq(u64, inbox.handled_id, 0));
	cr_assert(rudpmsg_inbox_done(&inbox, places[0]));
	cr_assert(eq(u64, inbox.handled_id, 2));
	cr_assert(not(rudpmsg_inbox_done(&inbox, places[0])), "twice is harmless");
	cr_assert(rudpmsg_inbox_done(&inbox, places[2]));
	cr_assert(eq(u64, inbox.bytes, 0));
}

Test(inbox, unread_messages_cannot_be_done)
{
	add(1);
	cr_assert(not(rudpmsg_inbox_done(&inbox, 0)));
	cr_assert(not(rudpmsg_inbox_done(&inbox, 77)));
	cr_assert(eq(u64, inbox.handled_id, 0));
}

Test(inbox, done_messages_of_an_old_stream_are_not_acknowledged)
{
	uint64_t place;

	add(90);
	place = take();
	rudpmsg_inbox_restart(&inbox);
	cr_assert(not(rudpmsg_inbox_done(&inbox, place)));
	cr_assert(eq(u64, inbox.handled_id, 0));
	cr_assert(eq(int, add(1), 0));
	cr_assert(rudpmsg_inbox_done(&inbox, take()));
	cr_assert(eq(u64, inbox.handled_id, 1));
}

Test(inbox, behaves_as_a_queue_of_numbers)
{
	struct random random = {7};
	uint64_t next = 1, taken = 1, done = 1, places[64], ids[64], i, k;
	unsigned held = 0;

	for (i = 0; i < 20000; i++) {
		switch (random_below(&random, 3)) {
		case 0:
			cr_assert(eq(int, add(next++), 0));
			break;
		case 1:
			if (held == 64 || taken == next)
				break;
			ids[held] = taken++;
			places[held++] = take();
			break;
		default:
			if (held == 0)
				break;
			k = random_below(&random, held);
			rudpmsg_inbox_done(&inbox, places[k]);
			places[k] = places[--held];
			ids[k] = ids[held];
			break;
		}
		for (done = taken, k = 0; k < held; k++)
			done = ids[k] < done ? ids[k] : done;
		cr_assert(eq(u64, inbox.handled_id, done - 1));
		cr_assert(rudpmsg_inbox_check(&inbox));
	}
}
