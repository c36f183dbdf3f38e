/* SPDX-License-Identifier: MIT */
/* The algorithms on whole simulated paths, in virtual time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "cc_bench.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S
#define SEEDS 5

/* One flow for 30 s; the queue is in BDP. */
static struct bench_spec path(const struct rudp_cc_ops *ops, uint64_t mbits, int64_t rtt_ms,
			      double queue_bdp, uint32_t loss_ppm, uint64_t seed)
{
	struct bench_spec spec = {
		.link_bits_per_s = mbits * 1000000,
		.loss_ppm = loss_ppm,
		.seed = seed,
		.end_at_ns = 30 * S,
		.measure_from_at_ns = rtt_ms > 300 ? 10 * S : 2 * S,
		.flow_count = 1,
		.flows = {{.ops = ops, .rtt_ns = rtt_ms * MS}},
	};

	spec.queue_bytes = (uint64_t)((double)mbits * 125 * (double)rtt_ms * queue_bdp);
	return spec;
}

static struct bench_spec two(const struct rudp_cc_ops *first, const struct rudp_cc_ops *second,
			     uint64_t mbits, int64_t rtt_ms, double queue_bdp, int64_t start_at_ns)
{
	struct bench_spec spec = path(first, mbits, rtt_ms, queue_bdp, 0, 1);

	spec.end_at_ns = 60 * S;
	spec.measure_from_at_ns = 20 * S;
	spec.flow_count = 2;
	spec.flows[1] = spec.flows[0];
	spec.flows[1].ops = second;
	spec.flows[1].start_at_ns = start_at_ns;
	return spec;
}

static double share_of_first(const struct bench_result *result)
{
	double first = (double)result->flows[0].delivered_bytes;

	return first / (first + (double)result->flows[1].delivered_bytes);
}

Test(cc_paths, bbr_fills_a_clean_link_with_a_short_queue)
{
	struct bench_spec spec = path(&rudp_cc_bbr, 100, 50, 4, 0, 1);
	struct bench_result result = bench_run(&spec);

	cr_assert(ge(dbl, result.utilisation, 0.97));
	cr_assert(le(dbl, result.queue_mean_ms, 3));
	cr_assert(eq(u64, result.dropped_packets, 0));
}

Test(cc_paths, bbr_leaves_startup_before_a_bdp_of_queue)
{
	struct bench_spec spec = path(&rudp_cc_bbr, 100, 50, 10, 0, 1);
	struct bench_result result = bench_run(&spec);

	cr_assert(lt(dbl, result.queue_max_ever_ms, 50));
	cr_assert(lt(i64, result.flows[0].startup_done_at_ns, 700 * MS));
}

Test(cc_paths, bbr_fills_links_that_lose_at_random)
{
	static const struct {
		uint64_t mbits;
		int64_t rtt_ms;
		uint32_t loss_ppm;
		double least;
	} cases[] = {
		{100, 50, 10000, 0.93}, {100, 50, 30000, 0.90}, {100, 50, 100000, 0.80},
		{20, 600, 5000, 0.93},  {10, 40, 10000, 0.93},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct bench_spec spec = path(&rudp_cc_bbr, cases[i].mbits, cases[i].rtt_ms,
						      1, cases[i].loss_ppm, seed);

			cr_assert(ge(dbl, bench_run(&spec).utilisation, cases[i].least),
				  "case %zu seed %llu", i, (unsigned long long)seed);
		}
	}
}

Test(cc_paths, bbr_keeps_a_deep_queue_short)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct bench_spec spec = path(&rudp_cc_bbr, 10, 40, 10, seed % 2 * 10000, seed);
		struct bench_result result = bench_run(&spec);

		cr_assert(le(dbl, result.queue_p99_ms, 20), "seed %llu", (unsigned long long)seed);
		cr_assert(ge(dbl, result.utilisation, 0.93));
	}
}

Test(cc_paths, bbr_loses_little_to_a_shallow_queue)
{
	struct bench_spec spec = path(&rudp_cc_bbr, 100, 50, 0.1, 0, 1);
	struct bench_result result = bench_run(&spec);

	cr_assert(ge(dbl, result.utilisation, 0.95));
	cr_assert(le(u64, result.flows[0].lost_bytes * 100, result.flows[0].sent_bytes * 2));
}

Test(cc_paths, bbr_works_with_acks_in_slots)
{
	for (int64_t slot_ms = 1; slot_ms <= 32; slot_ms *= 2) {
		struct bench_spec spec = path(&rudp_cc_bbr, 100, 50, 1, 10000, 1);

		spec.flows[0].ack_slot_ns = slot_ms * MS;
		cr_assert(ge(dbl, bench_run(&spec).utilisation, 0.93));
	}
}

Test(cc_paths, bbr_follows_a_link_that_changes)
{
	struct bench_spec spec = path(&rudp_cc_bbr, 100, 50, 1, 0, 1);
	struct bench_result result;

	spec.change_at_ns = 10 * S;
	spec.measure_from_at_ns = 15 * S;
	spec.link2_bits_per_s = 25000000;
	result = bench_run(&spec);
	cr_assert(ge(dbl, result.utilisation, 0.93));
	cr_assert(le(dbl, result.queue_mean_ms, 10));
	spec.link_bits_per_s = 25000000;
	spec.link2_bits_per_s = 100000000;
	spec.loss_ppm = 10000;
	cr_assert(ge(dbl, bench_run(&spec).utilisation, 0.90));
}

Test(cc_paths, bbr_recovers_from_an_outage)
{
	struct bench_spec spec = path(&rudp_cc_bbr, 100, 50, 1, 0, 1);

	spec.outage = 1;
	spec.change_at_ns = 10 * S;
	spec.measure_from_at_ns = 12 * S;
	cr_assert(ge(dbl, bench_run(&spec).utilisation, 0.93));
}

Test(cc_paths, bbr_flows_share)
{
	static const int64_t starts_ms[] = {0, 400, 800, 1000, 7000, 10000};

	for (size_t i = 0; i < sizeof(starts_ms) / sizeof(starts_ms[0]); i++) {
		struct bench_spec deep =
			two(&rudp_cc_bbr, &rudp_cc_bbr, 20, 40, 4, starts_ms[i] * MS);
		struct bench_spec shallow =
			two(&rudp_cc_bbr, &rudp_cc_bbr, 20, 40, 0.3, starts_ms[i] * MS);
		struct bench_result result = bench_run(&deep);

		cr_assert(ge(dbl, share_of_first(&result), 0.35));
		cr_assert(le(dbl, share_of_first(&result), 0.65));
		cr_assert(ge(dbl, result.utilisation, 0.93));
		cr_assert(le(dbl, result.queue_mean_ms, 15));
		result = bench_run(&shallow);
		cr_assert(ge(dbl, share_of_first(&result), 0.35));
		cr_assert(le(dbl, share_of_first(&result), 0.65));
		cr_assert(
			le(u64, result.flows[1].lost_bytes * 100, result.flows[1].sent_bytes * 2));
	}
}

Test(cc_paths, bbr_and_cubic_share_a_link)
{
	static const double queues_bdp[] = {1, 4};

	for (size_t i = 0; i < sizeof(queues_bdp) / sizeof(queues_bdp[0]); i++) {
		struct bench_spec spec =
			two(&rudp_cc_bbr, &rudp_cc_cubic, 50, 40, queues_bdp[i], 0);
		struct bench_result result = bench_run(&spec);

		cr_assert(ge(dbl, share_of_first(&result), 0.25));
		cr_assert(le(dbl, share_of_first(&result), 0.75));
	}
}

Test(cc_paths, cubic_fills_a_clean_link)
{
	struct bench_spec spec = path(&rudp_cc_cubic, 100, 50, 1, 0, 1);
	struct bench_result result = bench_run(&spec);

	cr_assert(ge(dbl, result.utilisation, 0.97));
	cr_assert(eq(str, (char *)(uintptr_t)result.flows[0].state_name, (char *)"avoidance"));
}

Test(cc_paths, cubic_fills_most_of_a_link_with_a_tenth_of_queue)
{
	struct bench_spec spec = path(&rudp_cc_cubic, 100, 50, 0.1, 0, 1);

	cr_assert(ge(dbl, bench_run(&spec).utilisation, 0.75));
}

Test(cc_paths, cubic_takes_random_loss_for_congestion)
{
	struct bench_spec spec = path(&rudp_cc_cubic, 100, 50, 1, 10000, 1);

	cr_assert(le(dbl, bench_run(&spec).utilisation, 0.1));
}

Test(cc_paths, cubic_flows_share)
{
	struct bench_spec spec = two(&rudp_cc_cubic, &rudp_cc_cubic, 50, 40, 1, S);
	struct bench_result result = bench_run(&spec);

	cr_assert(ge(dbl, share_of_first(&result), 0.3));
	cr_assert(le(dbl, share_of_first(&result), 0.7));
}

Test(cc_paths, same_seed_is_the_same_run)
{
	struct bench_spec spec = path(&rudp_cc_bbr, 20, 30, 1, 20000, 7);
	struct bench_result first = bench_run(&spec);
	struct bench_result second = bench_run(&spec);

	cr_assert(eq(u64, first.flows[0].delivered_bytes, second.flows[0].delivered_bytes));
	cr_assert(eq(u64, first.flows[0].lost_bytes, second.flows[0].lost_bytes));
}
