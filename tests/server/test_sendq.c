/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "conversation/server/sendq.h"

#define BYTES_MAX 200000

static struct apo_share *share_of(const char *text)
{
	return apo_share_new(apo_text_copy(text, strlen(text)));
}

static void add(struct apo_sendq *queue, const char *text)
{
	struct apo_share *share = share_of(text);

	cr_assert(eq(int, apo_sendq_add(queue, share), 0));
	apo_share_put(share);
}

Test(sendq, texts_leave_in_order_and_in_parts)
{
	struct apo_sendq queue;
	char bytes[64];

	apo_sendq_init(&queue);
	add(&queue, "one\r\n");
	add(&queue, "two\r\n");
	cr_assert(eq(sz, queue.bytes, 10));
	cr_assert(eq(sz, apo_sendq_gather(&queue, bytes, 7), 7));
	apo_sendq_consume(&queue, 7);
	cr_assert(eq(sz, apo_sendq_gather(&queue, bytes, sizeof bytes), 3));
	cr_assert(eq(int, memcmp(bytes, "o\r\n", 3), 0));
	apo_sendq_consume(&queue, 3);
	cr_assert(eq(sz, queue.bytes, 0));
	cr_assert(eq(u32, queue.count, 0));
	apo_sendq_fini(&queue);
}

Test(sendq, a_text_is_held_once_for_all_queues_of_a_share)
{
	struct apo_text *text = apo_text_copy("x\r\n", 3);
	struct apo_share *share = apo_share_new(apo_text_get(text));
	struct apo_sendq queues[10];
	int i;

	for (i = 0; i < 10; i++) {
		apo_sendq_init(queues + i);
		cr_assert(eq(int, apo_sendq_add(queues + i, share), 0));
	}
	apo_share_put(share);
	cr_assert(eq(uint, atomic_load(&text->references), 2));
	for (i = 0; i < 5; i++)
		apo_sendq_consume(queues + i, 3);
	cr_assert(eq(uint, atomic_load(&text->references), 2));
	for (; i < 10; i++)
		apo_sendq_fini(queues + i);
	cr_assert(eq(uint, atomic_load(&text->references), 1));
	apo_text_put(text);
}

Test(sendq, an_empty_queue_keeps_no_memory)
{
	struct apo_sendq queue;
	int i;

	apo_sendq_init(&queue);
	for (i = 0; i < 100; i++)
		add(&queue, "1234567890");
	cr_assert(ne(ptr, queue.items, queue.few));
	apo_sendq_consume(&queue, 1000);
	cr_assert(eq(ptr, queue.items, queue.few));
}

Test(sendq, cutting_leaves_only_what_is_half_written)
{
	struct apo_sendq queue;
	char bytes[64];

	apo_sendq_init(&queue);
	add(&queue, "first\r\n");
	add(&queue, "second\r\n");
	apo_sendq_cut(&queue, 0);
	cr_assert(eq(sz, queue.bytes, 0));
	add(&queue, "first\r\n");
	add(&queue, "second\r\n");
	apo_sendq_consume(&queue, 2);
	apo_sendq_cut(&queue, 0);
	cr_assert(eq(sz, apo_sendq_gather(&queue, bytes, sizeof bytes), 5));
	cr_assert(eq(int, memcmp(bytes, "rst\r\n", 5), 0));
	apo_sendq_fini(&queue);
}

/* Compared with a flat buffer. */
Test(sendq, random_use_gives_the_bytes_of_a_flat_buffer)
{
	static char flat[BYTES_MAX], bytes[4096], text[600];
	unsigned seed;

	for (seed = 1; seed <= 50; seed++) {
		struct random random = {seed};
		size_t head = 0, tail = 0, n;
		struct apo_sendq queue;

		apo_sendq_init(&queue);
		while (tail < BYTES_MAX - sizeof text) {
			n = 1 + random_below(&random, sizeof text - 2);
			memset(text, 'a' + (int)random_below(&random, 26), n);
			text[n] = 0;
			if (random_below(&random, 2)) {
				memcpy(flat + tail, text, n);
				tail += n;
				add(&queue, text);
			}
			n = random_below(&random, sizeof bytes);
			n = apo_sendq_gather(&queue, bytes, n);
			cr_assert(eq(int, memcmp(bytes, flat + head, n), 0), "seed %u", seed);
			n = random_below(&random, (uint32_t)n + 1);
			apo_sendq_consume(&queue, n);
			head += n;
			cr_assert(eq(sz, queue.bytes, tail - head), "seed %u", seed);
		}
		apo_sendq_fini(&queue);
	}
}
