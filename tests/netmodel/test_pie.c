/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct load load;

static void begin(struct nm_bottleneck *b)
{
	struct nm_bottleneck_conf conf = load_conf(NM_PIE, 12e6);

	cr_assert(nm_bottleneck_init(b, &conf));
}

/* At a load of 1.25 a fifth of the packets must be dropped. */
Test(pie, the_probability_converges_to_what_the_load_is_too_much)
{
	size_t dropped = 0, all = 0;
	uint64_t waited_ns = 0, sent = 0;
	struct nm_bottleneck b;

	begin(&b);
	load_run(&load, &b, 0, 100 * S, 800000, 1);
	/* Drops are spaced: at probability 0.4 at least three packets pass after each drop. */
	cr_assert(ge(dbl, b.pie.probability, 0.34));
	cr_assert(le(dbl, b.pie.probability, 0.46));
	load_finish(&b);
	for (size_t i = 0; i < load.count; i++) {
		if (i < load.count / 2)
			continue;
		all++;
		dropped += load.items[i].outcome == NM_DROPPED_AQM;
		if (load.items[i].outcome == NM_SENT) {
			waited_ns += load_wait_ns(&load.items[i]);
			sent++;
		}
	}
	cr_assert(ge(dbl, (double)dropped / (double)all, 0.19));
	cr_assert(le(dbl, (double)dropped / (double)all, 0.21));
	/* RFC 8033, section 4.2: the delay is held at the reference. */
	cr_assert(ge(u64, waited_ns / sent, NM_PIE_TARGET_NS * 2 / 3));
	cr_assert(le(u64, waited_ns / sent, NM_PIE_TARGET_NS * 3 / 2));
}

Test(pie, a_burst_within_the_allowance_is_not_dropped)
{
	struct nm_bottleneck b;

	begin(&b);
	for (int i = 0; i < 100; i++)
		load_one(&load, &b, 0, 1);
	load_run(&load, &b, MS, 140 * MS, MS, 1);
	load_finish(&b);
	cr_assert(eq(sz, load_count(&load, NM_DROPPED_AQM), 0));
}

Test(pie, the_probability_decays_when_the_queue_is_empty)
{
	struct nm_bottleneck b;
	double before;

	begin(&b);
	load_run(&load, &b, 0, 20 * S, 800000, 1);
	before = b.pie.probability;
	load_one(&load, &b, 60 * S, 1);
	cr_assert(ge(dbl, before, 0.1));
	cr_assert(le(dbl, b.pie.probability, before / 100));
	load_finish(&b);
}

Test(pie, packets_that_allow_it_are_marked_while_the_probability_is_small)
{
	struct nm_bottleneck b;
	size_t marked = 0;

	begin(&b);
	for (uint64_t now_ns = 0; now_ns < 60 * S; now_ns += 980000) {
		struct nm_item *item = &load.items[load.count++];

		*item = (struct nm_item){.bytes = LOAD_BYTES, .ecn_capable = true};
		nm_bottleneck_submit(&b, item, now_ns);
		while (nm_bottleneck_take(&b, now_ns))
			;
		if (b.pie.probability > 0.09)
			break;
	}
	load_finish(&b);
	for (size_t i = 0; i < load.count; i++)
		marked += load.items[i].marked;
	cr_assert(ge(sz, marked, 10));
	cr_assert(eq(sz, load_count(&load, NM_DROPPED_AQM), 0));
}
