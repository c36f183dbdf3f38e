/* SPDX-License-Identifier: MIT */
/* What STARTUP learns from packet trains, and how a probe keeps its queue short. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bbr_rig.h"
#include "proto/cc/cc_pace.h"

#define TRAIN 10u
#define PAIR_NS (100 * RUDP_NS_PER_US) /* two packets at 24 MB/s: 1000 packets in an RTT */
#define PATH_RATE UINT64_C(24000000)
#define PATH_BYTES (PATH_RATE / 20)
#define INITIAL_BYTES (32 * DATAGRAM)

/*
 * The rate of the samples. It grows, otherwise the pipe would count as full; but it is too low to
 * let the window grow.
 */
static uint64_t slow_rate = RATE / 1000;

static void send_train(struct bbr_rig *rig)
{
	for (unsigned i = 0; i < TRAIN; i++)
		rig->cc.ops->on_sent(&rig->cc, rig->next++, DATAGRAM, rig->inflight_bytes,
				     rig->now_at_ns);
	rig->now_at_ns += RUDP_NS_PER_MS;
	slow_rate *= 2;
}

/* Acknowledges every second packet of a train, with this gap before each ACK. */
static void ack_train(struct bbr_rig *rig, int64_t gap_ns)
{
	for (unsigned i = 0; i < TRAIN / 2; i++) {
		rig->now_at_ns += gap_ns;
		bbr_rig_ack(rig, 2, slow_rate);
	}
}

static struct bbr_rig *with_trains(unsigned count)
{
	struct bbr_rig *rig = bbr_rig_new();

	for (unsigned i = 0; i < count; i++) {
		send_train(rig);
		rig->now_at_ns += RTT_NS;
		ack_train(rig, PAIR_NS);
	}
	return rig;
}

Test(cc_bbr_train, initial_window_is_sent_in_trains_of_ten)
{
	struct bbr_rig *rig = bbr_rig_new();

	cr_assert(eq(u64, rig->cc.send_quantum_bytes, 10 * DATAGRAM));
}

Test(cc_bbr_train, gaps_between_its_acks_tell_the_bandwidth)
{
	struct bbr_rig *rig = with_trains(1);

	cr_assert(eq(u32, rig->b->train_count, 1));
	cr_assert(eq(u32, rig->b->train_rates[0], (uint32_t)PATH_RATE));
}

Test(cc_bbr_train, acks_at_one_time_give_no_estimate)
{
	struct bbr_rig *rig = bbr_rig_new();

	send_train(rig);
	rig->now_at_ns += RTT_NS;
	ack_train(rig, 0);
	cr_assert(eq(u32, rig->b->train_count, 0));
	/* Then the window doubles: the draft's growth by the acknowledged bytes. */
	cr_assert(ge(u64, rig->cc.cwnd_bytes, INITIAL_BYTES + (TRAIN - 1) * DATAGRAM));
	cr_assert(le(u64, rig->cc.cwnd_bytes, INITIAL_BYTES + TRAIN * DATAGRAM));
}

Test(cc_bbr_train, a_delayed_ack_is_ignored)
{
	struct bbr_rig *rig = bbr_rig_new();

	send_train(rig);
	rig->now_at_ns += RTT_NS;
	for (unsigned i = 0; i < 4; i++) {
		rig->now_at_ns += PAIR_NS;
		bbr_rig_ack(rig, 2, slow_rate);
	}
	rig->now_at_ns += 25 * RUDP_NS_PER_MS;
	bbr_rig_ack(rig, 2, slow_rate);
	cr_assert(eq(u32, rig->b->train_count, 1));
	cr_assert(eq(u32, rig->b->train_rates[0], (uint32_t)PATH_RATE));
}

Test(cc_bbr_train, several_trains_are_measured_at_once)
{
	struct bbr_rig *rig = bbr_rig_new();

	for (unsigned i = 0; i < BBR_TRAINS_WATCHED; i++)
		send_train(rig);
	rig->now_at_ns += RTT_NS;
	for (unsigned i = 0; i < BBR_TRAINS_WATCHED; i++)
		ack_train(rig, PAIR_NS);
	cr_assert(eq(u32, rig->b->train_count, BBR_TRAINS_WATCHED));
}

Test(cc_bbr_train, window_grows_fourfold_after_one_train)
{
	struct bbr_rig *rig = with_trains(1);

	cr_assert(eq(u64, rig->cc.cwnd_bytes, INITIAL_BYTES + 3 * TRAIN * DATAGRAM));
}

Test(cc_bbr_train, window_grows_twentyfold_when_three_agree)
{
	struct bbr_rig *rig = with_trains(2);
	uint64_t before = rig->cc.cwnd_bytes;

	cr_assert(eq(int, rudp_bbr_are_trains_sure(rig->b), 0));
	send_train(rig);
	rig->now_at_ns += RTT_NS;
	ack_train(rig, PAIR_NS);
	cr_assert(eq(int, rudp_bbr_are_trains_sure(rig->b), 1));
	cr_assert(eq(u64, rig->cc.cwnd_bytes, before + 19 * TRAIN * DATAGRAM));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s,
		     rudp_cc_rate(rig->cc.cwnd_bytes, RTT_NS) * 110 / 100));
}

Test(cc_bbr_train, fast_growth_ends_at_four_fifths)
{
	struct bbr_rig *rig = with_trains(3);

	for (int i = 0; i < 5; i++) {
		rig->next += 100;
		rig->now_at_ns += RTT_NS;
		bbr_rig_ack(rig, 100, slow_rate *= 2);
		rig->now_at_ns += RTT_NS;
	}
	/* Trains allow growth up to 80 %; above that it is a quarter of the acknowledged bytes. */
	cr_assert(ge(u64, rig->cc.cwnd_bytes, PATH_BYTES * 80 / 100));
	cr_assert(le(u64, rig->cc.cwnd_bytes, PATH_BYTES * 80 / 100 + 500 * DATAGRAM / 4));
}

Test(cc_bbr_train, trains_that_disagree_are_not_sure)
{
	struct bbr_rig *rig = bbr_rig_new();

	for (int64_t i = 1; i <= 4; i++) {
		send_train(rig);
		rig->now_at_ns += RTT_NS;
		ack_train(rig, PAIR_NS << i);
	}
	cr_assert(eq(u32, rig->b->train_count, 4));
	cr_assert(eq(int, rudp_bbr_are_trains_sure(rig->b), 0));
}

Test(cc_bbr_train, wrong_trains_are_ignored_from_then_on)
{
	struct bbr_rig *rig = with_trains(3);

	rig->cc.cwnd_bytes = PATH_BYTES * 3 / 2;
	rig->next += 2;
	bbr_rig_ack(rig, 2, slow_rate);
	cr_assert(eq(int, rudp_bbr_are_trains_sure(rig->b), 0));
	rig->next += 2;
	bbr_rig_ack(rig, 2, slow_rate);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, PATH_BYTES * 3 / 2 + 4 * DATAGRAM));
}

/* The path may carry more now. */
Test(cc_bbr_train, startup_that_continues_after_a_probe_does_not_use_earlier_trains)
{
	struct bbr_rig *rig = with_trains(3);

	cr_assert(rudp_bbr_are_trains_sure(rig->b));
	for (int i = 0; i < 40 && rig->b->state != BBR_UP; i++)
		bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	rig->cwnd_limited = true;
	for (int i = 0; i < 8 && rig->b->state == BBR_UP; i++)
		bbr_rig_round(rig, RATE * 2);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(eq(u32, rig->b->train_count, 0));
	cr_assert(eq(int, rudp_bbr_are_trains_sure(rig->b), 0));
}

Test(cc_bbr_train, an_application_that_writes_little_gains_nothing)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->app_limited = true;
	for (unsigned i = 0; i < 5; i++) {
		send_train(rig);
		rig->now_at_ns += RTT_NS;
		ack_train(rig, PAIR_NS);
	}
	cr_assert(ge(u32, rig->b->train_count, 3));
	cr_assert(le(u64, rig->cc.cwnd_bytes, INITIAL_BYTES + 5 * TRAIN * DATAGRAM));
}

Test(cc_bbr_train, a_pause_in_a_flight_that_fills_the_window_costs_nothing)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->app_limited = true;
	rig->cwnd_limited = true;
	send_train(rig);
	rig->now_at_ns += RTT_NS;
	ack_train(rig, PAIR_NS);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, INITIAL_BYTES + 3 * TRAIN * DATAGRAM));
}

Test(cc_bbr_train, probe_adds_a_queue_that_will_be_noticed)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t bdp = RATE / 20;
	uint64_t bound = rudp_cc_bytes_in(RATE, RTT_NS / 8); /* an eighth is 6.25 ms */

	bbr_rig_until(rig, BBR_UP);
	cr_assert(eq(u64, rig->b->up_extra_bytes, bound * BBR_UP_EXTRA_GAIN / 100));
	/* The earlier ACK aggregation is not added. */
	cr_assert(ge(u64, rudp_bbr_extra_acked(rig->b), 1));
	cr_assert(
		eq(u64, rig->cc.cwnd_bytes, bdp + bound * BBR_UP_EXTRA_GAIN / 100 + 2 * DATAGRAM));
}

Test(cc_bbr_train, probe_without_a_queue_adds_more)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t extra;

	bbr_rig_until(rig, BBR_UP);
	extra = rig->b->up_extra_bytes;
	rig->cwnd_limited = true;
	bbr_rig_round(rig, RATE);
	bbr_rig_round(rig, RATE);
	bbr_rig_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(ge(u64, rig->b->up_extra_bytes, 2 * extra));
}

Test(cc_bbr_train, probe_into_a_foreign_queue_is_the_drafts)
{
	struct bbr_rig *rig = bbr_rig_cruising();

	rig->rtt.latest_ns = 2 * RTT_NS;
	bbr_rig_until(rig, BBR_UP);
	cr_assert(eq(u64, rig->b->up_extra_bytes, BBR_INFINITE));
}

Test(cc_bbr_train, window_of_a_known_path_is_used_if_larger)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->cc.ops->jump(&rig->cc, 10 * INITIAL_BYTES, RTT_NS);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 10 * INITIAL_BYTES));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, 10 * INITIAL_BYTES * 20 / 10 * 11));
	rig->cc.ops->jump(&rig->cc, INITIAL_BYTES, RTT_NS);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 10 * INITIAL_BYTES));
}

Test(cc_bbr_train, jump_is_ignored_after_startup)
{
	struct bbr_rig *rig = bbr_rig_cruising();
	uint64_t window = rig->cc.cwnd_bytes;

	rig->cc.ops->jump(&rig->cc, 10 * window, RTT_NS);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, window));
}

Test(cc_bbr_train, measurement_is_the_rate_of_the_path_if_the_pipe_was_full)
{
	struct rudp_cc_measured measured;
	struct bbr_rig *rig = bbr_rig_new();

	cr_assert(zero(int, rig->cc.ops->measured(&rig->cc, &measured)));
	rig = bbr_rig_cruising();
	cr_assert(rig->cc.ops->measured(&rig->cc, &measured));
	cr_assert(measured.is_whole);
	cr_assert(eq(u64, measured.bytes_per_s, rig->b->bw));
	cr_assert(eq(i64, measured.min_rtt_ns, RTT_NS));
}

/* An object that ends in STARTUP has measured less of the path than its trains have. */
Test(cc_bbr_train, trains_tell_the_next_connection_too)
{
	struct rudp_cc_measured measured;
	struct bbr_rig *rig = with_trains(3);

	cr_assert(rig->cc.ops->measured(&rig->cc, &measured));
	cr_assert(zero(int, measured.is_whole));
	cr_assert(lt(u64, rig->b->bw, PATH_RATE / 2));
	cr_assert(all(ge(u64, measured.bytes_per_s, PATH_RATE / 100 * 79),
		      le(u64, measured.bytes_per_s, PATH_RATE / 100 * 81)));
}

/*
 * The first window came from the previous connection, so the whole estimate of the trains is used.
 */
Test(cc_bbr_train, trains_that_confirm_a_known_path_are_reported_in_full)
{
	struct rudp_cc_measured measured;
	struct bbr_rig *rig = with_trains(3);

	rig->cc.ops->jump(&rig->cc, 2 * rig->cc.cwnd_bytes, RTT_NS);
	cr_assert(rig->cc.ops->measured(&rig->cc, &measured));
	cr_assert(zero(int, measured.is_whole));
	cr_assert(all(ge(u64, measured.bytes_per_s, PATH_RATE / 100 * 99),
		      le(u64, measured.bytes_per_s, PATH_RATE / 100 * 101)));
}

/*
 * Twice a connection's share: two get the whole estimate each, four a half, and any number a third.
 */
Test(cc_bbr_train, several_that_start_together_share_what_trains_say)
{
	static const struct {
		uint32_t starters;
		uint64_t part;
	} cases[] = {{1, 1}, {2, 1}, {4, 2}, {6, 3}, {100, 3}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct rudp_cc_ack ack = {0};
		struct bbr_rig *rig = with_trains(3);

		slow_rate = RATE / 1000;
		rig->cc.ops->share(&rig->cc, cases[i].starters);
		rig->cc.cwnd_bytes = INITIAL_BYTES;
		rig->b->round_cwnd_bytes = rig->b->round_acked_bytes = PATH_BYTES;
		cr_assert(eq(u64, INITIAL_BYTES + rudp_bbr_train_growth_bytes(&rig->cc, &ack),
			     PATH_BYTES / 100 * 80 / cases[i].part));
	}
}

Test(cc_bbr_train, first_flights_of_many_are_smaller)
{
	struct bbr_rig *rig = bbr_rig_new();

	rig->cc.ops->share(&rig->cc, 1);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, INITIAL_BYTES));
	rig->cc.ops->share(&rig->cc, 8);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, INITIAL_BYTES));
	rig->cc.ops->share(&rig->cc, 16);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, INITIAL_BYTES / 2));
	rig->cc.ops->share(&rig->cc, 100);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 10 * DATAGRAM));
	rig->cc.ops->share(&rig->cc, 1); /* packets already sent do not change the window */
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 10 * DATAGRAM));
}
