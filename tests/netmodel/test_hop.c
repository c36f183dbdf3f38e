/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "../../integration/netmodel/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct load load;

Test(token_bucket, exactly_rate_times_time_and_a_burst_pass)
{
	struct nm_token_bucket bucket;
	uint64_t passed_bytes = 0, random = 3, now_ns = 0;

	nm_token_bucket_init(&bucket, 20e6, 125000);
	while (now_ns < 10 * S) {
		size_t bytes = 40 + nm_random_next(&random) % 1461;

		passed_bytes += nm_token_bucket_pass(&bucket, now_ns, bytes) ? bytes : 0;
		now_ns += nm_random_next(&random) % 200000;
	}
	/* The bucket's rest is smaller than a packet. */
	cr_assert(le(u64, passed_bytes, 25000000 + 125000 + 500));
	cr_assert(ge(u64, passed_bytes, 25000000 + 125000 - 1500 - 500));
}

Test(token_bucket, a_rate_below_passes_whole)
{
	struct nm_token_bucket bucket;

	nm_token_bucket_init(&bucket, 20e6, 3000);
	for (uint64_t i = 0; i < 10000; i++)
		cr_assert(nm_token_bucket_pass(&bucket, i * 600000, 1500));
}

static void hold(struct nm_aggregator *a, size_t i, uint64_t at_ns)
{
	load.items[i] = (struct nm_item){.bytes = 1, .sent_at_ns = at_ns};
	nm_aggregator_put(a, &load.items[i]);
}

Test(aggregator, what_is_held_leaves_together_when_the_first_has_waited)
{
	struct nm_aggregator a;

	nm_aggregator_init(&a, 5 * MS, 0);
	for (size_t i = 0; i < 5; i++)
		hold(&a, i, i * MS);
	cr_assert(eq(ptr, nm_aggregator_take(&a, 5 * MS - 1), NULL));
	cr_assert(eq(u64, nm_aggregator_next_at(&a), 5 * MS));
	hold(&a, 5, 6 * MS);
	for (size_t i = 0; i < 5; i++) {
		cr_assert(eq(ptr, nm_aggregator_take(&a, 6 * MS), &load.items[i]));
		cr_assert(eq(u64, load.items[i].left_at_ns, 5 * MS));
	}
	cr_assert(eq(ptr, nm_aggregator_take(&a, 6 * MS), NULL));
	cr_assert(eq(u64, nm_aggregator_next_at(&a), 11 * MS));
}

Test(aggregator, enough_packets_leave_at_once)
{
	struct nm_aggregator a;

	nm_aggregator_init(&a, 5 * MS, 3);
	hold(&a, 0, 0);
	hold(&a, 1, MS);
	cr_assert(eq(ptr, nm_aggregator_take(&a, MS), NULL));
	hold(&a, 2, 2 * MS);
	for (size_t i = 0; i < 3; i++)
		cr_assert(eq(ptr, nm_aggregator_take(&a, 2 * MS), &load.items[i]));
	cr_assert(eq(u64, load.items[0].left_at_ns, 2 * MS));
	cr_assert(eq(u64, nm_aggregator_next_at(&a), NM_NEVER));
}

Test(marker, a_step_marks_all_beyond_and_none_below)
{
	struct nm_marker_conf conf = {MS, MS, 1, 1};
	struct nm_marker marker;

	nm_marker_init(&marker, &conf, 1);
	cr_assert(not(nm_marker_marks(&marker, MS)));
	cr_assert(nm_marker_marks(&marker, MS + 1));
	cr_assert(not(nm_marker_marks(&marker, MS)));
}

Test(marker, a_ramp_marks_in_proportion)
{
	struct nm_marker_conf conf = {10 * MS, 30 * MS, 0.5, 1};
	struct nm_marker marker;
	size_t marked = 0;

	nm_marker_init(&marker, &conf, 1);
	for (int i = 0; i < 10000; i++)
		marked += nm_marker_marks(&marker, 20 * MS);
	cr_assert(ge(sz, marked, 2350));
	cr_assert(le(sz, marked, 2650));
	cr_assert(nm_marker_marks(&marker, 30 * MS + 1));
}

/* RED marks or drops for a standing queue, and lets a short burst pass. */
Test(marker, an_average_forgives_a_burst)
{
	struct nm_marker_conf conf = {5 * MS, 5 * MS, 1, NM_RED_WEIGHT};
	struct nm_marker marker;
	int until = 0;

	nm_marker_init(&marker, &conf, 1);
	for (int i = 0; i < 100; i++)
		cr_assert(not(nm_marker_marks(&marker, 20 * MS)));
	while (!nm_marker_marks(&marker, 20 * MS))
		until++;
	cr_assert(le(int, until, 50));
}

Test(gaps, periodic_gaps_cover_what_they_say)
{
	const struct nm_gap gaps[] = {
		{2 * S, S, 10 * S, false}, {5 * S, S, 0, true}, {6 * S, S, 0, true}};

	cr_assert(not(nm_gaps_lose(gaps, 3, 2 * S - 1)));
	cr_assert(nm_gaps_lose(gaps, 3, 2 * S));
	cr_assert(nm_gaps_lose(gaps, 3, 12 * S + S / 2));
	cr_assert(not(nm_gaps_lose(gaps, 3, 13 * S)));
	cr_assert(not(nm_gaps_lose(gaps, 3, 5 * S)));
	cr_assert(eq(u64, nm_gaps_open_at(gaps, 3, 5 * S), 7 * S));
	cr_assert(eq(u64, nm_gaps_open_at(gaps, 3, 2 * S), 2 * S));
}

/* A policer after the bottleneck sees the packets that leave the bottleneck. */
Test(hop, the_policer_drops_behind_the_bottleneck)
{
	struct nm_hop_conf conf = {.bottleneck = load_conf(NM_DROP_TAIL, 12e6),
				   .police_bits_per_s = 6e6,
				   .police_burst_bytes = 1500};
	struct nm_item *item;
	struct nm_hop hop;
	size_t taken = 0;

	cr_assert(nm_hop_init(&hop, &conf));
	for (int i = 0; i < 100; i++) {
		load.items[i] = (struct nm_item){.bytes = LOAD_BYTES};
		cr_assert(nm_hop_submit(&hop, &load.items[i], 0));
	}
	load.count = 100;
	while ((item = nm_hop_take(&hop, 100 * MS)))
		taken++;
	cr_assert(eq(sz, taken, 100));
	cr_assert(eq(sz, load_count(&load, NM_DROPPED_POLICER), 50));
	nm_hop_fini(&hop);
}

/* When the delay becomes shorter, packets do not overtake earlier ones. */
Test(hop, the_extra_delay_of_a_trace_keeps_the_order)
{
	struct nm_hop_conf conf = {.bottleneck = load_conf(NM_DROP_TAIL, 0)};
	struct nm_trace trace;
	struct nm_hop hop;

	nm_trace_init(&trace);
	cr_assert(nm_trace_add(&trace, 0, 12e6, 20 * MS));
	cr_assert(nm_trace_add(&trace, 10 * MS, 12e6, 0));
	conf.bottleneck.rate.trace = &trace;
	cr_assert(nm_hop_init(&hop, &conf));
	for (int i = 0; i < 40; i++) {
		load.items[i] = (struct nm_item){.bytes = LOAD_BYTES};
		cr_assert(nm_hop_submit(&hop, &load.items[i], 0));
	}
	for (int i = 0; i < 40; i++)
		cr_assert(eq(ptr, nm_hop_take(&hop, 40 * MS), &load.items[i]));
	cr_assert(eq(u64, load.items[0].left_at_ns, 21 * MS));
	cr_assert(eq(u64, load.items[8].left_at_ns, 29 * MS));
	cr_assert(eq(u64, load.items[12].left_at_ns, 29 * MS));
	cr_assert(eq(u64, load.items[39].left_at_ns, 40 * MS));
	nm_hop_fini(&hop);
	nm_trace_fini(&trace);
}
