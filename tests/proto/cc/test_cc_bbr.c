/* SPDX-License-Identifier: MIT */
/* BBR's model and states, one fact at a time. What becomes of it on a path: test_cc_paths.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"
#include "proto/cc/cc_pace.h"

Test(cc_bbr, paces_the_initial_window_over_the_initial_rtt)
{
	struct bbr_rig *rig = bbr_rig_new();

	cr_assert(eq(u64, rig->cc.cwnd_bytes, 38400));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, 38400 * 10 * 277 / 100));
	cr_assert(eq(u64, rig->cc.ssthresh_bytes, UINT64_MAX));
	cr_assert(eq(str, (char *)(uintptr_t)rig->cc.state_name, (char *)"startup"));
}

Test(cc_bbr, startup_paces_at_277_percent)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 277 * 99 / 10000));
	cr_assert(eq(u64, rig->cc.send_quantum_bytes, RATE * 277 * 99 / 10000 / 1000));
}

Test(cc_bbr, startup_ends_after_three_rounds_without_a_quarter_more)
{
	struct bbr_rig *rig = bbr_rig_new();

	for (uint64_t rate = RATE / 8; rate <= RATE; rate *= 2)
		bbr_rig_round(rig, rate);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	rig->inflight_bytes *= 2;
	bbr_rig_round(rig, RATE * 5 / 4 - 100000);
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_DRAIN));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, rig->b->bw * 50 * 99 / 10000));
}

Test(cc_bbr, startup_holds_at_eight_late_samples_in_a_row)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 8);
	bbr_rig_round(rig, RATE / 4);
	rig->next += ROUND_PACKETS;
	for (int i = 0; i < 32; i++) {
		/* Every eighth packet was lucky: the others have waited for something else. */
		rig->rtt.latest_ns = i % 8 == 7 ? RTT_NS : 2 * RTT_NS;
		bbr_rig_ack(rig, 1, RATE / 2);
	}
	cr_assert(eq(int, rig->b->holding, 0));
	rig->rtt.latest_ns = 2 * RTT_NS;
	for (int i = 0; i < 16; i++)
		bbr_rig_ack(rig, 1, RATE / 2);
	cr_assert(eq(int, rig->b->holding, 1));
}

Test(cc_bbr, application_limited_rounds_do_not_end_startup)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->app_limited = true;
	for (int i = 0; i < 20; i++)
		bbr_rig_round(rig, RATE / 10);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(eq(u64, rig->b->max_bw, RATE / 10));
}

Test(cc_bbr, application_limited_sample_counts_only_if_larger)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->app_limited = true;
	bbr_rig_round(rig, RATE / 2);
	cr_assert(eq(u64, rig->b->max_bw, RATE));
	bbr_rig_round(rig, RATE * 2);
	cr_assert(eq(u64, rig->b->max_bw, RATE * 2));
}

Test(cc_bbr, startup_holds_at_a_delay_and_ends_if_it_stays)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 8);
	rig->rtt.latest_ns = RTT_NS + RTT_NS / 8 + 1;
	bbr_rig_round(rig, RATE / 4);
	cr_assert(eq(int, rig->b->holding, 1));
	/* What is in flight beyond the bandwidth measured so far drains as fast as the link is. */
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, rig->b->bw * 99 / 100));
	cr_assert(eq(u64, rig->cc.cwnd_bytes, rudp_cc_bytes_in(rig->b->bw, RTT_NS)));
	bbr_rig_round(rig, RATE);
	bbr_rig_round(rig, RATE);
	cr_assert(ne(int, (int)rig->b->state, BBR_STARTUP));
}

Test(cc_bbr, startup_goes_on_if_the_delay_was_jitter)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 8);
	bbr_rig_round(rig, RATE / 4);
	rig->next += ROUND_PACKETS;
	rig->rtt.latest_ns = 2 * RTT_NS;
	for (int i = 0; i < 16; i++)
		bbr_rig_ack(rig, 1, RATE / 2);
	cr_assert(eq(int, rig->b->holding, 1));
	rig->rtt.latest_ns = RTT_NS;
	for (int i = 0; i < 16; i++)
		bbr_rig_ack(rig, 1, RATE / 2);
	bbr_rig_ack(rig, ROUND_PACKETS - 32, RATE / 2);
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, rig->b->holding, 0));
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
}

Test(cc_bbr, cycle_goes_through_its_phases_with_their_gains)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE));
	bbr_rig_until(rig, BBR_REFILL);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE));
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 125 / 100));
	rig->inflight_bytes += DATAGRAM;
	bbr_rig_until(rig, BBR_DOWN);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 90 / 100));
	rig->inflight_bytes -= DATAGRAM;
	bbr_rig_until(rig, BBR_CRUISE);
}

Test(cc_bbr, pace_is_a_hundredth_below_the_bandwidth_on_short_paths)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	cr_assert(rig->b->up_alone);
	rig->b->min_rtt_ns = 32 * RUDP_NS_PER_MS;
	rudp_bbr_set_pacing_with_gain(&rig->cc, 100);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE));
	rig->b->min_rtt_ns -= BBR_DELAY_DIVISOR;
	rudp_bbr_set_pacing_with_gain(&rig->cc, 100);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 99 / 100));
}

Test(cc_bbr, pace_is_a_hundredth_below_the_bandwidth_beside_others)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	cr_assert(rig->b->up_alone);
	rig->b->up_alone = false;
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 99 / 100));
}

/* DOWN's percentage of the bandwidth, where a probe has left so much more in flight than a BDP. */
static uint64_t down_gain(int64_t queue_before_ns, uint32_t excess_percent)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = RTT_NS + queue_before_ns;
	bbr_rig_until(rig, BBR_UP);
	rig->rtt.latest_ns += 20 * RUDP_NS_PER_MS;
	rig->inflight_bytes += rig->inflight_bytes / 100 * excess_percent;
	bbr_rig_until(rig, BBR_DOWN);
	return bbr_rig_gain(rig);
}

Test(cc_bbr, down_empties_its_own_queue_in_a_round_trip)
{
	cr_assert(eq(u64, down_gain(0, 5), 90));
	cr_assert(eq(u64, down_gain(0, 30), 70));
	cr_assert(eq(u64, down_gain(0, 100), 50));
}

Test(cc_bbr, down_gives_a_tenth_where_others_stand_in_the_queue)
{
	cr_assert(eq(u64, down_gain(7 * RUDP_NS_PER_MS, 30), 90));
}

Test(cc_bbr, down_ends_after_four_rounds_beside_a_queue_that_stays)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	bbr_rig_until(rig, BBR_UP);
	rig->rtt.latest_ns += 20 * RUDP_NS_PER_MS;
	rig->inflight_bytes += rig->inflight_bytes / 100 * 40;
	bbr_rig_until(rig, BBR_DOWN);
	while (rig->b->phase_rounds < BBR_DOWN_ROUNDS_MAX - 1) {
		bbr_rig_round(rig, RATE);
		cr_assert(eq(int, (int)rig->b->state, BBR_DOWN));
	}
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
}

Test(cc_bbr, probes_within_two_to_three_seconds)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	for (int i = 0; i < 10; i++) {
		int64_t start = rig->b->cycle_at_ns;

		bbr_rig_until(rig, BBR_REFILL);
		/* 62 rounds at 50 ms, Reno's time, are 3.1 s: the clock decides. */
		cr_assert(ge(i64, rig->now_at_ns - start, 2 * RUDP_NS_PER_S));
		cr_assert(le(i64, rig->now_at_ns - start, 3 * RUDP_NS_PER_S + 2 * RTT_NS));
		bbr_rig_until(rig, BBR_CRUISE);
	}
}

Test(cc_bbr, cwnd_is_two_bdp)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t bdp = RATE / 20;

	for (int i = 0; i < 12 && rig->b->state == BBR_CRUISE; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(ge(u64, rig->cc.cwnd_bytes, 2 * bdp));
	cr_assert(le(u64, rig->cc.cwnd_bytes, 2 * bdp + rudp_bbr_extra_acked(rig->b)));
}

Test(cc_bbr, bandwidth_is_remembered_for_two_probe_cycles)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t first = rig->b->max_bw;

	for (int cycle = 0; cycle < 2; cycle++) {
		cr_assert(eq(u64, rig->b->max_bw, first));
		while (rig->b->state != BBR_UP)
			bbr_rig_round(rig, RATE / 2);
		while (rig->b->state != BBR_CRUISE)
			bbr_rig_round(rig, RATE / 2);
		bbr_rig_round(rig, RATE / 2);
	}
	cr_assert(eq(u64, rig->b->max_bw, RATE / 2));
}

Test(cc_bbr, probe_rtt_comes_after_five_seconds_without_the_minimum)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	int64_t start = rig->now_at_ns;
	uint64_t bdp;

	rig->rtt.latest_ns = RTT_NS + RTT_NS / 16;
	while (rig->b->state != BBR_PROBE_RTT && rig->now_at_ns < start + 20 * RUDP_NS_PER_S)
		bbr_rig_round(rig, RATE);
	cr_assert(ge(i64, rig->now_at_ns - start, 4900 * RUDP_NS_PER_MS));
	cr_assert(le(i64, rig->now_at_ns - start, 5200 * RUDP_NS_PER_MS));
	bdp = rudp_cc_bytes_in(rig->b->bw, rig->b->min_rtt_ns);
	cr_assert(le(u64, rig->cc.cwnd_bytes, bdp / 2));
	cr_assert(ge(u64, rig->cc.cwnd_bytes, bdp / 2 - 1));
	/* The window comes back once half a BDP has been in flight for 200 ms and a round. */
	rig->inflight_bytes = bdp / 2 - DATAGRAM;
	start = rig->now_at_ns;
	while (rig->b->state == BBR_PROBE_RTT)
		bbr_rig_round(rig, RATE / 2);
	cr_assert(ge(i64, rig->now_at_ns - start, 200 * RUDP_NS_PER_MS));
	cr_assert(le(i64, rig->now_at_ns - start, 400 * RUDP_NS_PER_MS));
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(ge(u64, rig->cc.cwnd_bytes, bdp));
	cr_assert(eq(u64, rig->b->max_bw, RATE));
}

Test(cc_bbr, round_trips_at_the_minimum_put_probe_rtt_off_for_thirty_seconds)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	int64_t start = rig->now_at_ns;

	rig->rtt.latest_ns = RTT_NS + RTT_NS / 64;
	while (rig->b->state != BBR_PROBE_RTT && rig->now_at_ns < start + 60 * RUDP_NS_PER_S)
		bbr_rig_round(rig, RATE);
	cr_assert(ge(i64, rig->now_at_ns - start, 29 * RUDP_NS_PER_S));
	cr_assert(le(i64, rig->now_at_ns - start, 36 * RUDP_NS_PER_S));
	/* The worse samples have not raised the minimum meanwhile. */
	cr_assert(le(i64, rig->b->min_rtt_ns, RTT_NS + RTT_NS / 64));
}

Test(cc_bbr, min_rtt_rises_after_ten_seconds)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	int64_t start = rig->now_at_ns;

	rig->rtt.latest_ns = 2 * RTT_NS;
	while (rig->now_at_ns < start + 9 * RUDP_NS_PER_S)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(i64, rig->b->min_rtt_ns, RTT_NS));
	while (rig->now_at_ns < start + 11 * RUDP_NS_PER_S)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(i64, rig->b->min_rtt_ns, 2 * RTT_NS));
}

/* Through the next PROBE_RTT, with half a BDP in flight. */
static void go_through_probe_rtt(struct bbr_rig *rig)
{
	uint64_t inflight = rig->inflight_bytes;

	for (int i = 0; i < 4000 && rig->b->state != BBR_PROBE_RTT; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_PROBE_RTT));
	rig->inflight_bytes = 4 * DATAGRAM;
	for (int i = 0; i < 40 && rig->b->state == BBR_PROBE_RTT; i++)
		bbr_rig_round(rig, RATE / 2);
	cr_assert(ne(int, (int)rig->b->state, BBR_PROBE_RTT));
	rig->inflight_bytes = inflight;
}

/* A queue that is not still: longer while it is not looked for, and so long when it is. */
static void go_through_probe_rtt_of(struct bbr_rig *rig, int64_t rtt_ns)
{
	uint64_t inflight = rig->inflight_bytes;

	rig->rtt.latest_ns = rtt_ns + rtt_ns / 4;
	for (int i = 0; i < 4000 && rig->b->state != BBR_PROBE_RTT; i++)
		bbr_rig_round(rig, RATE);
	rig->rtt.latest_ns = rtt_ns;
	rig->inflight_bytes = 4 * DATAGRAM;
	for (int i = 0; i < 40 && rig->b->state == BBR_PROBE_RTT; i++)
		bbr_rig_round(rig, RATE / 2);
	cr_assert(ne(int, (int)rig->b->state, BBR_PROBE_RTT));
	rig->inflight_bytes = inflight;
}

Test(cc_bbr, deep_queue_that_stands_in_probe_rtt_is_anothers)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = 3 * RTT_NS;
	cr_assert(not(rig->b->foreign));
	go_through_probe_rtt(rig);
	cr_assert(rig->b->foreign);
	/* At once, not after ten seconds: the window is made for this queue. */
	cr_assert(eq(i64, rig->b->min_rtt_ns, 3 * RTT_NS));
	rig->rtt.latest_ns = RTT_NS + RTT_NS / 2;
	bbr_rig_round(rig, RATE);
	cr_assert(rig->b->foreign);
	rig->rtt.latest_ns--;
	bbr_rig_round(rig, RATE);
	cr_assert(not(rig->b->foreign));
}

Test(cc_bbr, queue_that_has_always_stood_is_foreign_if_the_path_is_known_without_it)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	go_through_probe_rtt_of(rig, RTT_NS);
	cr_assert(not(rig->b->foreign));
	rig->cc.ops->expect_rtt(&rig->cc, RTT_NS / 3);
	go_through_probe_rtt_of(rig, RTT_NS);
	cr_assert(rig->b->foreign);
	/* What is no shorter than it has seen itself says nothing. */
	rig->cc.ops->expect_rtt(&rig->cc, RTT_NS);
	cr_assert(eq(i64, rig->b->base_rtt_ns, RTT_NS / 3));
}

/* PROBE_RTT was put off, for as long as may be, by round trips as short as the shortest. */
Test(cc_bbr, steady_round_trip_is_the_paths_whatever_was_known)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	struct rudp_cc_measured measured;
	int64_t until_ns = rig->now_at_ns + BBR_PROBE_RTT_INTERVAL_NS_MAX + 5 * RUDP_NS_PER_S;

	rig->cc.ops->expect_rtt(&rig->cc, RTT_NS / 3);
	while (rig->b->state != BBR_PROBE_RTT && rig->now_at_ns < until_ns) {
		cr_assert(not(rig->b->foreign));
		bbr_rig_round(rig, RATE);
	}
	rig->inflight_bytes = 0;
	for (int i = 0; i < 20 && rig->b->state == BBR_PROBE_RTT; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(not(rig->b->foreign));
	cr_assert(eq(i64, rig->b->base_rtt_ns, RTT_NS));
	cr_assert(rig->cc.ops->measured(&rig->cc, &measured));
	cr_assert(measured.is_longer);
}

Test(cc_bbr, queue_of_a_round_trip_is_not_deep)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = 2 * RTT_NS;
	go_through_probe_rtt(rig);
	cr_assert(not(rig->b->foreign));
	cr_assert(eq(i64, rig->b->min_rtt_ns, RTT_NS));
}

Test(cc_bbr, nothing_settles_beside_a_foreign_queue)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = 3 * RTT_NS;
	go_through_probe_rtt(rig);
	rig->rtt.latest_ns = 4 * RTT_NS;
	for (int i = 0; i < 4; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(eq(u64, rig->b->bw_shortterm, BBR_INFINITE));
	rig->b->foreign = false;
	rig->b->standing_cycles = 0;
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(lt(u64, rig->b->bw_shortterm, BBR_INFINITE));
}

/* The bandwidth that CRUISE settles at, where rounds with this RTT bring all that is sent. */
static uint64_t settled_bw(int64_t rtt_ns)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = rtt_ns;
	for (int i = 0; i < 3; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	return rig->b->bw_shortterm * (uint64_t)rtt_ns / (uint64_t)RTT_NS;
}

Test(cc_bbr, long_queue_in_cruise_takes_five_percent_of_what_is_delivered)
{
	/* Two eighths of 50 ms are 12.5 ms. */
	uint64_t before = settled_bw(RTT_NS + 12 * RUDP_NS_PER_MS);
	uint64_t after = settled_bw(RTT_NS + 13 * RUDP_NS_PER_MS);

	cr_assert(ge(u64, after, before / 100 * 94));
	cr_assert(le(u64, after, before / 100 * 96));
}

Test(cc_bbr, path_that_has_become_longer_is_no_queue)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	for (int i = 0; i < BBR_FOREIGN_SAME_MAX; i++) {
		go_through_probe_rtt_of(rig, 3 * RTT_NS);
		cr_assert(rig->b->foreign);
	}
	go_through_probe_rtt_of(rig, 3 * RTT_NS);
	cr_assert(not(rig->b->foreign));
	cr_assert(eq(i64, rig->b->base_rtt_ns, 3 * RTT_NS));
	/* A queue on it is one of three times its round trip. */
	rig->rtt.latest_ns = 7 * RTT_NS;
	go_through_probe_rtt(rig);
	cr_assert(rig->b->foreign);
}

Test(cc_bbr, restart_from_idle_paces_at_the_bandwidth)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	bbr_rig_until(rig, BBR_UP);
	rig->cc.ops->on_idle_restart(&rig->cc, rig->now_at_ns + RUDP_NS_PER_S);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE));
}

Test(cc_bbr, idle_time_counts_as_probe_rtt)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->now_at_ns += 20 * RUDP_NS_PER_S;
	rig->cc.ops->on_idle_restart(&rig->cc, rig->now_at_ns);
	bbr_rig_round(rig, RATE);
	cr_assert(ne(int, (int)rig->b->state, BBR_PROBE_RTT));
}

Test(cc_bbr, aggregation_widens_the_window)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t before = rudp_bbr_extra_acked(rig->b);

	rig->next += 2 * ROUND_PACKETS;
	bbr_rig_ack(rig, ROUND_PACKETS, RATE);
	rig->now_at_ns += RUDP_NS_PER_MS;
	bbr_rig_ack(rig, ROUND_PACKETS, RATE);
	cr_assert(lt(u64, before, rudp_bbr_extra_acked(rig->b)));
	cr_assert(le(u64, rudp_bbr_extra_acked(rig->b), rig->cc.cwnd_bytes));
}

Test(cc_bbr, larger_datagrams_raise_the_floor)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->cc.ops->on_mtu(&rig->cc, 12000);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 48000));
	cr_assert(eq(u64, rig->cc.send_quantum_bytes, 24000));
}

Test(cc_bbr, delay_of_an_idle_application_does_not_end_startup)
{
	struct bbr_rig *rig = bbr_rig_new();
	uint64_t pacing;

	bbr_rig_ack(rig, 1, RATE / 100);
	pacing = rig->cc.pacing_bytes_per_s;
	rig->app_limited = true;
	rig->inflight_bytes = 2 * DATAGRAM;
	rig->rtt.latest_ns = RTT_NS * 3 / 2; /* the receiver's ACK waits for a second packet */
	for (int i = 0; i < 20; i++)
		bbr_rig_round(rig, RATE / 1000);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(not(rig->b->full_bw_reached));
	cr_assert(ge(u64, rig->cc.pacing_bytes_per_s, pacing));
}
