/* SPDX-License-Identifier: MIT */
/* BBR and ECN marks: with a queue they are losses, without one their share counts. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"
#include "proto/cc/cc_pace.h"

#define MS(n) ((n)*RUDP_NS_PER_MS)
#define PPM 1000000u

/* Rounds in which so many packets of each piece of 50 are marked. */
static void mark_rounds(struct bbr_rig *rig, unsigned count, uint64_t marks)
{
	rig->marks = marks;
	for (unsigned i = 0; i < count; i++)
		bbr_rig_round(rig, RATE);
}

Test(cc_bbr_marks, with_a_queue_they_are_losses)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = RTT_NS + MS(5);
	bbr_rig_round(rig, RATE);
	mark_rounds(rig, 2, 1);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(eq(u32, rig->b->shallow_ppm, 0));
}

/* Nine of ten packets wait for 10 ms, which eight samples take for a queue. */
Test(cc_bbr_marks, with_jitter_they_are_no_losses)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	for (unsigned i = 0; i < ROUND_PACKETS - PIECE_PACKETS; i++)
		rig->cc.ops->on_sent(&rig->cc, rig->next++, DATAGRAM, rig->inflight_bytes,
				     rig->now_at_ns);
	for (unsigned i = 0; i < 3; i++) {
		rig->marks = 1;
		bbr_rig_piece(rig, PIECE_PACKETS, RTT_NS + MS(10));
		rig->marks = 0;
		bbr_rig_piece(rig, PIECE_PACKETS, RTT_NS);
		rig->marks = 1;
		bbr_rig_pieces(rig, 8, PIECE_PACKETS, RTT_NS + MS(10));
	}
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(ge(u32, rig->b->shallow_ppm, 1));
}

Test(cc_bbr_marks, without_a_queue_the_rate_falls_by_half_of_their_share)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t before = rig->b->bw;

	mark_rounds(rig, 2, PIECE_PACKETS / 5);
	cr_assert(lt(u64, rig->b->bw, before));
	cr_assert(ge(u64, rig->b->bw, before / 100 * 95));
	/* A fifth of the packets, averaged over many rounds; one round lags behind. */
	mark_rounds(rig, 20, PIECE_PACKETS / 5);
	cr_assert(ge(u32, rig->b->shallow_ppm, PPM / 10));
	cr_assert(le(u32, rig->b->shallow_ppm, PPM / 5));
	cr_assert(le(u64, rig->b->bw, RATE / 100 * 95));
	cr_assert(ge(u64, rig->b->bw, RATE / 100 * 89));
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr_marks, without_marks_the_rate_grows_by_a_datagram_in_an_rtt)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t before;

	mark_rounds(rig, 20, PIECE_PACKETS / 5);
	mark_rounds(rig, 1, 0); /* a round ends with the first ACK of the next one */
	before = rig->b->bw;
	mark_rounds(rig, 3, 0);
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(eq(u64, rig->b->bw, before + 3 * rudp_cc_rate(DATAGRAM, RTT_NS)));
	mark_rounds(rig, 1, PIECE_PACKETS / 5);
	before = rig->b->bw;
	mark_rounds(rig, 1, PIECE_PACKETS / 5);
	cr_assert(le(u64, rig->b->bw, before));
}

Test(cc_bbr_marks, more_marks_than_packets_are_all_of_them)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	mark_rounds(rig, 60, UINT64_C(1) << 31);
	cr_assert(le(u32, rig->b->shallow_ppm, PPM));
	cr_assert(ge(u64, rig->b->bw, RATE / 2));
}

Test(cc_bbr_marks, their_share_is_forgotten)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	mark_rounds(rig, 20, PIECE_PACKETS);
	cr_assert(ge(u32, rig->b->shallow_ppm, PPM / 2));
	mark_rounds(rig, 250, 0);
	cr_assert(eq(u32, rig->b->shallow_ppm, 0));
}

Test(cc_bbr_marks, bursts_become_a_quarter)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t before = rig->cc.send_quantum_bytes;

	cr_assert(eq(u64, before, rudp_cc_bytes_in(rig->cc.pacing_bytes_per_s, MS(1))));
	mark_rounds(rig, 2, 1);
	cr_assert(eq(u64, rig->cc.send_quantum_bytes,
		     rudp_cc_bytes_in(rig->cc.pacing_bytes_per_s, MS(1) / 4)));
}

Test(cc_bbr_marks, a_slow_sender_sends_packets_one_by_one)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->cc.pacing_bytes_per_s = RATE / 10;
	cr_assert(eq(u64, rudp_bbr_quantum_bytes(&rig->cc), 2 * DATAGRAM));
	rig->b->shallow_ppm = 1;
	cr_assert(eq(u64, rudp_bbr_quantum_bytes(&rig->cc), DATAGRAM));
}

static void send_train(struct bbr_rig *rig)
{
	for (unsigned i = 0; i < 10; i++)
		rig->cc.ops->on_sent(&rig->cc, rig->next++, DATAGRAM, rig->inflight_bytes,
				     rig->now_at_ns);
	rig->now_at_ns += MS(1);
}

Test(cc_bbr_marks, those_of_trains_only_end_the_trains)
{
	struct bbr_rig *rig = bbr_rig_new();

	for (unsigned i = 0; i < 3; i++)
		send_train(rig);
	cr_assert(rudp_bbr_wants_trains(rig->b));
	rig->now_at_ns += RTT_NS;
	rig->marks = 2;
	for (unsigned i = 0; i < 15; i++)
		bbr_rig_ack(rig, 2, RATE / 100);
	cr_assert(not(rudp_bbr_wants_trains(rig->b)));
	cr_assert(lt(u64, rig->cc.send_quantum_bytes, 10 * DATAGRAM));
	cr_assert(not(rig->b->holding));
	rig->marks = PIECE_PACKETS;
	bbr_rig_round(rig, RATE / 2);
	cr_assert(rig->b->holding);
}

/* A probe that half of its packets wait in, without a longer delay. */
Test(cc_bbr_marks, many_end_a_probe_without_a_bound)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	bbr_rig_until(rig, BBR_UP);
	mark_rounds(rig, 1, PIECE_PACKETS / 2 - 1);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	mark_rounds(rig, 1, PIECE_PACKETS / 2);
	cr_assert(ne(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr_marks, many_let_startup_hold_and_few_do_not)
{
	struct bbr_rig *rig = bbr_rig_new();

	bbr_rig_round(rig, RATE / 8);
	rig->marks = 1;
	bbr_rig_round(rig, RATE / 4);
	cr_assert(not(rig->b->holding));
	rig->marks = PIECE_PACKETS / 2;
	bbr_rig_round(rig, RATE / 2);
	cr_assert(rig->b->holding);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
}
