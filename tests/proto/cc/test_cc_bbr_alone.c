/* SPDX-License-Identifier: MIT */
/* BBR where its probes meet nobody: how often it probes, what it takes back, its own queue. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"
#include "proto/cc/cc_pace.h"

/* A near path with as much in flight as the rig's: rounds, not seconds, tell when to probe. */
#define NEAR_RTT_NS (RTT_NS / 10)
#define NEAR_RATE (10 * RATE)
#define QUEUE_NS (3 * RUDP_NS_PER_MS) /* above the 2 ms that are a queue on such a path */

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

	/* Twenty datagrams fill it: Reno takes twenty rounds. */
	rig->b->bw_shortterm = rudp_cc_rate(20 * DATAGRAM, NEAR_RTT_NS) + 1;
	rig->b->rounds_since_probe = 20;
	bbr_rig_round(rig, rig->b->bw_shortterm);
	bbr_rig_round(rig, rig->b->bw_shortterm);
	cr_assert(ne(int, (int)rig->b->state, BBR_CRUISE));
}

/* CRUISE after losses have taken three tenths, to the end of the 63rd round since the probe. */
static struct bbr_rig *robbed(bool alone, int64_t queue_ns)
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

Test(cc_bbr_alone, what_losses_took_comes_back_before_the_probe)
{
	struct bbr_rig *rig = robbed(true, 0);

	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(eq(u64, rig->b->bw, rig->b->max_bw / 100 * 95));
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_alone, nothing_comes_back_while_a_queue_stands)
{
	struct bbr_rig *rig = robbed(true, QUEUE_NS);

	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(le(u64, rig->b->bw, rig->b->max_bw / 10 * 7));
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_alone, beside_others_it_comes_back_with_the_probe)
{
	struct bbr_rig *rig = robbed(false, 0);

	cr_assert(eq(int, (int)rig->b->state, BBR_REFILL));
	cr_assert(eq(u64, rig->b->bw_shortterm, BBR_INFINITE));
}

Test(cc_bbr_alone, own_queue_is_drained_once_it_has_stood_for_four_rounds)
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

Test(cc_bbr_alone, queue_of_others_is_not_drained_for_them)
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
