/* SPDX-License-Identifier: MIT */
/* BBR on a path whose rate falls or rises, or that loses ACKs. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"
#include "proto/cc/cc_pace.h"

/* Of the 50 datagrams of a piece: just below and just above a third. */
#define FALLEN_PACKETS 16
#define SLOW_PACKETS 17
#define QUEUE_RTT_NS (RTT_NS + RTT_NS / 2 + RUDP_NS_PER_MS)
#define QUEUE_NS (RTT_NS / 5)
#define SPAN_PIECES 10 /* pieces in a min_rtt */

/* A sender in CRUISE with a full window in flight, at the start of a measured span. */
static struct bbr_rig *at_start_of_span(void)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->next += ROUND_PACKETS;
	for (int i = 0; i < 20 && (i == 0 || rig->b->fall_since_at_ns != rig->now_at_ns); i++)
		bbr_rig_piece(rig, PIECE_PACKETS, RTT_NS);
	cr_assert(eq(i64, rig->b->fall_since_at_ns, rig->now_at_ns));
	cr_assert(eq(u64, rig->b->bw, RATE));
	return rig;
}

static void assert_never_drains(struct bbr_rig *rig, uint64_t packets, int64_t rtt_ns)
{
	for (int i = 0; i < 2 * BBR_FALL_SPANS * SPAN_PIECES; i++) {
		bbr_rig_piece(rig, packets, rtt_ns);
		cr_assert(rudp_bbr_is_probe_bw(rig->b));
	}
	cr_assert(eq(u64, rig->b->max_bw, RATE));
}

Test(cc_bbr_fall, three_spans_below_a_third_with_a_queue_replace_the_bandwidth)
{
	struct bbr_rig *rig = at_start_of_span();
	uint64_t rate = rudp_cc_rate(FALLEN_PACKETS * DATAGRAM, RTT_NS / 10);

	bbr_rig_pieces(rig, 3 * SPAN_PIECES - 1, FALLEN_PACKETS, QUEUE_RTT_NS);
	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	cr_assert(eq(u64, rig->b->max_bw, RATE));
	bbr_rig_piece(rig, FALLEN_PACKETS, QUEUE_RTT_NS);
	cr_assert(eq(int, (int)rig->b->state, BBR_DRAIN));
	cr_assert(eq(u64, rig->b->max_bw, rate));
	cr_assert(eq(u64, rig->b->bw, rate));
	cr_assert(eq(u64, bbr_rig_gain(rig), BBR_DRAIN_PACING_GAIN));
}

Test(cc_bbr_fall, samples_of_packets_sent_before_do_not_raise_the_bandwidth)
{
	struct bbr_rig *rig = at_start_of_span();
	uint64_t rate = rudp_cc_rate(FALLEN_PACKETS * DATAGRAM, RTT_NS / 10);

	bbr_rig_pieces(rig, 3 * SPAN_PIECES, FALLEN_PACKETS, QUEUE_RTT_NS);
	cr_assert(eq(u64, rig->b->max_bw, rate));
	bbr_rig_ack(rig, 1, RATE);
	cr_assert(eq(u64, rig->b->max_bw, rate));
	rig->acked = rig->next++;
	bbr_rig_ack(rig, 1, RATE);
	cr_assert(eq(u64, rig->b->max_bw, RATE));
}

Test(cc_bbr_fall, two_spans_are_too_few_and_count_only_in_a_row)
{
	struct bbr_rig *rig = at_start_of_span();

	for (int i = 0; i < 3; i++) {
		/*
		 * A fifth, not just below a third: rounds with a queue lower the bandwidth that is
		 * compared with.
		 */
		bbr_rig_pieces(rig, 2 * SPAN_PIECES, PIECE_PACKETS / 5, QUEUE_RTT_NS);
		cr_assert(eq(u32, rig->b->fall_spans, 2));
		cr_assert(rudp_bbr_is_probe_bw(rig->b));
		bbr_rig_pieces(rig, SPAN_PIECES, PIECE_PACKETS, QUEUE_RTT_NS);
		cr_assert(eq(u32, rig->b->fall_spans, 0));
	}
	cr_assert(eq(u64, rig->b->max_bw, RATE));
}

Test(cc_bbr_fall, half_of_the_rate_is_what_a_second_flow_leaves)
{
	assert_never_drains(at_start_of_span(), PIECE_PACKETS / 2, QUEUE_RTT_NS);
}

Test(cc_bbr_fall, more_than_a_third_of_the_rate_is_no_fall)
{
	struct bbr_rig *rig = at_start_of_span();

	/* Only three spans: later the short-term bound is lower as well. */
	bbr_rig_pieces(rig, 3 * SPAN_PIECES, SLOW_PACKETS, QUEUE_RTT_NS);
	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	cr_assert(eq(u64, rig->b->max_bw, RATE));
}

Test(cc_bbr_fall, low_rate_without_a_queue_is_no_fall)
{
	assert_never_drains(at_start_of_span(), FALLEN_PACKETS, RTT_NS);
}

Test(cc_bbr_fall, queue_of_half_of_min_rtt_is_too_short)
{
	assert_never_drains(at_start_of_span(), FALLEN_PACKETS, RTT_NS + RTT_NS / 2);
}

Test(cc_bbr_fall, low_rate_of_an_application_is_no_fall)
{
	struct bbr_rig *rig = at_start_of_span();

	rig->app_limited = true;
	assert_never_drains(rig, FALLEN_PACKETS, QUEUE_RTT_NS);
}

/* A probe with a full window, whose samples are this percentage of the previous rate. */
static struct bbr_rig *probe_that_finds(uint64_t percent)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	bbr_rig_until(rig, BBR_UP);
	rig->cwnd_limited = true;
	for (int i = 0; i < 8 && rig->b->state == BBR_UP; i++)
		bbr_rig_round(rig, RATE / 100 * percent);
	return rig;
}

Test(cc_bbr_fall, probe_that_finds_more_than_half_as_much_again_returns_to_startup)
{
	struct bbr_rig *rig = probe_that_finds(151);

	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(not(rig->b->full_bw_reached));
	cr_assert(eq(i64, rig->b->startup_base_ns, RTT_NS));
}

Test(cc_bbr_fall, probe_that_finds_half_as_much_again_stays_a_probe)
{
	struct bbr_rig *rig = probe_that_finds(150);

	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	cr_assert(rig->b->full_bw_reached);
}

/* A round that takes several times the path's RTT and delivers everything that was sent. */
static void round_of(struct bbr_rig *rig, int64_t times)
{
	rig->rtt.latest_ns = times * RTT_NS;
	bbr_rig_round(rig, RATE);
}

/* A round ends with the first ACK of the next one. */
Test(cc_bbr_fall, single_long_round_is_no_shortfall)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	for (int i = 0; i < 3; i++) {
		round_of(rig, 2);
		cr_assert(not(rig->b->shortfall));
		round_of(rig, 1);
		cr_assert(rig->b->was_short);
		cr_assert(not(rig->b->shortfall));
		round_of(rig, 1);
		cr_assert(not(rig->b->was_short));
	}
}

Test(cc_bbr_fall, two_rounds_in_a_row_that_bring_less_than_was_sent_are_a_shortfall)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	round_of(rig, 2);
	round_of(rig, 4);
	cr_assert(rig->b->was_short);
	cr_assert(not(rig->b->shortfall));
	round_of(rig, 4);
	cr_assert(rig->b->shortfall);
}

/* Rounds with a queue whose RTT is by turns longer: two rounds of the one, two of the other. */
static struct bbr_rig *after_rounds_with_a_queue(uint32_t flows, int64_t longer_ns)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->cc.flows = flows;
	for (int i = 0; i < 40; i++) {
		rig->rtt.latest_ns = RTT_NS + QUEUE_NS + (i / 2 % 2) * longer_ns;
		bbr_rig_round(rig, RATE);
	}
	cr_assert(rudp_bbr_is_probe_bw(rig->b));
	return rig;
}

/* The number of rounds without a queue until the next probe. */
static unsigned rounds_to_probe(struct bbr_rig *rig)
{
	unsigned rounds = 0;

	rig->rtt.latest_ns = RTT_NS;
	bbr_rig_until(rig, BBR_CRUISE);
	for (; rig->b->state == BBR_CRUISE && rounds <= BBR_ALONE_ROUNDS_MAX; rounds++)
		bbr_rig_round(rig, RATE);
	return rounds;
}

Test(cc_bbr_fall, path_whose_rate_varies_is_probed_as_soon_as_there_is_no_queue)
{
	cr_assert(le(uint, rounds_to_probe(after_rounds_with_a_queue(1, RTT_NS / 2)), 4));
}

Test(cc_bbr_fall, small_changes_of_the_rate_are_those_of_other_flows)
{
	struct bbr_rig *rig = after_rounds_with_a_queue(1, RTT_NS / 8);

	cr_assert(ge(u32, rig->b->variation_ppm, 10000));
	cr_assert(ge(uint, rounds_to_probe(rig), 20));
}

Test(cc_bbr_fall, rate_that_moves_within_a_flow_group_does_not_vary)
{
	struct bbr_rig *rig = after_rounds_with_a_queue(2, RTT_NS / 2);

	cr_assert(eq(u32, rig->b->variation_ppm, 0));
	cr_assert(ge(uint, rounds_to_probe(rig), 20));
}

Test(cc_bbr_fall, probe_of_a_varying_path_may_make_a_queue_of_half_an_rtt)
{
	struct bbr_rig *rig = after_rounds_with_a_queue(1, RTT_NS / 2);

	cr_assert(eq(i64, rudp_bbr_probe_bound_ns(rig->b), RTT_NS / 2));
	cr_assert(eq(i64, rudp_bbr_delay_bound_ns(rig->b, BBR_DELAY_NS_MIN), RTT_NS / 8));
	rig->rtt.latest_ns = RTT_NS;
	bbr_rig_until(rig, BBR_UP);
	rig->cwnd_limited = true;
	rig->rtt.latest_ns = RTT_NS + RTT_NS / 3;
	bbr_rig_round(rig, RATE * 5 / 4);
	bbr_rig_round(rig, RATE * 3 / 2);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
}

/* The queue of the path is too short: losses would end each probe. */
Test(cc_bbr_fall, probe_of_a_varying_path_makes_a_short_queue_after_one_that_lost)
{
	struct bbr_rig *rig = after_rounds_with_a_queue(1, RTT_NS / 2);

	rig->rtt.latest_ns = RTT_NS;
	bbr_rig_until(rig, BBR_UP);
	rig->lost_bytes = (uint64_t)ROUND_PACKETS * DATAGRAM / 2;
	for (int i = 0; i < 3 && rig->b->state == BBR_UP; i++)
		bbr_rig_round(rig, RATE * 5 / 4);
	cr_assert(rig->b->prev_probe_too_high);
	cr_assert(eq(i64, rudp_bbr_probe_bound_ns(rig->b), RTT_NS / 8));
	/* Until the path has held such a queue again. */
	rig->lost_bytes = 0;
	rig->rtt.latest_ns = RTT_NS + RTT_NS / 2 + 1;
	bbr_rig_round(rig, RATE);
	bbr_rig_round(rig, RATE);
	cr_assert(eq(i64, rudp_bbr_probe_bound_ns(rig->b), RTT_NS / 2));
}

Test(cc_bbr_fall, no_queue_is_long_before_the_round_trip_is_known)
{
	struct bbr_rig *rig = bbr_rig_new();

	cr_assert(eq(i64, rig->b->min_rtt_ns, RUDP_NEVER));
	rig->b->last.rtt_min_ns = RTT_NS;
	cr_assert(not(rudp_bbr_was_queue_long(rig->b)));
	rig->b->min_rtt_ns = RTT_NS / 2;
	cr_assert(rudp_bbr_was_queue_long(rig->b));
	rig->b->last.rtt_min_ns = RUDP_NEVER;
	cr_assert(not(rudp_bbr_was_queue_long(rig->b)));
}

Test(cc_bbr_fall, probe_of_a_varying_path_that_finds_more_stays_a_probe)
{
	struct bbr_rig *rig = after_rounds_with_a_queue(1, RTT_NS / 2);

	rig->rtt.latest_ns = RTT_NS;
	bbr_rig_until(rig, BBR_UP);
	rig->cwnd_limited = true;
	for (int i = 0; i < 8 && rig->b->state == BBR_UP; i++)
		bbr_rig_round(rig, RATE * 2);
	cr_assert(ge(u64, rig->b->max_bw, RATE * 2));
	cr_assert(rig->b->full_bw_reached);
}

/* The same changes as above, but seen by datagrams that are so large that a window has few. */
Test(cc_bbr_fall, rounds_of_a_few_packets_tell_no_variation)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->cc.datagram_bytes = ROUND_PACKETS * DATAGRAM / (BBR_VARIATION_DATAGRAMS_MIN - 1);
	for (int i = 0; i < 40; i++) {
		rig->rtt.latest_ns = RTT_NS + QUEUE_NS + (i / 2 % 2) * RTT_NS / 2;
		bbr_rig_round(rig, RATE);
	}
	cr_assert(eq(u32, rig->b->variation_ppm, 0));
	cr_assert(eq(i64, rig->b->varied_at_ns, 0));
}

/* A probe of an empty path that finds half more bandwidth and loses so many bytes of a window. */
static struct bbr_rig *after_growth(uint64_t lost_bytes)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	bbr_rig_until(rig, BBR_UP);
	cr_assert(rig->b->up_alone);
	rig->lost_bytes = lost_bytes;
	rig->rtt.latest_ns = lost_bytes > 0 ? RTT_NS : RTT_NS + QUEUE_NS;
	for (int i = 0; i < 3 && rig->b->state == BBR_UP; i++)
		bbr_rig_round(rig, RATE * 7 / 5);
	cr_assert(ne(int, (int)rig->b->state, BBR_UP));
	return rig;
}

Test(cc_bbr_fall, growth_that_ends_with_a_queue_is_a_change_of_the_path)
{
	struct bbr_rig *rig = after_growth(0);

	cr_assert(ge(i64, rig->b->varied_at_ns, 1));
	/* Another flow may have paused, so the next probe makes no longer queue. */
	cr_assert(eq(i64, rudp_bbr_probe_bound_ns(rig->b), RTT_NS / 8));
}

/* A policer lets through what it has saved up, and then drops. */
Test(cc_bbr_fall, growth_that_ends_with_losses_is_none)
{
	struct bbr_rig *rig = after_growth((uint64_t)ROUND_PACKETS * DATAGRAM / 2);

	cr_assert(eq(i64, rig->b->varied_at_ns, 0));
	cr_assert(rig->b->prev_probe_too_high);
}
