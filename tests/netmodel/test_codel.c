/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

static struct load load;

/* At 12 Mbit/s a packet takes a millisecond. */
static void begin(struct nm_bottleneck *b)
{
	struct nm_bottleneck_conf conf = load_conf(NM_CODEL, 12e6);

	cr_assert(nm_bottleneck_init(b, &conf));
}

Test(codel, a_queue_that_empties_within_an_interval_is_left_alone)
{
	struct nm_bottleneck b;

	begin(&b);
	for (uint64_t second = 0; second < 10; second++)
		for (int i = 0; i < 90; i++)
			load_one(&load, &b, second * S, 1);
	load_finish(&b);
	cr_assert(eq(sz, load_count(&load, NM_SENT), 900));
}

Test(codel, a_queue_below_the_target_is_left_alone)
{
	struct nm_bottleneck b;

	begin(&b);
	for (int i = 0; i < 4; i++)
		load_one(&load, &b, 0, 1);
	load_run(&load, &b, MS, 10 * S, MS, 1);
	load_finish(&b);
	cr_assert(eq(sz, load_count(&load, NM_DROPPED_AQM), 0));
}

/* RFC 8289, section 4.1: while the queue is standing, drops come at interval / sqrt(n). */
Test(codel, drops_of_a_standing_queue_are_spaced_by_the_square_root_law)
{
	uint64_t at_ns[32], expected_ns;
	struct nm_bottleneck b;
	size_t drops = 0;

	begin(&b);
	for (int i = 0; i < 1000; i++)
		load_one(&load, &b, 0, 1);
	load_run(&load, &b, MS, 2 * S, MS, 1);
	load_finish(&b);
	for (size_t i = 0; i < load.count && drops < 32; i++)
		if (load.items[i].outcome == NM_DROPPED_AQM)
			at_ns[drops++] = load.items[i].sent_at_ns;
	cr_assert(eq(sz, drops, 32));
	cr_assert(ge(u64, at_ns[0], NM_CODEL_TARGET_NS + NM_CODEL_INTERVAL_NS));
	cr_assert(le(u64, at_ns[0], NM_CODEL_TARGET_NS + NM_CODEL_INTERVAL_NS + 2 * MS));
	expected_ns = at_ns[0];
	for (size_t n = 1; n < 32; n++) {
		expected_ns += (uint64_t)((double)NM_CODEL_INTERVAL_NS / sqrt((double)n));
		/* A packet is dropped when the next one is sent, a millisecond later at most. */
		cr_assert(ge(u64, at_ns[n], expected_ns));
		cr_assert(le(u64, at_ns[n], expected_ns + MS));
	}
}

/* A flow that slows down a little at each drop, and speeds up with time. */
Test(codel, the_queue_of_a_flow_that_responds_stays_near_the_target)
{
	uint64_t now_ns = 0, waited_ns = 0, sent = 0;
	double every_ns = 1.2e6;
	size_t drops = 0;
	struct nm_bottleneck b;

	begin(&b);
	while (now_ns < 60 * S) {
		size_t dropped = load_count(&load, NM_DROPPED_AQM);

		for (int i = 0; i < 50; i++) {
			load_one(&load, &b, now_ns, 1);
			now_ns += (uint64_t)every_ns;
		}
		every_ns *= dropped > drops ? 1.1 : 0.98;
		drops = dropped;
	}
	load_finish(&b);
	for (size_t i = 0; i < load.count; i++)
		if (load.items[i].outcome == NM_SENT && load.items[i].queued_at_ns > 10 * S) {
			waited_ns += load_wait_ns(&load.items[i]);
			sent++;
		}
	cr_assert(ge(sz, drops, 10));
	cr_assert(le(u64, waited_ns / sent, 3 * NM_CODEL_TARGET_NS));
	cr_assert(ge(u64, sent, 40000)); /* 80 % of the link */
}

Test(codel, packets_that_allow_it_are_marked_and_none_is_dropped)
{
	struct nm_bottleneck b;
	size_t marked = 0;

	begin(&b);
	for (int i = 0; i < 1000; i++) {
		struct nm_item *item = &load.items[load.count++];

		*item = (struct nm_item){.bytes = LOAD_BYTES, .ecn_capable = true};
		cr_assert(nm_bottleneck_submit(&b, item, 0));
	}
	load_finish(&b);
	for (size_t i = 0; i < load.count; i++)
		marked += load.items[i].marked;
	cr_assert(eq(sz, load_count(&load, NM_SENT), 1000));
	/* From 105 to 995 ms: the sum of 1 / sqrt(n) is 8.9 at 27. */
	cr_assert(ge(sz, marked, 26));
	cr_assert(le(sz, marked, 28));
}
