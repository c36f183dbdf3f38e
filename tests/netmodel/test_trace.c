/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "../../integration/netmodel/random.h"
#include "../../integration/netmodel/synthetic.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct load load;

static struct nm_trace steps(bool repeats)
{
	struct nm_trace trace;

	nm_trace_init(&trace);
	cr_assert(nm_trace_add(&trace, 0, 12e6, 0));
	cr_assert(nm_trace_add(&trace, 100 * MS, 0, 0));
	cr_assert(nm_trace_add(&trace, 150 * MS, 24e6, 0));
	if (repeats)
		cr_assert(nm_trace_repeat_at(&trace, 200 * MS));
	return trace;
}

Test(trace, sending_waits_where_the_rate_is_0)
{
	struct nm_trace trace = steps(true);

	cr_assert(eq(u64, nm_trace_sent_at(&trace, 0, 12000), MS));
	cr_assert(eq(u64, nm_trace_sent_at(&trace, 99 * MS + MS / 2, 12000), 150 * MS + MS / 4));
	cr_assert(eq(u64, nm_trace_sent_at(&trace, 120 * MS, 12000), 150 * MS + MS / 2));
	cr_assert(eq(u64, nm_trace_sent_at(&trace, 199 * MS + MS / 2, 24000), 201 * MS));
	nm_trace_fini(&trace);
}

Test(trace, bits_and_instants_are_inverse)
{
	struct nm_trace trace = steps(true);
	uint64_t random = 7;

	for (int i = 0; i < 10000; i++) {
		uint64_t from_ns = nm_random_next(&random) % (10 * S);
		double bits = nm_random_between(&random, 1, 1e7);
		uint64_t to_ns = nm_trace_sent_at(&trace, from_ns, bits);

		/* Times are rounded up to a nanosecond: at 24 Mbit/s less than 0.03 bits. */
		cr_assert(ge(dbl, nm_trace_bits(&trace, from_ns, to_ns), bits - 0.001));
		cr_assert(le(dbl, nm_trace_bits(&trace, from_ns, to_ns), bits + 0.05));
	}
	nm_trace_fini(&trace);
}

Test(trace, a_last_rate_of_0_never_sends)
{
	struct nm_trace trace;

	nm_trace_init(&trace);
	cr_assert(nm_trace_add(&trace, 0, 12e6, 0));
	cr_assert(nm_trace_add(&trace, MS, 0, 0));
	cr_assert(eq(u64, nm_trace_sent_at(&trace, 0, 12000), MS));
	cr_assert(eq(u64, nm_trace_sent_at(&trace, 0, 12001), NM_NEVER));
	nm_trace_fini(&trace);
}

Test(trace, segments_out_of_order_are_refused)
{
	struct nm_trace trace;

	nm_trace_init(&trace);
	cr_assert(not(nm_trace_add(&trace, 5, 1, 0)));
	cr_assert(nm_trace_add(&trace, 0, 1, 0));
	cr_assert(not(nm_trace_add(&trace, 0, 1, 0)));
	cr_assert(not(nm_trace_add(&trace, 1, -1, 0)));
	cr_assert(not(nm_trace_repeat_at(&trace, 0)));
	nm_trace_fini(&trace);
}

/* A queue that is never empty delivers exactly as many packets as the trace allows. */
static void delivers_the_integral(struct nm_trace *trace, uint64_t until_ns)
{
	struct nm_bottleneck_conf conf = load_conf(NM_DROP_TAIL, 0);
	double expected = nm_trace_bits(trace, 0, until_ns) / 8 / LOAD_BYTES;
	struct nm_bottleneck b;
	double sent = 0;

	conf.rate.trace = trace;
	conf.packets_max = 200;
	cr_assert(nm_bottleneck_init(&b, &conf));
	load.count = 0;
	for (uint64_t now_ns = 0; now_ns < until_ns; now_ns += 25000)
		load.count -= !load_one(&load, &b, now_ns, 1);
	while (nm_bottleneck_take(&b, until_ns))
		;
	for (size_t i = 0; i < load.count; i++)
		sent += load.items[i].outcome == NM_SENT && load.items[i].sent_at_ns > 0 &&
			load.items[i].sent_at_ns <= until_ns;
	cr_assert(le(dbl, sent, expected + 0.01));
	cr_assert(ge(dbl, sent, expected - 2));
	while (nm_bottleneck_drain(&b))
		;
	nm_bottleneck_fini(&b);
}

Test(trace, a_full_queue_gets_the_integral_of_the_rate)
{
	struct nm_trace trace = steps(true);

	delivers_the_integral(&trace, 2 * S);
	nm_trace_fini(&trace);
}

Test(synthetic, networks_have_the_mean_asked_for_and_follow_the_seed)
{
	for (enum nm_network n = NM_LTE; n <= NM_STARLINK; n++) {
		struct nm_trace one, same, other;

		nm_trace_init(&one);
		nm_trace_init(&same);
		nm_trace_init(&other);
		cr_assert(nm_synthetic(&one, n, 20e6, 1));
		cr_assert(nm_synthetic(&same, n, 20e6, 1));
		cr_assert(nm_synthetic(&other, n, 20e6, 2));
		cr_assert(epsilon_eq(dbl, nm_trace_bits(&one, 0, NM_SYNTHETIC_NS), 20e6 * 60, 1e3));
		cr_assert(eq(sz, one.count, same.count));
		for (size_t i = 0; i < one.count; i++)
			cr_assert(eq(dbl, one.segments[i].bits_per_s, same.segments[i].bits_per_s));
		cr_assert(ne(dbl, nm_trace_bits(&one, 0, 5 * S), nm_trace_bits(&other, 0, 5 * S)));
		delivers_the_integral(&one, 10 * S);
		nm_trace_fini(&one);
		nm_trace_fini(&same);
		nm_trace_fini(&other);
	}
}

static double mean_bps(const struct nm_trace *trace, uint64_t from_ns, uint64_t span_ns)
{
	return nm_trace_bits(trace, from_ns, from_ns + span_ns) * 1e9 / (double)span_ns;
}

Test(synthetic, lte_falls_to_less_than_half_within_100_ms)
{
	struct nm_trace trace;
	int falls = 0;

	nm_trace_init(&trace);
	cr_assert(nm_synthetic(&trace, NM_LTE, 30e6, 1));
	for (uint64_t at_ns = 0; at_ns + 200 * MS < NM_SYNTHETIC_NS; at_ns += 20 * MS)
		falls += mean_bps(&trace, at_ns + 100 * MS, 20 * MS) <
			 mean_bps(&trace, at_ns, 20 * MS) / 2;
	cr_assert(ge(int, falls, 5));
	nm_trace_fini(&trace);
}

Test(synthetic, wifi_sends_in_bursts_with_pauses)
{
	struct nm_trace trace;
	uint64_t longest_ns = 0;

	nm_trace_init(&trace);
	cr_assert(nm_synthetic(&trace, NM_WIFI, 60e6, 1));
	for (size_t i = 1; i + 1 < trace.count; i++) {
		uint64_t span_ns = trace.segments[i + 1].from_ns - trace.segments[i].from_ns;

		cr_assert(ne(int, trace.segments[i].bits_per_s > 0,
			     trace.segments[i - 1].bits_per_s > 0));
		if (trace.segments[i].bits_per_s > 0)
			cr_assert(le(u64, span_ns, 4 * MS));
		else if (span_ns > longest_ns)
			longest_ns = span_ns;
	}
	cr_assert(ge(u64, longest_ns, 20 * MS));
	nm_trace_fini(&trace);
}

Test(synthetic, starlink_changes_rate_and_delay_every_15_s_behind_a_gap)
{
	struct nm_trace trace;
	uint64_t last_ns = 0;
	int gaps = 0;

	nm_trace_init(&trace);
	cr_assert(nm_synthetic(&trace, NM_STARLINK, 100e6, 1));
	for (size_t i = 1; i < trace.count; i++) {
		if (trace.segments[i].bits_per_s > 0) {
			cr_assert(eq(u64, trace.segments[i].delay_ns,
				     trace.segments[i - 1].delay_ns));
			continue;
		}
		cr_assert(ne(u64, trace.segments[i].delay_ns, trace.segments[i - 1].delay_ns));
		if (last_ns)
			cr_assert(eq(u64, trace.segments[i].from_ns - last_ns, 15 * S));
		last_ns = trace.segments[i].from_ns;
		gaps++;
	}
	cr_assert(ge(int, gaps, 3));
	nm_trace_fini(&trace);
}
