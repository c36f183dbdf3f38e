/* SPDX-License-Identifier: MIT */
/* BBR on a path whose delay varies without a queue: STARTUP, DRAIN and probes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"

#define MS(n) ((n)*RUDP_NS_PER_MS)
#define BOUND_NS (RTT_NS / BBR_DELAY_DIVISOR) /* between jitter and a queue */
#define LATE_RTT_NS (RTT_NS + MS(10))         /* beyond it */

/* Acknowledges packets that were sent before. Two sets of eight samples give a delay. */
static void take_delay(struct bbr_rig *rig, int64_t rtt_ns)
{
	rig->rtt.latest_ns = rtt_ns;
	for (int i = 0; i < 2 * BBR_DELAY_SAMPLES; i++)
		bbr_rig_ack(rig, 1, RATE / 2);
}

/* STARTUP in a hold because the delay is rtt_ns, with most of a window in flight. */
static struct bbr_rig *holding_at(int64_t rtt_ns)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 8);
	bbr_rig_round(rig, RATE / 4);
	rig->next += ROUND_PACKETS;
	take_delay(rig, rtt_ns);
	cr_assert(rig->b->holding);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	return rig;
}

static struct bbr_rig *holding(void)
{
	return holding_at(LATE_RTT_NS);
}

/*
 * Acknowledges the rest of the packets sent before the hold, and one more. The next window is in
 * flight.
 */
static void end_hold(struct bbr_rig *rig)
{
	rig->next += ROUND_PACKETS;
	bbr_rig_ack(rig, rig->b->hold_end_number - rig->acked + 1, RATE / 2);
}

Test(cc_bbr_jitter, hold_ends_when_the_delay_falls_faster_than_a_queue)
{
	struct bbr_rig *rig = holding();

	take_delay(rig, LATE_RTT_NS - BOUND_NS);
	cr_assert(rig->b->holding);
	take_delay(rig, LATE_RTT_NS - BOUND_NS - 1);
	cr_assert(not(rig->b->holding));
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(eq(i64, rig->b->startup_base_ns, LATE_RTT_NS));
	/* Growth of the delay is measured from the new reference. */
	take_delay(rig, LATE_RTT_NS + BOUND_NS);
	cr_assert(not(rig->b->holding));
	take_delay(rig, LATE_RTT_NS + BOUND_NS + 1);
	cr_assert(rig->b->holding);
}

Test(cc_bbr_jitter, base_is_the_largest_delay_of_the_hold)
{
	struct bbr_rig *rig = holding();

	take_delay(rig, LATE_RTT_NS + MS(20));
	take_delay(rig, RTT_NS);
	cr_assert(not(rig->b->holding));
	cr_assert(eq(i64, rig->b->startup_base_ns, LATE_RTT_NS + MS(20)));
}

Test(cc_bbr_jitter, delay_that_falls_by_the_time_that_passes_does_not_end_the_hold)
{
	struct bbr_rig *rig = holding();

	rig->now_at_ns += LATE_RTT_NS - RTT_NS;
	take_delay(rig, RTT_NS);
	cr_assert(not(rig->b->hold_sign));
	cr_assert(rig->b->holding);
}

/* It may have been sent again after a pause, in which the queue has drained. */
Test(cc_bbr_jitter, fall_of_the_last_packet_before_the_hold_does_not_count)
{
	struct bbr_rig *rig = holding();

	bbr_rig_ack(rig, rig->b->hold_end_number - rig->acked - 1, RATE / 2);
	rig->rtt.latest_ns = RTT_NS;
	bbr_rig_ack(rig, 1, RATE / 2);
	cr_assert(ge(i64, rig->b->now.fall_max_ns, BOUND_NS + 1));
	cr_assert(rig->b->holding);
	cr_assert(eq(i64, rig->b->startup_base_ns, 0));
}

Test(cc_bbr_jitter, delay_that_falls_does_not_end_the_hold_of_several_that_start_together)
{
	struct bbr_rig *rig = holding();

	rig->b->starters = 2;
	take_delay(rig, RTT_NS);
	cr_assert(rig->b->holding);
	cr_assert(eq(i64, rig->b->startup_base_ns, 0));
}

Test(cc_bbr_jitter, hold_whose_delay_stays_ends_startup)
{
	struct bbr_rig *rig = holding();

	take_delay(rig, LATE_RTT_NS);
	cr_assert(rig->b->holding);
	rig->inflight_bytes *= 2;
	end_hold(rig);
	cr_assert(eq(int, (int)rig->b->state, BBR_DRAIN));
	cr_assert(rig->b->left_by_delay);
}

Test(cc_bbr_jitter, delay_that_falls_ends_the_hold_even_if_it_is_still_a_sign)
{
	struct bbr_rig *rig = holding();

	take_delay(rig, LATE_RTT_NS + MS(20));
	take_delay(rig, LATE_RTT_NS);
	cr_assert(rig->b->hold_sign);
	cr_assert(not(rig->b->holding));
	cr_assert(eq(i64, rig->b->startup_base_ns, LATE_RTT_NS + MS(20)));
}

/* Round trips after DRAIN, until the delay of a drained round is checked. */
static struct bbr_rig *drained_after_delay(uint32_t starters, int64_t peak_ns, int64_t rtt_ns)
{
	struct bbr_rig *rig = holding();

	rig->b->starters = starters;
	take_delay(rig, peak_ns);
	rig->inflight_bytes /= 4; /* DRAIN ends at once */
	end_hold(rig);
	cr_assert(rig->b->left_by_delay);
	cr_assert(ne(u64, rig->b->drain_check_round, 0));
	for (int i = 0; i < 100 && rig->b->drain_check_round != 0; i++)
		bbr_rig_piece(rig, PIECE_PACKETS, rtt_ns);
	cr_assert(eq(u64, rig->b->drain_check_round, 0));
	return rig;
}

Test(cc_bbr_jitter, startup_goes_on_if_the_delay_is_still_there_after_drain)
{
	struct bbr_rig *rig = drained_after_delay(1, LATE_RTT_NS, LATE_RTT_NS);

	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(not(rig->b->full_bw_reached));
	cr_assert(eq(i64, rig->b->startup_base_ns, LATE_RTT_NS));
	/* The known delay does not end STARTUP again. */
	bbr_rig_pieces(rig, 20, PIECE_PACKETS, LATE_RTT_NS);
	cr_assert(not(rig->b->holding));
	cr_assert(not(rig->b->left_by_delay));
}

Test(cc_bbr_jitter, probe_bw_goes_on_if_the_delay_is_gone_after_drain)
{
	struct bbr_rig *rig = drained_after_delay(1, LATE_RTT_NS, RTT_NS);

	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	cr_assert(rig->b->full_bw_reached);
}

/* Bursts and the packets of others keep a small part of a large queue. */
Test(cc_bbr_jitter, probe_bw_goes_on_if_less_than_a_quarter_of_the_delay_is_left_after_drain)
{
	struct bbr_rig *rig = drained_after_delay(1, RTT_NS + 4 * MS(9), RTT_NS + MS(9));

	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	rig = drained_after_delay(1, RTT_NS + 4 * MS(9), RTT_NS + MS(9) + 1);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
}

/* On a long path a quarter may be less than the bound for a queue, which is 6.25 ms here. */
Test(cc_bbr_jitter, quarter_of_a_delay_counts_after_drain_even_if_it_is_short)
{
	struct bbr_rig *rig = drained_after_delay(1, RTT_NS + 4 * MS(5), RTT_NS + MS(5));

	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	rig = drained_after_delay(1, RTT_NS + 4 * MS(5), RTT_NS + MS(5) + 1);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
}

Test(cc_bbr_jitter, probe_bw_goes_on_if_others_that_start_may_keep_the_delay)
{
	struct bbr_rig *rig = drained_after_delay(2, LATE_RTT_NS, LATE_RTT_NS);

	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	cr_assert(rig->b->full_bw_reached);
}

/* STARTUP has ended because the bandwidth stopped growing. A drained round will be checked. */
static struct bbr_rig *draining(void)
{
	struct bbr_rig *rig = bbr_rig_new();

	for (int i = 0; i < 20 && !rig->b->full_bw_reached; i++)
		bbr_rig_round(rig, RATE);
	rig->next += ROUND_PACKETS;
	cr_assert(ne(u64, rig->b->drain_check_round, 0));
	return rig;
}

/*
 * The delay alternates between high_ns and low_ns, in steps of step_ns every 5 ms, until a drained
 * round is checked.
 */
static struct bbr_rig *drained_between(int64_t low_ns, int64_t high_ns, int64_t step_ns)
{
	struct bbr_rig *rig = draining();
	int64_t rtt_ns = high_ns;

	for (int i = 0; i < 100 && rig->b->drain_check_round != 0; i++) {
		bbr_rig_piece(rig, PIECE_PACKETS, rtt_ns);
		rtt_ns = rtt_ns == low_ns ? high_ns : rudp_time_max(rtt_ns - step_ns, low_ns);
	}
	cr_assert(eq(u64, rig->b->drain_check_round, 0));
	cr_assert(eq(i64, rig->b->min_rtt_ns, RTT_NS));
	return rig;
}

Test(cc_bbr_jitter, drained_delay_that_falls_faster_than_a_queue_is_of_the_path)
{
	struct bbr_rig *rig = drained_between(RTT_NS + MS(8), RTT_NS + MS(18), MS(10));

	cr_assert(eq(i64, rig->b->drained_rtt_ns, RTT_NS + MS(8)));
	cr_assert(eq(i64, rudp_bbr_drained_rtt_ns(rig->b), RTT_NS + MS(8)));
}

Test(cc_bbr_jitter, drained_delay_that_stays_the_same_may_be_a_queue_of_others)
{
	struct bbr_rig *rig = drained_between(RTT_NS + MS(8), RTT_NS + MS(8), 0);

	cr_assert(eq(i64, rig->b->drained_rtt_ns, 0));
	cr_assert(eq(i64, rudp_bbr_drained_rtt_ns(rig->b), RTT_NS));
}

Test(cc_bbr_jitter, drained_delay_that_falls_as_slowly_as_a_queue_may_be_one)
{
	struct bbr_rig *rig = drained_between(RTT_NS + MS(8), RTT_NS + MS(18), MS(2));

	cr_assert(eq(i64, rig->b->drained_rtt_ns, 0));
}

/*
 * Every 5 ms the packets that a slow one held up arrive together. Each has 0.2 ms less delay than
 * the one before, as much as lies between their departures.
 */
Test(cc_bbr_jitter, delay_that_falls_among_packets_that_arrive_together_is_of_the_path)
{
	struct bbr_rig *rig = draining();

	for (int i = 0; i < 100 && rig->b->drain_check_round != 0; i++) {
		rig->next += PIECE_PACKETS;
		rig->now_at_ns += MS(5);
		for (int packet = PIECE_PACKETS - 1; packet >= 0; packet--) {
			rig->rtt.latest_ns = RTT_NS + MS(8) + packet * MS(1) / 5;
			bbr_rig_ack(rig, 1, RATE);
		}
	}
	cr_assert(eq(u64, rig->b->drain_check_round, 0));
	cr_assert(eq(i64, rig->b->drained_rtt_ns, RTT_NS + MS(8)));
}

Test(cc_bbr_jitter, round_close_to_the_smallest_rtt_corrects_that_of_a_drained_one)
{
	struct bbr_rig *rig = drained_between(RTT_NS + MS(4), RTT_NS + MS(14), MS(10));
	int64_t close_ns = RTT_NS + RTT_NS / BBR_SAME_RTT_DIVISOR;

	bbr_rig_until(rig, BBR_CRUISE);
	rig->b->drained_rtt_ns = RTT_NS + MS(4);
	bbr_rig_pieces(rig, 30, PIECE_PACKETS, close_ns + 1);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(eq(i64, rig->b->drained_rtt_ns, RTT_NS + MS(4)));
	bbr_rig_pieces(rig, 30, PIECE_PACKETS, close_ns);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(eq(i64, rig->b->drained_rtt_ns, close_ns));
}

/* A probe after a round whose delay was first RTT_NS and then varied by spread_ns. */
static struct bbr_rig *probe_after(int64_t spread_ns)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->next += ROUND_PACKETS;
	for (int i = 0; i < 1000 && rig->b->state != BBR_REFILL; i++)
		bbr_rig_piece(rig, PIECE_PACKETS, RTT_NS);
	for (int i = 0; i < 100 && rig->b->state == BBR_REFILL; i++)
		bbr_rig_piece(rig, PIECE_PACKETS, RTT_NS + (i < 2 ? 0 : spread_ns));
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(i64, rig->b->up_base_ns, RTT_NS));
	cr_assert(eq(i64, rig->b->up_spread_ns, spread_ns));
	return rig;
}

/* Whether this additional delay ends the probe before three rounds without growth do. */
static bool is_ended_by(struct bbr_rig *rig, int64_t delay_ns)
{
	for (int i = 0; i < 25 && rig->b->state == BBR_UP; i++)
		bbr_rig_piece(rig, PIECE_PACKETS, RTT_NS + delay_ns);
	return rig->b->state != BBR_UP;
}

Test(cc_bbr_jitter, probe_ends_at_a_delay_that_did_not_vary_before)
{
	cr_assert(is_ended_by(probe_after(0), MS(10)));
}

Test(cc_bbr_jitter, probe_does_not_end_at_a_delay_that_varied_as_much_before)
{
	cr_assert(not(is_ended_by(probe_after(MS(10)), MS(10))));
	/* Half of the bound of 6.25 ms is added. */
	cr_assert(not(is_ended_by(probe_after(MS(10)), MS(13))));
}

Test(cc_bbr_jitter, probe_ends_at_a_delay_longer_than_what_varied_before)
{
	cr_assert(is_ended_by(probe_after(MS(10)), MS(14)));
}

Test(cc_bbr_jitter, probe_that_loses_at_a_delay_that_varied_before_goes_on)
{
	struct bbr_rig *rig = probe_after(MS(15));

	rig->lost_bytes = 15 * DATAGRAM; /* 3 % of the bytes in flight */
	bbr_rig_pieces(rig, 10, PIECE_PACKETS, RTT_NS + MS(15));
	cr_assert(rudp_bbr_is_queue_evident(rig->b));
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}
