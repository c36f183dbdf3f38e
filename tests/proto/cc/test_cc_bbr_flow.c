/* SPDX-License-Identifier: MIT */
/* BBR among others between the same hosts: what it says it has, another rate, probes at their time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"

static bool flows(const struct bbr_rig *rig, struct rudp_cc_flow *out)
{
	return rig->cc.ops->flow(&rig->cc, out);
}

Test(rudp_bbr_flow, says_nothing_until_it_has_settled)
{
	struct bbr_rig *rig = bbr_rig_new();
	struct rudp_cc_flow flow;

	for (int i = 0; i < 3; i++) {
		bbr_rig_round(rig, RATE);
		cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
		cr_assert(not(flows(rig, &flow)));
	}
	bbr_rig_until(rig, BBR_CRUISE);
	bbr_rig_round(rig, RATE);
	cr_assert(flows(rig, &flow));
}

Test(rudp_bbr_flow, says_what_it_has)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	struct rudp_cc_flow flow;
	uint64_t round;

	bbr_rig_round(rig, RATE);
	cr_assert(flows(rig, &flow));
	cr_assert(eq(u64, flow.bytes_per_s, rig->b->bw));
	cr_assert(eq(u64, flow.delivered_bytes_per_s, RATE));
	cr_assert(flow.may_shift);
	round = flow.round;
	bbr_rig_round(rig, RATE);
	cr_assert(flows(rig, &flow));
	cr_assert(eq(u64, flow.round, round + 1));
}

Test(rudp_bbr_flow, says_nothing_while_its_program_has_nothing_to_send)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	struct rudp_cc_flow flow;

	rig->app_limited = true;
	bbr_rig_round(rig, RATE / 4);
	bbr_rig_round(rig, RATE / 4);
	cr_assert(not(flows(rig, &flow)));
	rig->app_limited = false;
	bbr_rig_round(rig, RATE);
	bbr_rig_round(rig, RATE);
	cr_assert(flows(rig, &flow));
}

Test(rudp_bbr_flow, shifts_only_while_it_looks_for_nothing)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	struct rudp_cc_flow flow;

	bbr_rig_until(rig, BBR_REFILL);
	cr_assert(flows(rig, &flow));
	cr_assert(not(flow.may_shift));
	bbr_rig_until(rig, BBR_UP);
	cr_assert(flows(rig, &flow));
	cr_assert(not(flow.may_shift));
}

/* Up and down, it goes on in proportion: what the loss has taught it of the bounds stays. */
Test(rudp_bbr_flow, goes_on_at_the_rate_that_it_is_given)
{
	const uint64_t rates[] = {RATE / 2, RATE * 3 / 2};

	for (int i = 0; i < 2; i++) {
		struct bbr_rig *rig = bbr_rig_cruising();
		uint64_t before = rig->b->bw;

		rig->b->inflight_longterm = 600 * DATAGRAM;
		rig->cc.ops->shift(&rig->cc, rates[i]);
		cr_assert(eq(u64, rig->b->bw, rates[i]));
		cr_assert(eq(u64, rig->b->bw_shortterm, BBR_INFINITE));
		cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
		cr_assert(eq(u64, rig->b->inflight_longterm, 600 * DATAGRAM * rates[i] / before));
		bbr_rig_round(rig, rates[i]);
		cr_assert(eq(u64, rig->b->bw, rates[i]));
		cr_assert(eq(u64, bbr_rig_gain(rig), 100));
	}
}

Test(rudp_bbr_flow, what_had_left_before_does_not_bring_the_old_rate_back)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->cc.ops->on_sent(&rig->cc, rig->next++, DATAGRAM, rig->inflight_bytes, rig->now_at_ns);
	rig->cc.ops->shift(&rig->cc, RATE / 2);
	bbr_rig_ack(rig, 1, RATE);
	cr_assert(eq(u64, rig->b->bw, RATE / 2));
	/* But what leaves now and comes faster does. */
	bbr_rig_round(rig, RATE);
	cr_assert(eq(u64, rig->b->max_bw, RATE));
}

static int64_t next_probe_ns(struct bbr_rig *rig)
{
	int64_t since_ns = rig->b->cycle_at_ns;

	bbr_rig_until(rig, BBR_REFILL);
	return rig->now_at_ns - since_ns;
}

Test(rudp_bbr_flow, probes_with_the_others_after_half_of_its_time)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	int64_t alone_ns = next_probe_ns(rig);

	cr_assert(rig->cc.is_probing[RUDP_CC_BANDWIDTH]);
	bbr_rig_until(rig, BBR_CRUISE);
	cr_assert(not(rig->cc.is_probing[RUDP_CC_BANDWIDTH]));
	rig->cc.flows = 2;
	rig->cc.is_to_probe[RUDP_CC_BANDWIDTH] = true;
	cr_assert(lt(i64, next_probe_ns(rig), alone_ns * 4 / 5));
}

/* Beside who yields to nobody each probes for itself. */
Test(rudp_bbr_flow, probes_alone_beside_the_unresponsive)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->b->unresponsive_signs = BBR_UNRESPONSIVE_SIGNS;
	rig->b->queue_changed_at_ns = rig->now_at_ns;
	rig->cc.flows = 2;
	rig->cc.is_to_probe[RUDP_CC_BANDWIDTH] = true;
	cr_assert(ge(i64, next_probe_ns(rig), BBR_PROBE_WAIT_NS));
}

/* The window of one is small, but they probe together: as often as one with all their windows would. */
Test(rudp_bbr_flow, keeps_pace_with_reno_together)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t rounds[2];

	for (int i = 0; i < 2; i++) {
		bbr_rig_until(rig, BBR_CRUISE);
		rig->b->up_alone = false;
		rig->cc.flows = i == 0 ? 1 : 4;
		rig->cc.cwnd_bytes = 8 * DATAGRAM;
		rig->b->rounds_since_probe = 0;
		while (rig->b->state == BBR_CRUISE) {
			bbr_rig_round(rig, RATE);
			rig->cc.cwnd_bytes = 8 * DATAGRAM;
		}
		rounds[i] = rig->b->rounds_since_probe;
		bbr_rig_until(rig, BBR_UP);
	}
	cr_assert(le(u64, rounds[0], 9));
	cr_assert(ge(u64, rounds[1], 30));
}

Test(rudp_bbr_flow, empties_the_queue_with_the_others)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	int64_t seen_at_ns;

	rig->rtt.latest_ns = RTT_NS * 5 / 4; /* a queue stands from now on */
	seen_at_ns = rig->b->probe_rtt_min_at_ns;
	rig->cc.is_to_probe[RUDP_CC_EMPTY] = true;
	while (rig->b->state != BBR_PROBE_RTT && rig->now_at_ns < seen_at_ns + 10 * RUDP_NS_PER_S)
		bbr_rig_round(rig, RATE);
	cr_assert(rig->cc.is_probing[RUDP_CC_EMPTY]);
	cr_assert(ge(i64, rig->now_at_ns, seen_at_ns + BBR_PROBE_RTT_INTERVAL_NS / 2));
	cr_assert(lt(i64, rig->now_at_ns, seen_at_ns + BBR_PROBE_RTT_INTERVAL_NS * 3 / 4));
}
