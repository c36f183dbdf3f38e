/* SPDX-License-Identifier: MIT */
/* When BBR takes a loss for congestion, and how it reacts then. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"

Test(cc_bbr_loss, startup_ignores_loss_without_evidence)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 16);
	for (uint64_t rate = RATE / 8; rate < RATE; rate *= 2) {
		bbr_rig_lose(rig, 50); /* 10 % lost */
		bbr_rig_round(rig, rate);
	}
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

/* The delay is known as jitter, so it does not make the losses congestion. */
Test(cc_bbr_loss, startup_ignores_loss_with_a_delay_that_is_jitter)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 16);
	rig->rtt.latest_ns = RTT_NS * 3 / 2;
	rig->b->startup_base_ns = rig->rtt.latest_ns;
	for (uint64_t rate = RATE / 8; rate < RATE; rate *= 2) {
		bbr_rig_lose(rig, 50);
		bbr_rig_round(rig, rate);
	}
	cr_assert(rudp_bbr_is_queue_evident(rig->b));
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr_loss, startup_ends_by_heavy_loss)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 2);
	bbr_rig_lose(rig, 200);
	bbr_rig_round(rig, RATE);
	bbr_rig_lose(rig, 200);
	bbr_rig_round(rig, RATE);
	bbr_rig_round(rig, RATE);
	cr_assert(ne(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(ge(u64, rig->b->inflight_longterm, RATE / 20));
	cr_assert(lt(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

/* A radio link that gives up for a moment, not a full queue: that loses a packet here and there. */
Test(cc_bbr_loss, startup_goes_on_after_a_burst_of_losses)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 16);
	for (uint64_t rate = RATE / 8; rate < RATE; rate *= 2) {
		bbr_rig_lose_run(rig, 200);
		bbr_rig_round(rig, rate);
	}
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
}

Test(cc_bbr_loss, loss_without_evidence_sets_no_bound)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	for (int i = 0; i < 20; i++) {
		bbr_rig_lose(rig, 15);
		bbr_rig_round(rig, RATE * 97 / 100);
	}
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
	/*
	 * A short test whether the losses stop at a lower rate may reduce it once, by what is lost.
	 */
	cr_assert(ge(u64, rig->b->bw, RATE * 95 / 100));
}

Test(cc_bbr_loss, loss_with_a_queue_sets_the_shortterm_bounds)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = RTT_NS * 3 / 2;
	bbr_rig_round(rig, RATE / 2);
	bbr_rig_lose(rig, 5);
	bbr_rig_round(rig, RATE / 2);
	bbr_rig_round(rig, RATE / 2);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(le(u64, rig->b->bw, RATE * 70 / 100));
	cr_assert(ge(u64, rig->b->bw, RATE * 49 / 100));
}

Test(cc_bbr_loss, heavy_loss_needs_no_queue)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	for (int i = 0; i < 3; i++) {
		bbr_rig_lose(rig, 200);
		bbr_rig_round(rig, RATE / 2);
	}
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

/* Rounds of five packets, of which lost are lost: each round is too small to judge. */
static void small_rounds(struct bbr_rig *rig, unsigned count, unsigned lost)
{
	uint64_t rate = rig->b->bw;

	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0; k < 5; k++)
			rig->cc.ops->on_sent(&rig->cc, rig->next++, DATAGRAM, 5 * DATAGRAM,
					     rig->now_at_ns);
		rig->now_at_ns += RTT_NS;
		if (lost > 0)
			bbr_rig_lose(rig, lost);
		rig->lost_bytes = lost * DATAGRAM;
		rig->acked = rig->next - (5 - lost);
		bbr_rig_ack(rig, 5 - lost, rate);
	}
}

/* Cruising with a window of five, without data of the large rounds before. */
static struct bbr_rig *cruising_small(void)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->inflight_bytes = 5 * DATAGRAM;
	small_rounds(rig, 3, 0);
	rig->b->probe_wait_ns = 1000 * RUDP_NS_PER_S;
	rig->b->rounds_since_probe = 0;
	return rig;
}

Test(cc_bbr_loss, heavy_loss_of_many_small_rounds_is_evidence)
{
	struct bbr_rig *rig = cruising_small();

	small_rounds(rig, 8, 2);
	/* sixteen packets: still chance */
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	small_rounds(rig, 22, 2);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_loss, loss_of_a_fifth_in_small_rounds_is_none)
{
	struct bbr_rig *rig = cruising_small();

	small_rounds(rig, 40, 1);
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_loss, heavy_loss_of_small_rounds_is_forgotten)
{
	struct bbr_rig *rig = cruising_small();

	small_rounds(rig, 30, 2);
	small_rounds(rig, 60, 0);
	rudp_bbr_reset_shortterm(rig->b);
	small_rounds(rig, 3, 2);
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_loss, heavy_loss_of_small_rounds_ends_a_probe)
{
	struct bbr_rig *rig = cruising_small();

	small_rounds(rig, 30, 2);
	rudp_bbr_start_refill(&rig->cc);
	small_rounds(rig, 4, 2);
	cr_assert(ne(int, (int)rig->b->state, BBR_REFILL));
	cr_assert(ne(int, (int)rig->b->state, BBR_UP));
	cr_assert(lt(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr_loss, probe_that_loses_with_a_queue_sets_the_longterm_bound)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	bbr_rig_until(rig, BBR_UP);
	rig->rtt.latest_ns = RTT_NS * 3 / 2;
	rig->lost_bytes = 15 * DATAGRAM; /* 3 % of the bytes in flight */
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_DOWN));
	cr_assert(eq(u64, rig->b->inflight_longterm, ROUND_PACKETS * DATAGRAM));
	cr_assert(eq(u64, rig->cc.ssthresh_bytes, rig->b->inflight_longterm));
	cr_assert(eq(u64, rudp_bbr_with_headroom(&rig->cc), ROUND_PACKETS * DATAGRAM * 85 / 100));
}

Test(cc_bbr_loss, probe_held_by_the_longterm_bound_that_meets_a_queue_forgets_it)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	/* The packets that show the queue were sent with slightly less in flight than the bound. */
	rig->b->inflight_longterm = (ROUND_PACKETS + 2) * DATAGRAM;
	bbr_rig_until(rig, BBR_UP);
	rig->cwnd_limited = true;
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(lt(u64, rig->b->inflight_longterm, BBR_INFINITE));
	rig->cwnd_limited = false;
	rig->rtt.latest_ns = RTT_NS * 3 / 2;
	for (int i = 0; i < 3 && rig->b->state == BBR_UP; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(ne(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr_loss, settling_leaves_room_for_the_losses_of_the_path)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->b->base_loss_ppm = rig->b->loss_ppm = 30000;
	rig->rtt.latest_ns = RTT_NS * 5 / 4; /* a queue, at a delivered rate of 9.6 MB/s */
	for (int i = 0; i < 4; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	/* Three rounds without loss have lowered the average to two thirds. */
	cr_assert(ge(u64, rig->b->bw_shortterm, 9700001));
	cr_assert(lt(u64, rig->b->bw_shortterm, 9900000));
}

Test(cc_bbr_loss, probe_that_loses_without_a_queue_goes_on)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	bbr_rig_until(rig, BBR_UP);
	rig->lost_bytes = 45 * DATAGRAM; /* 9 % lost */
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr_loss, spurious_loss_returns_the_probe_and_the_bound)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	struct rudp_cc_spurious spurious = {.packets = 110, .bytes = 110 * DATAGRAM};

	bbr_rig_until(rig, BBR_UP);
	rig->lost_bytes = 110 * DATAGRAM;
	spurious.largest_number = rig->acked;
	bbr_rig_lose(rig, 110);
	bbr_rig_round(rig, RATE);
	cr_assert(lt(u64, rig->b->inflight_longterm, BBR_INFINITE));
	rig->cc.ops->on_spurious(&rig->cc, &spurious);
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
	cr_assert(eq(int, (int)rig->b->state, BBR_REFILL));
}

Test(cc_bbr_loss, persistent_congestion_leaves_four_datagrams)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	struct rudp_cc_loss loss = {.lost_bytes = DATAGRAM,
				    .lost_packets = 1,
				    .now_at_ns = rig->now_at_ns,
				    .next_number = rig->next,
				    .rtt = &rig->rtt,
				    .persistent_congestion = true};

	rig->cc.ops->on_loss(&rig->cc, &loss);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 4 * DATAGRAM));
	/* The window grows by the acknowledged bytes, back to what the model allows. */
	rig->next += 4;
	bbr_rig_ack(rig, 4, RATE);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 8 * DATAGRAM));
}

static void lossy_rounds(struct bbr_rig *rig, unsigned rounds, uint32_t lost, uint64_t rate)
{
	for (unsigned i = 0; i < rounds; i++) {
		if (lost > 0)
			bbr_rig_lose(rig, lost);
		bbr_rig_round(rig, rate);
	}
}

/*
 * Rounds in CRUISE at seven tenths of the bandwidth, which lose packets each and last rtt_ns. The
 * rate before had losses of 3 %.
 */
static struct bbr_rig *lowered(uint32_t lost, int64_t rtt_ns, unsigned rounds)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	lossy_rounds(rig, 12, ROUND_PACKETS * 3 / 100, RATE); /* an average over eight rounds */
	rig->b->bw_shortterm = rig->b->max_bw / 10 * 7;
	rig->rtt.latest_ns = rtt_ns;
	lossy_rounds(rig, rounds, lost, RATE * 7 / 10);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	return rig;
}

static uint64_t bw_percent(const struct bbr_rig *rig)
{
	return rig->b->bw * 100 / rig->b->max_bw;
}

static uint64_t after_lowering(uint32_t lost, int64_t rtt_ns, unsigned rounds)
{
	return bw_percent(lowered(lost, rtt_ns, rounds));
}

Test(cc_bbr_loss, cruise_sends_in_addition_what_the_path_loses)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->b->base_loss_ppm = rig->b->loss_ppm = 100000;
	lossy_rounds(rig, 2, ROUND_PACKETS / 10, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(ge(u64, bw_percent(rig), 110));
	for (int i = 0; i < 100 && rig->b->state != BBR_UP; i++)
		lossy_rounds(rig, 1, ROUND_PACKETS / 10, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, bw_percent(rig), 100));
}

Test(cc_bbr_loss, bandwidth_returns_if_the_losses_stay_at_a_lowered_rate)
{
	cr_assert(eq(u64, after_lowering(10, RTT_NS, BBR_LOWERED_ROUNDS - 1), 70));
	cr_assert(ge(u64, after_lowering(10, RTT_NS, BBR_LOWERED_ROUNDS + 1), BBR_ALONE_LEAST - 1));
}

Test(cc_bbr_loss, bandwidth_does_not_return_if_the_losses_have_stopped)
{
	cr_assert(eq(u64, after_lowering(0, RTT_NS, BBR_LOWERED_ROUNDS + 10), 70));
	cr_assert(eq(u64, after_lowering(3, RTT_NS, BBR_LOWERED_ROUNDS + 10), 70));
}

Test(cc_bbr_loss, bandwidth_does_not_return_while_there_is_a_queue)
{
	cr_assert(le(u64, after_lowering(10, RTT_NS * 3 / 2, BBR_LOWERED_ROUNDS + 10), 70));
}

Test(cc_bbr_loss, losses_at_the_rate_that_returned_are_not_those_of_a_lowered_rate)
{
	struct bbr_rig *rig = lowered(10, RTT_NS, BBR_LOWERED_ROUNDS + 1);

	lossy_rounds(rig, 2, 10, RATE);
	cr_assert(eq(u8, rig->b->lowered_rounds, 0));
	rig->b->bw_shortterm = rig->b->max_bw / 10 * 7;
	lossy_rounds(rig, 2, 10, RATE * 7 / 10);
	cr_assert(eq(u64, bw_percent(rig), 70));
}

Test(cc_bbr_loss, losses_at_a_lowered_rate_are_forgotten_with_the_next_probe)
{
	struct bbr_rig *rig = lowered(3, RTT_NS, BBR_LOWERED_ROUNDS + 1);

	cr_assert(ge(u8, rig->b->lowered_rounds, 1));
	rudp_bbr_start_refill(&rig->cc);
	bbr_rig_until(rig, BBR_UP);
	rudp_bbr_start_down(&rig->cc, rig->now_at_ns);
	cr_assert(eq(u8, rig->b->lowered_rounds, 0));
	cr_assert(eq(u32, rig->b->counted_sent, 0));
}

Test(cc_bbr_loss, rate_that_returned_and_loses_settles_again)
{
	struct bbr_rig *rig = lowered(10, RTT_NS, 0);

	cr_assert(rig->b->settled);
	for (int i = 0; i <= BBR_LOWERED_ROUNDS && rig->b->settled; i++)
		lossy_rounds(rig, 1, 10, RATE * 7 / 10);
	cr_assert(not(rig->b->settled));
	cr_assert(ge(u64, bw_percent(rig), BBR_ALONE_LEAST - 1));
	lossy_rounds(rig, 6, ROUND_PACKETS * 15 / 100, RATE);
	cr_assert(rig->b->settled);
}

/* A probe whose packets are dropped by a policer, or by a radio link in one burst. */
static void lose_in_probe(struct bbr_rig *rig, void (*lose)(struct bbr_rig *rig, uint32_t packets))
{
	bbr_rig_until(rig, BBR_UP);
	lose(rig, ROUND_PACKETS / 6);
	bbr_rig_round(rig, RATE);
}

Test(cc_bbr_loss, a_policer_ends_a_probe_without_a_bound)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	lose_in_probe(rig, bbr_rig_lose);
	cr_assert(ne(int, (int)rig->b->state, BBR_UP));
	cr_assert(rig->b->policed);
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr_loss, a_burst_is_no_policer)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	lose_in_probe(rig, bbr_rig_lose_run);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(not(rig->b->policed));
}

/* The rounds until the next probe on a path of ten packets. */
static unsigned rounds_to_probe(bool policed)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	unsigned rounds = 0;

	rig->b->policed = policed;
	while (rig->b->state == BBR_CRUISE && rounds < 200) {
		rig->b->bw_shortterm = RATE / 50;
		bbr_rig_round(rig, RATE / 50);
		rounds++;
	}
	return rounds;
}

Test(cc_bbr_loss, a_policer_is_not_probed_as_often_as_reno_would)
{
	cr_assert(le(uint, rounds_to_probe(false), 15));
	cr_assert(ge(uint, rounds_to_probe(true), (unsigned)(BBR_PROBE_WAIT_NS / RTT_NS) - 5));
}
