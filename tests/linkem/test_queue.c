/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/queue.h"
#include "../../integration/linkem/prng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MS UINT64_C(1000000)

Test(queue, without_rate_everything_leaves_at_once)
{
	struct queue queue;
	uint64_t at = 0;

	queue_init(&queue, 0, 1, 1);
	for (uint64_t i = 0; i < 100; i++) {
		cr_assert(queue_admit(&queue, i, 1500, &at));
		cr_assert(eq(u64, at, i));
	}
	queue_fini(&queue);
}

Test(queue, packets_are_spaced_by_the_rate)
{
	struct queue queue;
	uint64_t at = 0;

	queue_init(&queue, 12000000, SIZE_MAX, SIZE_MAX);
	for (uint64_t i = 1; i <= 200; i++) {
		cr_assert(queue_admit(&queue, 0, 1500, &at));
		cr_assert(eq(u64, at, i * MS));
	}
	cr_assert(queue_admit(&queue, 500 * MS, 1500, &at));
	cr_assert(eq(u64, at, 501 * MS));
	cr_assert(eq(sz, queue.packets, 1));
	queue_fini(&queue);
}

Test(queue, byte_limit_drops_the_tail)
{
	struct queue queue;
	uint64_t at = 0;

	queue_init(&queue, 12000000, 3000, SIZE_MAX);
	cr_assert(queue_admit(&queue, 0, 1500, &at));
	cr_assert(queue_admit(&queue, 0, 1500, &at));
	cr_assert(not(queue_admit(&queue, 0, 1, &at)));
	cr_assert(not(queue_admit(&queue, MS - 1, 1, &at)));
	cr_assert(queue_admit(&queue, MS, 1500, &at));
	cr_assert(eq(u64, at, 3 * MS));
	queue_fini(&queue);
}

Test(queue, packet_limit_drops_the_tail)
{
	struct queue queue;
	uint64_t at = 0;

	queue_init(&queue, 12000000, SIZE_MAX, 2);
	cr_assert(queue_admit(&queue, 0, 10, &at));
	cr_assert(queue_admit(&queue, 0, 10, &at));
	cr_assert(not(queue_admit(&queue, 0, 10, &at)));
	cr_assert(queue_admit(&queue, MS, 10, &at));
	queue_fini(&queue);
}

/* The stupid implementation keeps every packet ever admitted and adds up anew each time. */
enum { MODEL_STEPS = 3000 };

struct model {
	uint64_t departs[MODEL_STEPS];
	size_t size[MODEL_STEPS], count;
};

static bool model_admit(struct model *model, uint64_t now, size_t size, uint64_t *at)
{
	size_t bytes = 0, packets = 0;
	uint64_t last = now;

	for (size_t i = 0; i < model->count; i++) {
		if (model->departs[i] > now) {
			bytes += model->size[i];
			packets++;
		}
		if (model->departs[i] > last)
			last = model->departs[i];
	}
	if (bytes + size > 20000 || packets >= 40)
		return false;
	*at = last + (uint64_t)size * 8 * 1000000000 / 10000000;
	model->departs[model->count] = *at;
	model->size[model->count++] = size;
	return true;
}

Test(queue, agrees_with_a_stupid_model)
{
	static struct model model;
	struct queue queue;
	struct prng prng;
	uint64_t now = 0, at = 0, expected = 0;
	size_t refused = 0;

	prng_init(&prng, 5, 0);
	queue_init(&queue, 10000000, 20000, 40);
	for (int i = 0; i < MODEL_STEPS; i++) {
		size_t size = 40 + prng_below(&prng, 1461);
		bool fits = model_admit(&model, now, size, &expected);

		cr_assert(eq(int, queue_admit(&queue, now, size, &at), fits));
		if (fits)
			cr_assert(eq(u64, at, expected));
		refused += !fits;
		now += prng_chance(&prng, 0.01) ? prng_below(&prng, 40 * MS)
						: prng_below(&prng, MS);
	}
	cr_assert(ge(sz, refused, 101));
	queue_fini(&queue);
}
