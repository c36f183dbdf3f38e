/* SPDX-License-Identifier: MIT */
/* BBR beside who does not answer losses: how it finds out, what it does not yield then, what it does. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"

#define LONG_MS 4500  /* a queue stands from one PROBE_RTT to the next */
#define SHORT_MS 3000 /* it has drained before */
#define DIP_MS 500
#define QUEUE_NS (RTT_NS * 3 / 4)

/* Rounds of this RTT, for so long, as the account of losses hears of them. */
static void rounds(struct bbr *b, int64_t rtt_ns, int64_t ms)
{
	for (int64_t past_ns = 0; past_ns < ms * RUDP_NS_PER_MS; past_ns += rtt_ns) {
		b->now.started_at_ns += rtt_ns;
		b->last.rtt_min_ns = rtt_ns;
		b->last.rtt_samples = 10;
		rudp_bbr_look_for_unresponsive(b);
	}
}

static void stand_and_go(struct bbr *b, unsigned times, int64_t ms)
{
	for (unsigned i = 0; i < times; i++) {
		rounds(b, RTT_NS + QUEUE_NS, ms);
		rounds(b, RTT_NS, DIP_MS);
	}
}

Test(cc_bbr_unresponsive, queue_that_stands_from_probe_rtt_to_probe_rtt_is_of_an_unresponsive_flow)
{
	struct bbr *b = bbr_rig_cruising()->b;

	stand_and_go(b, BBR_UNRESPONSIVE_SIGNS - 1, LONG_MS);
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
	stand_and_go(b, 1, LONG_MS);
	cr_assert(rudp_bbr_is_beside_unresponsive(b));
}

Test(cc_bbr_unresponsive, queue_that_stands_and_never_goes_is_no_sign)
{
	struct bbr *b = bbr_rig_cruising()->b;

	rounds(b, RTT_NS + QUEUE_NS, 10 * LONG_MS);
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
}

Test(cc_bbr_unresponsive, queue_that_drains_within_seconds_is_somebodys_who_answers)
{
	struct bbr *b = bbr_rig_cruising()->b;

	stand_and_go(b, 20, SHORT_MS);
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
	stand_and_go(b, BBR_UNRESPONSIVE_SIGNS, LONG_MS);
	cr_assert(rudp_bbr_is_beside_unresponsive(b));
	stand_and_go(b, 1, SHORT_MS);
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
}

Test(cc_bbr_unresponsive, queue_of_less_than_half_a_round_trip_is_no_sign)
{
	struct bbr *b = bbr_rig_cruising()->b;

	for (int i = 0; i < 10; i++) {
		rounds(b, RTT_NS + RTT_NS / 2, LONG_MS);
		rounds(b, RTT_NS, DIP_MS);
	}
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
}

Test(cc_bbr_unresponsive, an_unresponsive_flow_is_forgotten_when_no_queue_comes_back)
{
	struct bbr *b = bbr_rig_cruising()->b;

	stand_and_go(b, BBR_UNRESPONSIVE_SIGNS_MAX, LONG_MS);
	rounds(b, RTT_NS, 4000);
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
	stand_and_go(b, 1, LONG_MS);
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
}

Test(cc_bbr_unresponsive, rounds_of_probe_rtt_end_no_queue)
{
	struct bbr *b = bbr_rig_cruising()->b;

	for (int i = 0; i < 10; i++) {
		b->state = BBR_CRUISE;
		rounds(b, RTT_NS + QUEUE_NS, SHORT_MS / 2);
		b->state = BBR_PROBE_RTT;
		rounds(b, RTT_NS, DIP_MS);
	}
	cr_assert(eq(int, b->unresponsive_signs, 0));
	b->state = BBR_CRUISE;
	rounds(b, RTT_NS, DIP_MS);
	cr_assert(eq(int, b->unresponsive_signs, 1));
}

Test(cc_bbr_unresponsive, few_milliseconds_are_no_queue_on_a_near_path)
{
	struct bbr *b = bbr_rig_cruising()->b;

	b->min_rtt_ns = RUDP_NS_PER_MS;
	for (int i = 0; i < 10; i++) {
		rounds(b, 5 * RUDP_NS_PER_MS, LONG_MS);
		rounds(b, RUDP_NS_PER_MS, DIP_MS);
	}
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
}

/* CUBIC keeps a queue of many round trips long through all its losses. */
Test(cc_bbr_unresponsive, deep_queue_of_anothers_is_no_sign)
{
	struct bbr *b = bbr_rig_cruising()->b;

	stand_and_go(b, BBR_UNRESPONSIVE_SIGNS_MAX, LONG_MS);
	rounds(b, RTT_NS + QUEUE_NS, LONG_MS);
	b->foreign = true;
	rounds(b, RTT_NS + QUEUE_NS, LONG_MS);
	cr_assert(not(rudp_bbr_is_beside_unresponsive(b)));
	b->foreign = false;
	rounds(b, RTT_NS, DIP_MS);
	cr_assert(eq(int, b->unresponsive_signs, 0));
}

/* Cruising where a queue stands, beside an unresponsive flow or another. */
static struct bbr_rig *cruising_beside(bool unresponsive)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = RTT_NS + QUEUE_NS;
	bbr_rig_round(rig, RATE / 2);
	rig->b->unresponsive_signs = unresponsive ? BBR_UNRESPONSIVE_SIGNS : 0;
	rudp_bbr_reset_shortterm(rig->b);
	return rig;
}

static void lose_once(struct bbr_rig *rig, uint32_t packets)
{
	bbr_rig_lose(rig, packets);
	bbr_rig_round(rig, RATE / 2);
	bbr_rig_round(rig, RATE / 2);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
}

Test(cc_bbr_unresponsive, losses_and_a_queue_take_nothing_beside_an_unresponsive_flow)
{
	struct bbr_rig *rig = cruising_beside(false);

	lose_once(rig, 40);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(lt(u64, rig->b->bw, RATE * 3 / 4));
	rig = cruising_beside(true);
	lose_once(rig, 40);
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(eq(u64, rig->b->bw, rig->b->max_bw));
}

Test(cc_bbr_unresponsive, more_than_a_tenth_lost_is_answered_beside_anybody)
{
	struct bbr_rig *rig = cruising_beside(true);

	lose_once(rig, 60);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(lt(u64, rig->b->bw, RATE * 3 / 4));
}

Test(cc_bbr_unresponsive, marks_are_answered_beside_anybody)
{
	struct bbr_rig *rig = cruising_beside(true);

	rig->marks = 1;
	bbr_rig_round(rig, RATE / 2);
	bbr_rig_round(rig, RATE / 2);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_unresponsive, no_room_is_left_for_who_would_take_it_anyway)
{
	struct bbr_rig *rig = cruising_beside(false);
	uint64_t longterm = ROUND_PACKETS * DATAGRAM;

	rig->b->inflight_longterm = longterm;
	bbr_rig_round(rig, RATE / 2);
	cr_assert(le(u64, rig->cc.cwnd_bytes, longterm * (100 - BBR_HEADROOM) / 100));
	rig = cruising_beside(true);
	rig->b->inflight_longterm = longterm;
	bbr_rig_round(rig, RATE / 2);
	bbr_rig_round(rig, RATE / 2);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, longterm));
}

/* How many rounds a probe goes on into a queue that grows with it. */
static int rounds_of_probe(uint64_t loss_peak_ppm)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	int rounds = 0;

	bbr_rig_until(rig, BBR_UP);
	rig->b->unresponsive_signs = BBR_UNRESPONSIVE_SIGNS;
	rig->b->queue_changed_at_ns = rig->now_at_ns;
	rig->b->loss_peak_ppm = loss_peak_ppm;
	rig->cwnd_limited = true;
	while (rig->b->state == BBR_UP && rounds < 10) {
		rig->rtt.latest_ns += RTT_NS / 8;
		bbr_rig_round(rig, RATE);
		rounds++;
	}
	return rounds;
}

Test(cc_bbr_unresponsive, probe_goes_on_into_its_queue_where_nothing_is_lost)
{
	int rounds = rounds_of_probe(BBR_LOSS_THRESH * 10000);

	cr_assert(le(int, rounds, 3));
	cr_assert(ge(int, rounds_of_probe(0), rounds + 2));
}
