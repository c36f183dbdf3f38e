/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "../../integration/netmodel/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct load load;

Test(bottleneck, without_rate_everything_leaves_at_once)
{
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 0);
	struct nm_bottleneck b;

	cr_assert(nm_bottleneck_init(&b, &conf));
	load_run(&load, &b, 0, 100, 1, 1);
	load_finish(&b);
	for (size_t i = 0; i < load.count; i++)
		cr_assert(eq(u64, load.items[i].sent_at_ns, i));
}

Test(bottleneck, packets_are_spaced_by_the_rate)
{
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 12e6);
	struct nm_bottleneck b;

	cr_assert(nm_bottleneck_init(&b, &conf));
	for (int i = 0; i < 200; i++)
		cr_assert(load_one(&load, &b, 0, 1));
	cr_assert(eq(u64, nm_bottleneck_wait_ns(&b, 50 * MS), 150 * MS));
	cr_assert(load_one(&load, &b, 500 * MS, 1));
	cr_assert(eq(sz, nm_bottleneck_packets(&b), 1));
	load_finish(&b);
	for (size_t i = 0; i < 200; i++)
		cr_assert(eq(u64, load.items[i].sent_at_ns, (i + 1) * MS));
	cr_assert(eq(u64, load.items[200].sent_at_ns, 501 * MS));
}

/* The packet that is being sent occupies the queue with its unsent rest. */
Test(bottleneck, byte_limit_drops_the_tail)
{
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 12e6);
	struct nm_bottleneck b;

	conf.bytes_max = 3000;
	cr_assert(nm_bottleneck_init(&b, &conf));
	cr_assert(load_one(&load, &b, 0, 1));
	cr_assert(load_one(&load, &b, 0, 1));
	cr_assert(not(load_one(&load, &b, 0, 1)));
	cr_assert(not(load_one(&load, &b, MS - 1, 1)));
	cr_assert(eq(int, (int)load.items[3].outcome, NM_DROPPED_QUEUE));
	cr_assert(load_one(&load, &b, MS, 1));
	load_finish(&b);
	cr_assert(eq(u64, load.items[4].sent_at_ns, 3 * MS));
}

Test(bottleneck, packet_limit_drops_the_tail)
{
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 12e6);
	struct nm_bottleneck b;

	conf.packets_max = 2;
	cr_assert(nm_bottleneck_init(&b, &conf));
	cr_assert(load_one(&load, &b, 0, 1));
	cr_assert(load_one(&load, &b, 0, 1));
	cr_assert(not(load_one(&load, &b, 0, 1)));
	cr_assert(load_one(&load, &b, MS, 1));
	load_finish(&b);
}

/* The reference implementation keeps every admitted packet, and computes everything again. */
enum { MODEL_STEPS = 3000 };

static struct model {
	uint64_t sent_at_ns[MODEL_STEPS], size[MODEL_STEPS];
	size_t count;
} model;

static bool model_admit(uint64_t now_ns, uint64_t size, uint64_t *at_ns)
{
	uint64_t last_ns = now_ns, packets = 0;

	for (size_t i = 0; i < model.count; i++) {
		packets += model.sent_at_ns[i] > now_ns;
		if (model.sent_at_ns[i] > last_ns)
			last_ns = model.sent_at_ns[i];
	}
	if (packets >= 40 || (last_ns - now_ns) * 10000000 + size * 8 * S > 20000 * 8 * S)
		return false;
	*at_ns = last_ns + size * 8 * S / 10000000;
	model.sent_at_ns[model.count++] = *at_ns;
	return true;
}

Test(bottleneck, agrees_with_a_stupid_model)
{
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 10e6);
	uint64_t now_ns = 0, expected_ns = 0, random = 5;
	struct nm_bottleneck b;
	size_t refused = 0;

	conf.bytes_max = 20000;
	conf.packets_max = 40;
	cr_assert(nm_bottleneck_init(&b, &conf));
	for (int i = 0; i < MODEL_STEPS; i++) {
		struct nm_item *item = &load.items[i];
		uint64_t size = 40 + nm_random_next(&random) % 1461;
		bool fits = model_admit(now_ns, size, &expected_ns);

		*item = (struct nm_item){.bytes = size};
		cr_assert(eq(int, nm_bottleneck_submit(&b, item, now_ns), fits));
		item->left_at_ns = fits ? expected_ns : 0;
		model.size[i] = item->left_at_ns;
		refused += !fits;
		now_ns += nm_random_next(&random) % (nm_random_unit(&random) < 0.01 ? 40 * MS : MS);
		while (nm_bottleneck_take(&b, now_ns))
			;
	}
	load_finish(&b);
	for (int i = 0; i < MODEL_STEPS; i++)
		if (model.size[i])
			cr_assert(eq(u64, load.items[i].sent_at_ns, model.size[i]));
	cr_assert(ge(sz, refused, 101));
}

Test(bottleneck, a_gap_that_holds_delays_what_comes_and_loses_nothing)
{
	static const struct nm_gap gap = {10 * MS, 20 * MS, 0, true};
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 12e6);
	struct nm_bottleneck b;

	conf.gaps = &gap;
	conf.gap_count = 1;
	cr_assert(nm_bottleneck_init(&b, &conf));
	load_run(&load, &b, 0, 40 * MS, 2 * MS, 1);
	load_finish(&b);
	cr_assert(eq(sz, load_count(&load, NM_SENT), 20));
	for (size_t i = 0; i < load.count; i++) {
		uint64_t sent_at_ns = load.items[i].sent_at_ns;

		cr_assert(sent_at_ns <= 11 * MS || sent_at_ns >= 31 * MS);
	}
	cr_assert(eq(u64, load.items[5].sent_at_ns, 31 * MS));
	cr_assert(eq(u64, load.items[6].sent_at_ns, 32 * MS));
}

/* A queue in a gap fills up to its limit, and no further. */
Test(bottleneck, the_limit_holds_in_a_gap)
{
	static const struct nm_gap gap = {0, 100 * MS, 0, true};
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 12e6);
	struct nm_bottleneck b;

	conf.gaps = &gap;
	conf.gap_count = 1;
	conf.bytes_max = 10 * LOAD_BYTES;
	cr_assert(nm_bottleneck_init(&b, &conf));
	load_run(&load, &b, 0, 50 * MS, MS, 1);
	load_finish(&b);
	cr_assert(eq(sz, load_count(&load, NM_SENT), 10));
	cr_assert(eq(sz, load_count(&load, NM_DROPPED_QUEUE), 40));
}

static bool newer_by_flow(const struct nm_item *newer, const struct nm_item *older)
{
	return newer->flow == older->flow;
}

Test(bottleneck, a_superseded_packet_leaves_the_queue)
{
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 12e6);
	struct nm_bottleneck b;

	conf.supersedes = newer_by_flow;
	cr_assert(nm_bottleneck_init(&b, &conf));
	for (uint32_t flow = 0; flow < 5; flow++)
		load_one(&load, &b, 0, flow);
	load_one(&load, &b, 0, 3);
	load_one(&load, &b, 0, 0); /* flow 0's first packet is being sent already */
	cr_assert(eq(u64, nm_bottleneck_wait_ns(&b, 0), 6 * MS));
	load_finish(&b);
	cr_assert(eq(sz, load_count(&load, NM_DROPPED_ACK), 1));
	cr_assert(eq(int, (int)load.items[3].outcome, NM_DROPPED_ACK));
	cr_assert(eq(u64, load.items[6].sent_at_ns, 6 * MS));
}
