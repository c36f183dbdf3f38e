/* SPDX-License-Identifier: MIT */
#include "proto/stream/tail.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MS RUDP_NS_PER_MS
#define RTT (80 * MS)

static struct rudp_tail tail;
static struct rudp_rtt rtt;
static int64_t now_at_ns;

static void sample(int64_t ns)
{
	rudp_rtt_sample(&rtt, ns, 0);
	rudp_tail_on_fates(&tail, &rtt, true, 1, 0, now_at_ns);
}

static void setup(void)
{
	now_at_ns = 1000 * RUDP_NS_PER_S;
	rudp_rtt_init(&rtt, 0);
	rudp_tail_init(&tail, false, now_at_ns);
	sample(RTT);
}

TestSuite(tail, .init = setup);

static int is_clear(void)
{
	return rudp_tail_is_path_clear(&tail, now_at_ns);
}

static int64_t delay_at(int64_t srtt_ns)
{
	rtt.srtt_ns = srtt_ns;
	tail.due_at_ns = RUDP_NEVER;
	rudp_tail_on_idle(&tail, &rtt, false, now_at_ns);
	return tail.due_at_ns - now_at_ns;
}

Test(tail, copy_keeps_an_eighth_of_the_round_trip_away_within_bounds)
{
	cr_assert(eq(i64, delay_at(80 * MS), 10 * MS));
	cr_assert(eq(i64, delay_at(1 * MS), RUDP_TAIL_DELAY_MIN_NS));
	cr_assert(eq(i64, delay_at(600 * MS), RUDP_TAIL_DELAY_MAX_NS));
}

Test(tail, what_follows_does_not_put_the_copy_off)
{
	int64_t due_at_ns;

	rudp_tail_on_idle(&tail, &rtt, false, now_at_ns);
	due_at_ns = tail.due_at_ns;
	rudp_tail_on_idle(&tail, &rtt, false, now_at_ns + 5 * MS);
	cr_assert(eq(i64, tail.due_at_ns, due_at_ns));
}

Test(tail, disabled_it_never_becomes_due)
{
	rudp_tail_init(&tail, true, now_at_ns);
	rudp_tail_on_idle(&tail, &rtt, false, now_at_ns);
	cr_assert(eq(i64, tail.due_at_ns, RUDP_NEVER));
}

Test(tail, budget_is_a_burst_and_then_a_rate)
{
	uint64_t spent = 0;

	while (rudp_tail_spend(&tail, 500, now_at_ns))
		spent += 500;
	cr_assert(le(u64, spent, RUDP_TAIL_BURST_BYTES));
	cr_assert(lt(u64, RUDP_TAIL_BURST_BYTES - 500, spent));
	for (spent = 0; now_at_ns < 1010 * RUDP_NS_PER_S; now_at_ns += MS)
		while (rudp_tail_spend(&tail, 500, now_at_ns))
			spent += 500;
	cr_assert(le(u64, spent, 10ul * RUDP_TAIL_BYTES_PER_S + 500));
	cr_assert(lt(u64, 10ul * RUDP_TAIL_BYTES_PER_S * 98 / 100, spent));
}

Test(tail, budget_does_not_grow_beyond_a_burst_while_idle)
{
	now_at_ns += 3600 * RUDP_NS_PER_S;
	cr_assert(eq(int, rudp_tail_spend(&tail, RUDP_TAIL_BURST_BYTES + 1, now_at_ns), 0));
	cr_assert(eq(int, rudp_tail_spend(&tail, RUDP_TAIL_BURST_BYTES, now_at_ns), 1));
	cr_assert(eq(int, rudp_tail_spend(&tail, 1, now_at_ns), 0));
}

Test(tail, standing_queue_closes_the_path_until_it_is_gone)
{
	int64_t bound_ns = RTT + RTT / RUDP_TAIL_QUEUE_DIVISOR + RUDP_TAIL_QUEUE_NS;

	for (int i = 0; i < 100; i++)
		sample(bound_ns);
	cr_assert(eq(int, is_clear(), 1));
	for (int i = 0; i < 100; i++)
		sample(bound_ns + 5 * MS);
	cr_assert(eq(int, is_clear(), 0));
	for (int i = 0; i < 100; i++)
		sample(RTT);
	cr_assert(eq(int, is_clear(), 1));
}

Test(tail, longer_way_is_learnt_within_two_minutes)
{
	for (int second = 0; second <= 121; second++) {
		sample(2 * RTT);
		cr_assert(second < 20 || second > 110 || is_clear() == 0);
		now_at_ns += RUDP_NS_PER_S;
	}
	cr_assert(eq(int, is_clear(), 1));
}

Test(tail, mark_closes_the_path_for_a_second_or_eight_round_trips)
{
	rudp_tail_on_congestion(&tail, &rtt, now_at_ns);
	now_at_ns += RUDP_TAIL_HOLD_NS - 1;
	cr_assert(eq(int, is_clear(), 0));
	now_at_ns += 1;
	cr_assert(eq(int, is_clear(), 1));
	rtt.srtt_ns = RUDP_NS_PER_S;
	rudp_tail_on_congestion(&tail, &rtt, now_at_ns);
	now_at_ns += 8 * RUDP_NS_PER_S - 1;
	cr_assert(eq(int, is_clear(), 0));
}

/* Every loss_every-th of n packets is lost. */
static void fates(unsigned n, unsigned loss_every)
{
	for (unsigned i = 1; i <= n; i++)
		rudp_tail_on_fates(&tail, &rtt, false, i % loss_every != 0, i % loss_every == 0,
				   now_at_ns);
}

Test(tail, three_percent_of_loss_are_an_accident_thirty_are_not)
{
	fates(1000, 33);
	cr_assert(eq(int, is_clear(), 1));
	rudp_tail_on_fates(&tail, &rtt, false, 0, 4, now_at_ns); /* a burst */
	cr_assert(eq(int, is_clear(), 1));
	fates(1000, 3);
	cr_assert(eq(int, is_clear(), 0));
	fates(200, 1000);
	cr_assert(eq(int, is_clear(), 1));
}

Test(tail, another_path_has_another_past)
{
	rudp_tail_on_congestion(&tail, &rtt, now_at_ns);
	fates(1000, 2);
	rudp_tail_restart(&tail, now_at_ns);
	cr_assert(eq(int, is_clear(), 1));
}
