/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"
#include "proto/recovery/rtt.h"

#define MS RUDP_NS_PER_MS

static struct rudp_rtt fresh(void)
{
	struct rudp_rtt rtt;

	rudp_rtt_init(&rtt, 0);
	return rtt;
}

Test(rtt, before_any_sample_is_the_initial_guess)
{
	struct rudp_rtt rtt = fresh();

	cr_assert(eq(u64, rtt.samples, 0));
	cr_assert(eq(i64, rtt.srtt_ns, RUDP_RTT_INITIAL_NS));
	cr_assert(eq(i64, rtt.var_ns, RUDP_RTT_INITIAL_NS / 2));
	cr_assert(eq(i64, rtt.min_ns, RUDP_NEVER));
	cr_assert(eq(i64, rudp_rtt_pto_ns(&rtt, 0), 3 * RUDP_RTT_INITIAL_NS));
}

Test(rtt, known_round_trip_is_the_guess)
{
	static const struct {
		int64_t known_ns, guess_ns;
	} cases[] = {
		{0, RUDP_RTT_INITIAL_NS}, {1, 30 * MS},         {10 * MS, 30 * MS},
		{31 * MS, 31 * MS},       {600 * MS, 600 * MS}, {1000 * MS, 1000 * MS},
		{60000 * MS, 1000 * MS},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rudp_rtt rtt;

		rudp_rtt_init(&rtt, cases[i].known_ns);
		cr_assert(zero(u64, rtt.samples));
		cr_assert(eq(i64, rtt.srtt_ns, cases[i].guess_ns));
		cr_assert(eq(i64, rudp_rtt_pto_ns(&rtt, 0), 3 * cases[i].guess_ns));
		cr_assert(eq(i64, rtt.min_ns, RUDP_NEVER));
	}
}

Test(rtt, first_sample_sets_variance)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 40 * MS, 0);
	cr_assert(eq(i64, rtt.srtt_ns, 40 * MS));
	cr_assert(eq(i64, rtt.var_ns, 20 * MS));
	cr_assert(eq(i64, rtt.min_ns, 40 * MS));
	cr_assert(eq(i64, rtt.latest_ns, 40 * MS));
}

Test(rtt, first_sample_ignores_ack_delay)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 40 * MS, 10 * MS);
	cr_assert(eq(i64, rtt.srtt_ns, 40 * MS));
}

Test(rtt, later_samples_weigh_an_eighth)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 40 * MS, 0);
	rudp_rtt_sample(&rtt, 80 * MS, 0);
	cr_assert(eq(i64, rtt.var_ns, 25 * MS));  /* 3/4 20 + 1/4 |40 - 80| */
	cr_assert(eq(i64, rtt.srtt_ns, 45 * MS)); /* 7/8 40 + 1/8 80 */
	cr_assert(eq(i64, rtt.min_ns, 40 * MS));
	cr_assert(eq(i64, rtt.latest_ns, 80 * MS));
}

Test(rtt, ack_delay_is_taken_off)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 40 * MS, 0);
	rudp_rtt_sample(&rtt, 64 * MS, 24 * MS);
	cr_assert(eq(i64, rtt.srtt_ns, 40 * MS));
	cr_assert(eq(i64, rtt.var_ns, 15 * MS));
	cr_assert(eq(i64, rtt.latest_ns, 40 * MS));
	cr_assert(eq(i64, rtt.believed_ns, 64 * MS));
}

Test(rtt, ack_delay_never_leads_below_the_minimum)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 40 * MS, 0);
	rudp_rtt_sample(&rtt, 48 * MS, 9 * MS); /* 39 would be below 40: ignored */
	cr_assert(eq(i64, rtt.srtt_ns, 41 * MS));
}

Test(rtt, minimum_takes_samples_with_their_delay)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 40 * MS, 0);
	rudp_rtt_sample(&rtt, 30 * MS, 10 * MS);
	cr_assert(eq(i64, rtt.min_ns, 30 * MS));
	cr_assert(eq(i64, rtt.srtt_ns, 38750000)); /* 7/8 40 + 1/8 30 */
}

Test(rtt, clock_that_stands_still_gives_a_positive_rtt)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 0, 0);
	rudp_rtt_sample(&rtt, -5 * MS, 1 * MS);
	cr_assert(ge(i64, rtt.srtt_ns, 1));
	cr_assert(ge(i64, rtt.min_ns, 1));
	cr_assert(ge(i64, rtt.var_ns, 0));
}

Test(rtt, pto_is_at_least_the_granularity_beyond_srtt)
{
	struct rudp_rtt rtt = fresh();

	for (int i = 0; i < 200; i++)
		rudp_rtt_sample(&rtt, 10 * MS, 0);
	cr_assert(eq(i64, rudp_rtt_pto_ns(&rtt, 0), 11 * MS));
	cr_assert(eq(i64, rudp_rtt_pto_ns(&rtt, 25 * MS), 36 * MS));
}

Test(rtt, pto_holds_four_variances)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 40 * MS, 0);
	cr_assert(eq(i64, rudp_rtt_pto_ns(&rtt, 25 * MS), (40 + 4 * 20 + 25) * MS));
}

Test(rtt, a_stopped_peer_is_no_long_path)
{
	struct rudp_rtt rtt = fresh();

	for (int i = 0; i < 40; i++)
		rudp_rtt_sample(&rtt, 50 * MS, 0);
	rudp_rtt_sample(&rtt, 3600 * RUDP_NS_PER_S, 0);
	cr_assert(eq(i64, rtt.latest_ns, 3600 * RUDP_NS_PER_S));
	cr_assert(le(i64, rudp_rtt_pto_ns(&rtt, 0), 2 * RUDP_NS_PER_S));
}

Test(rtt, a_path_that_becomes_long_is_believed_soon)
{
	struct rudp_rtt rtt = fresh();
	int samples = 0;

	for (int i = 0; i < 40; i++)
		rudp_rtt_sample(&rtt, 50 * MS, 0);
	for (; rudp_rtt_pto_ns(&rtt, 0) < 20 * RUDP_NS_PER_S; samples++)
		rudp_rtt_sample(&rtt, 20 * RUDP_NS_PER_S, 0);
	cr_assert(le(int, samples, 8));
}

Test(rtt, the_first_sample_is_believed_up_to_10_s)
{
	struct rudp_rtt rtt = fresh();

	rudp_rtt_sample(&rtt, 3600 * RUDP_NS_PER_S, 0);
	cr_assert(eq(i64, rtt.srtt_ns, 10 * RUDP_NS_PER_S));
	cr_assert(eq(i64, rtt.var_ns, 5 * RUDP_NS_PER_S));
}

Test(rtt, agrees_with_floating_point)
{
	struct random random = {1};
	struct rudp_rtt rtt = fresh();
	double srtt = 0, var = 0, min = 0;

	for (int i = 0; i < 5000; i++) {
		int64_t latest_ns = (int64_t)random_below(&random, 300) * MS + 2 * MS;
		int64_t delay_ns = (int64_t)random_below(&random, 30) * MS;
		double adjusted = (double)latest_ns;

		rudp_rtt_sample(&rtt, latest_ns, delay_ns);
		min = i == 0 || adjusted < min ? adjusted : min;
		if (i > 0 && adjusted >= min + (double)delay_ns)
			adjusted -= (double)delay_ns;
		if (i == 0) {
			srtt = adjusted;
			var = adjusted / 2;
		} else {
			var = 0.75 * var +
			      0.25 * (srtt > adjusted ? srtt - adjusted : adjusted - srtt);
			srtt = 0.875 * srtt + 0.125 * adjusted;
		}
		cr_assert(eq(i64, (int64_t)min, rtt.min_ns));
		cr_assert(lt(dbl, srtt - (double)rtt.srtt_ns, 20.0));
		cr_assert(lt(dbl, -20.0, srtt - (double)rtt.srtt_ns));
		cr_assert(lt(dbl, var - (double)rtt.var_ns, 20.0));
		cr_assert(lt(dbl, -20.0, var - (double)rtt.var_ns));
	}
}
