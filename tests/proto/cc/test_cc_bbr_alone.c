/* SPDX-License-Identifier: MIT */
/*
 * BBR alone on a path: how often it probes, how it regains bandwidth, how it drains its own queue.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"
#include "proto/cc/cc_pace.h"

/* A short path with as much in flight as in the rig: rounds, not seconds, decide when to probe. */
#define NEAR_RTT_NS (RTT_NS / 10)
#define NEAR_RATE (10 * RATE)
#define QUEUE_NS (3 * RUDP_NS_PER_MS) /* above the 2 ms that count as a queue on this path */

static void until(struct bbr_rig *rig, enum bbr_state state)
{
	for (int i = 0; i < 1000 && rig->b->state != state; i++)
		bbr_rig_round(rig, NEAR_RATE);
	cr_assert(eq(int, (int)rig->b->state, (int)state));
}

static struct bbr_rig *near_and_alone(void)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->rtt.latest_ns = NEAR_RTT_NS;
	until(rig, BBR_CRUISE);
	until(rig, BBR_UP);
	until(rig, BBR_CRUISE);
	cr_assert(rig->b->up_alone);
	return rig;
}

static uint64_t rounds_to_next_probe(struct bbr_rig *rig)
{
	until(rig, BBR_REFILL);
	return rig->b->rounds_since_probe;
}

Test(cc_bbr_alone, probes_a_quarter_as_often)
{
	struct bbr_rig *rig = near_and_alone();

	cr_assert(eq(u64, rounds_to_next_probe(rig), BBR_ALONE_ROUNDS_MAX));
	until(rig, BBR_CRUISE);
	rig->b->up_alone = false;
	cr_assert(eq(u64, rounds_to_next_probe(rig), BBR_RENO_ROUNDS_MAX));
}

Test(cc_bbr_alone, small_window_is_probed_as_often_as_reno_grows)
{
	struct bbr_rig *rig = near_and_alone();

	/* Twenty datagrams fill the path: Reno needs twenty rounds. */
	rig->b->bw_shortterm = rudp_cc_rate(20 * DATAGRAM, NEAR_RTT_NS) + 1;
	rig->b->rounds_since_probe = 20;
	bbr_rig_round(rig, rig->b->bw_shortterm);
	bbr_rig_round(rig, rig->b->bw_shortterm);
	cr_assert(ne(int, (int)rig->b->state, BBR_CRUISE));
}

/*
 * CRUISE, after losses have lowered the bandwidth by 30 %, until the 63rd round since the probe
 * ends.
 */
static struct bbr_rig *after_losses(bool alone, int64_t queue_ns)
{
	struct bbr_rig *rig = near_and_alone();

	rig->b->up_alone = alone;
	rig->rtt.latest_ns = NEAR_RTT_NS + queue_ns;
	rig->b->bw_shortterm = rig->b->max_bw / 10 * 7;
	rig->b->inflight_shortterm = ROUND_PACKETS * DATAGRAM / 10 * 7;
	while (rig->b->rounds_since_probe < BBR_RENO_ROUNDS_MAX - 1) {
		bbr_rig_round(rig, NEAR_RATE);
		cr_assert(le(u64, rig->b->bw, rig->b->max_bw / 10 * 7));
	}
	bbr_rig_round(rig, NEAR_RATE);
	return rig;
}

Test(cc_bbr_alone, bandwidth_lost_to_losses_returns_before_the_probe)
{
	struct bbr_rig *rig = after_losses(true, 0);

	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(eq(u64, rig->b->bw, rig->b->max_bw * 95 / 100));
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_alone, no_bandwidth_returns_while_there_is_a_queue)
{
	struct bbr_rig *rig = after_losses(true, QUEUE_NS);

	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(le(u64, rig->b->bw, rig->b->max_bw / 10 * 7));
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_alone, next_to_others_bandwidth_returns_with_the_probe)
{
	struct bbr_rig *rig = after_losses(false, 0);

	cr_assert(eq(int, (int)rig->b->state, BBR_REFILL));
	cr_assert(eq(u64, rig->b->bw_shortterm, BBR_INFINITE));
}

/* CRUISE, after a queue that became longer; the rate is that of the last rounds or less. */
static struct bbr_rig *after_a_queue(void)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	cr_assert(rig->b->up_alone);
	for (int i = 0; i < 8; i++) {
		rig->rtt.latest_ns = RTT_NS + (i < 4 ? RTT_NS / 6 : RTT_NS / 3);
		bbr_rig_round(rig, RATE);
	}
	cr_assert(le(u64, rig->b->bw, RATE / 4 * 3));
	cr_assert(ge(u64, rig->b->settled_queue_rate, rig->b->bw + 1));
	rig->rtt.latest_ns = RTT_NS;
	return rig;
}

Test(cc_bbr_alone, bandwidth_given_up_for_a_queue_returns_when_it_is_gone)
{
	struct bbr_rig *rig = after_a_queue();
	uint64_t delivered = rig->b->settled_queue_rate;

	bbr_rig_round(rig, RATE);
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(ge(u64, rig->b->bw, delivered / 100 * 98));
	cr_assert(le(u64, rig->b->bw, rig->b->max_bw / 100 * 95));
	cr_assert(eq(u64, rig->b->settled_queue_rate, 0));
}

Test(cc_bbr_alone, next_to_others_it_does_not)
{
	struct bbr_rig *rig = after_a_queue();
	uint64_t lowered = rig->b->bw;

	rig->b->up_alone = false;
	for (int i = 0; i < 4; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(le(u64, rig->b->bw, lowered));
}

Test(cc_bbr_alone, own_queue_is_drained_after_four_rounds)
{
	struct bbr_rig *rig = near_and_alone();

	rig->rtt.latest_ns = NEAR_RTT_NS + QUEUE_NS;
	while (rig->b->delayed_rounds < BBR_OWN_QUEUE_ROUNDS) {
		cr_assert(eq(u64, bbr_rig_gain(rig), 100));
		bbr_rig_round(rig, NEAR_RATE);
	}
	cr_assert(eq(u64, bbr_rig_gain(rig), 90));
	rig->rtt.latest_ns = NEAR_RTT_NS;
	bbr_rig_round(rig, NEAR_RATE);
	bbr_rig_round(rig, NEAR_RATE);
	cr_assert(eq(u64, bbr_rig_gain(rig), 100));
}

Test(cc_bbr_alone, foreign_queue_is_not_drained)
{
	struct bbr_rig *rig = near_and_alone();

	rig->b->up_alone = false;
	rig->rtt.latest_ns = NEAR_RTT_NS + QUEUE_NS;
	for (int i = 0; i < 2 * BBR_OWN_QUEUE_ROUNDS; i++) {
		bbr_rig_round(rig, NEAR_RATE);
		cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
		cr_assert(eq(u64, bbr_rig_gain(rig), 100));
	}
}
