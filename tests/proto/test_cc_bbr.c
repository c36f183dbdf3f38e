/* SPDX-License-Identifier: MIT */
/* BBR's model and states, one fact at a time. What becomes of it on a path: test_cc_paths.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/cc_bbr.h"
#include "proto/cc_pace.h"

#define DATAGRAM 1200u
#define RTT_NS (50 * RUDP_NS_PER_MS)
#define RATE UINT64_C(12000000) /* bytes per second: 500 datagrams a round trip */
#define ROUND_PACKETS 500u

struct rig {
	struct rudp_cc cc;
	struct bbr *b;
	struct rudp_rtt rtt;
	int64_t now_at_ns;
	uint64_t next, acked;     /* numbers */
	uint64_t inflight_bytes;  /* reported with each ACK */
	uint64_t lost_bytes;      /* reported with each rate sample */
	uint64_t marks;
	bool app_limited, cwnd_limited;
};

static struct rig *new_rig(void)
{
	static struct rig rig;

	rig = (struct rig){
		.rtt = {.samples = 1, .latest_ns = RTT_NS, .srtt_ns = RTT_NS, .min_ns = RTT_NS},
		.now_at_ns = RUDP_NS_PER_S,
		.inflight_bytes = ROUND_PACKETS * DATAGRAM,
	};
	rudp_cc_init(&rig.cc, &rudp_cc_bbr, DATAGRAM, rig.now_at_ns);
	rig.b = bbr_of(&rig.cc);
	return &rig;
}

static void ack_packets(struct rig *rig, uint64_t packets, uint64_t rate)
{
	struct rudp_cc_ack ack = {
		.now_at_ns = rig->now_at_ns,
		.acked_bytes = packets * DATAGRAM,
		.inflight_bytes = rig->inflight_bytes,
		.largest_acked_number = rig->acked + packets - 1,
		.next_number = rig->next,
		.rtt = &rig->rtt,
		.has_rtt = true,
		.rate = {.delivered_bytes = rudp_cc_bytes_in(rate, RTT_NS),
			 .interval_ns = RTT_NS,
			 .lost_bytes = rig->lost_bytes,
			 .inflight_at_send_bytes = ROUND_PACKETS * DATAGRAM,
			 .app_limited = rig->app_limited},
		.ecn_ce_new = rig->marks,
		.cwnd_limited = rig->cwnd_limited,
	};

	rig->acked += packets;
	ack.delivered_total_bytes = rig->acked * DATAGRAM;
	rig->cc.ops->on_ack(&rig->cc, &ack);
}

/* A round trip: a window is sent, then all of it is acknowledged in ten pieces. */
static void go_round(struct rig *rig, uint64_t rate)
{
	for (unsigned i = 0; i < ROUND_PACKETS; i++)
		rig->cc.ops->on_sent(&rig->cc, rig->next + i, DATAGRAM, rig->inflight_bytes,
				     rig->now_at_ns);
	rig->next += ROUND_PACKETS;
	for (unsigned i = 0; i < 10; i++) {
		rig->now_at_ns += rig->rtt.latest_ns / 10;
		ack_packets(rig, ROUND_PACKETS / 10, rate);
	}
}

static void lose(struct rig *rig, uint32_t packets)
{
	struct rudp_cc_loss loss = {
		.now_at_ns = rig->now_at_ns,
		.lost_bytes = packets * DATAGRAM,
		.lost_packets = packets,
		.largest_lost_number = rig->acked,
		.next_number = rig->next,
		.inflight_bytes = rig->inflight_bytes,
		.rtt = &rig->rtt,
	};

	rig->cc.ops->on_loss(&rig->cc, &loss);
}

/* Until the state is reached, at the rate of the path; fails if it never is. */
static void go_until(struct rig *rig, enum bbr_state state)
{
	for (int i = 0; i < 200 && rig->b->state != state; i++)
		go_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, (int)state));
}

static struct rig *cruising_rig(void)
{
	struct rig *rig = new_rig();

	go_until(rig, BBR_CRUISE);
	return rig;
}

Test(cc_bbr, paces_the_initial_window_over_the_initial_rtt)
{
	struct rig *rig = new_rig();

	cr_assert(eq(u64, rig->cc.cwnd_bytes, 12000));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, 12000 * 10 * 277 / 100));
	cr_assert(eq(u64, rig->cc.ssthresh_bytes, UINT64_MAX));
	cr_assert(eq(str, (char *)(uintptr_t)rig->cc.state_name, (char *)"startup"));
}

Test(cc_bbr, startup_paces_at_277_percent)
{
	struct rig *rig = new_rig();

	go_round(rig, RATE);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 277 * 99 / 10000));
	cr_assert(eq(u64, rig->cc.send_quantum_bytes, RATE * 277 * 99 / 10000 / 1000));
}

Test(cc_bbr, startup_ends_after_three_rounds_without_a_quarter_more)
{
	struct rig *rig = new_rig();

	for (uint64_t rate = RATE / 8; rate <= RATE; rate *= 2)
		go_round(rig, rate);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	rig->inflight_bytes *= 2;
	go_round(rig, RATE * 5 / 4 - 100000);
	go_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	go_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_DRAIN));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, rig->b->bw * 50 * 99 / 10000));
}

Test(cc_bbr, application_limited_rounds_do_not_end_startup)
{
	struct rig *rig = new_rig();

	rig->app_limited = true;
	for (int i = 0; i < 20; i++)
		go_round(rig, RATE / 10);
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(eq(u64, rig->b->max_bw, RATE / 10));
}

Test(cc_bbr, application_limited_sample_counts_only_if_larger)
{
	struct rig *rig = cruising_rig();

	rig->app_limited = true;
	go_round(rig, RATE / 2);
	cr_assert(eq(u64, rig->b->max_bw, RATE));
	go_round(rig, RATE * 2);
	cr_assert(eq(u64, rig->b->max_bw, RATE * 2));
}

Test(cc_bbr, startup_holds_at_a_delay_and_ends_if_it_stays)
{
	struct rig *rig = new_rig();

	go_round(rig, RATE / 8);
	rig->rtt.latest_ns = RTT_NS + RTT_NS / 8 + 1;
	go_round(rig, RATE / 4); /* 10 samples: six of them in a mixed eight */
	cr_assert(eq(int, rig->b->holding, 0));
	go_round(rig, RATE / 2);
	cr_assert(eq(int, rig->b->holding, 1));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, rig->b->bw * 50 * 99 / 10000));
	go_round(rig, RATE);
	go_round(rig, RATE);
	cr_assert(ne(int, (int)rig->b->state, BBR_STARTUP));
}

Test(cc_bbr, startup_goes_on_if_the_delay_was_jitter)
{
	struct rig *rig = new_rig();

	go_round(rig, RATE / 16);
	rig->rtt.latest_ns = RTT_NS + RTT_NS / 8 + 1;
	go_round(rig, RATE / 8);
	go_round(rig, RATE / 4);
	cr_assert(eq(int, rig->b->holding, 1));
	rig->rtt.latest_ns = RTT_NS;
	go_round(rig, RATE / 2);
	go_round(rig, RATE);
	cr_assert(eq(int, rig->b->holding, 0));
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
}

Test(cc_bbr, startup_ignores_loss_without_evidence)
{
	struct rig *rig = new_rig();

	go_round(rig, RATE / 16);
	for (uint64_t rate = RATE / 8; rate < RATE; rate *= 2) {
		lose(rig, 50); /* a tenth */
		go_round(rig, rate);
	}
	cr_assert(eq(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr, startup_ends_by_heavy_loss)
{
	struct rig *rig = new_rig();

	go_round(rig, RATE / 2);
	lose(rig, 200);
	go_round(rig, RATE);
	lose(rig, 200);
	go_round(rig, RATE);
	go_round(rig, RATE);
	cr_assert(ne(int, (int)rig->b->state, BBR_STARTUP));
	cr_assert(ge(u64, rig->b->inflight_longterm, RATE / 20));
	cr_assert(lt(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr, cycle_goes_through_its_phases_with_their_gains)
{
	struct rig *rig = cruising_rig();

	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 99 / 100));
	go_until(rig, BBR_REFILL);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 99 / 100));
	go_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 125 * 99 / 10000));
	rig->inflight_bytes *= 2;
	go_until(rig, BBR_DOWN);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 90 * 99 / 10000));
	rig->inflight_bytes /= 2;
	go_until(rig, BBR_CRUISE);
}

Test(cc_bbr, probes_within_two_to_three_seconds)
{
	struct rig *rig = cruising_rig();

	for (int i = 0; i < 10; i++) {
		int64_t start = rig->b->cycle_at_ns;

		go_until(rig, BBR_REFILL);
		/* 62 rounds at 50 ms, Reno's time, are 3.1 s: the clock decides. */
		cr_assert(ge(i64, rig->now_at_ns - start, 2 * RUDP_NS_PER_S));
		cr_assert(le(i64, rig->now_at_ns - start, 3 * RUDP_NS_PER_S + 2 * RTT_NS));
		go_until(rig, BBR_CRUISE);
	}
}

Test(cc_bbr, cwnd_is_two_bdp)
{
	struct rig *rig = cruising_rig();
	uint64_t bdp = RATE / 20;

	for (int i = 0; i < 12 && rig->b->state == BBR_CRUISE; i++)
		go_round(rig, RATE);
	cr_assert(ge(u64, rig->cc.cwnd_bytes, 2 * bdp));
	cr_assert(le(u64, rig->cc.cwnd_bytes, 2 * bdp + bbr_extra_acked(rig->b)));
}

Test(cc_bbr, bandwidth_is_remembered_for_two_probe_cycles)
{
	struct rig *rig = cruising_rig();
	uint64_t first = rig->b->max_bw;

	for (int cycle = 0; cycle < 2; cycle++) {
		cr_assert(eq(u64, rig->b->max_bw, first));
		while (rig->b->state != BBR_UP)
			go_round(rig, RATE / 2);
		while (rig->b->state != BBR_CRUISE)
			go_round(rig, RATE / 2);
		go_round(rig, RATE / 2);
	}
	cr_assert(eq(u64, rig->b->max_bw, RATE / 2));
}

Test(cc_bbr, probe_rtt_comes_after_five_seconds_without_the_minimum)
{
	struct rig *rig = cruising_rig();
	int64_t start = rig->now_at_ns;
	uint64_t bdp;

	rig->rtt.latest_ns = RTT_NS + RTT_NS / 16;
	while (rig->b->state != BBR_PROBE_RTT && rig->now_at_ns < start + 20 * RUDP_NS_PER_S)
		go_round(rig, RATE);
	cr_assert(ge(i64, rig->now_at_ns - start, 4900 * RUDP_NS_PER_MS));
	cr_assert(le(i64, rig->now_at_ns - start, 5200 * RUDP_NS_PER_MS));
	bdp = rudp_cc_bytes_in(rig->b->bw, rig->b->min_rtt_ns);
	cr_assert(le(u64, rig->cc.cwnd_bytes, bdp / 2));
	cr_assert(ge(u64, rig->cc.cwnd_bytes, bdp / 2 - 1));
	/* The window comes back once half a BDP has been in flight for 200 ms and a round. */
	rig->inflight_bytes = bdp / 2 - DATAGRAM;
	start = rig->now_at_ns;
	while (rig->b->state == BBR_PROBE_RTT)
		go_round(rig, RATE / 2);
	cr_assert(ge(i64, rig->now_at_ns - start, 200 * RUDP_NS_PER_MS));
	cr_assert(le(i64, rig->now_at_ns - start, 400 * RUDP_NS_PER_MS));
	cr_assert(eq(int, (int)rig->b->state, BBR_CRUISE));
	cr_assert(ge(u64, rig->cc.cwnd_bytes, bdp));
	cr_assert(eq(u64, rig->b->max_bw, RATE));
}

Test(cc_bbr, round_trips_at_the_minimum_put_probe_rtt_off_for_thirty_seconds)
{
	struct rig *rig = cruising_rig();
	int64_t start = rig->now_at_ns;

	rig->rtt.latest_ns = RTT_NS + RTT_NS / 64;
	while (rig->b->state != BBR_PROBE_RTT && rig->now_at_ns < start + 60 * RUDP_NS_PER_S)
		go_round(rig, RATE);
	cr_assert(ge(i64, rig->now_at_ns - start, 29 * RUDP_NS_PER_S));
	cr_assert(le(i64, rig->now_at_ns - start, 36 * RUDP_NS_PER_S));
	/* The worse samples have not raised the minimum meanwhile. */
	cr_assert(le(i64, rig->b->min_rtt_ns, RTT_NS + RTT_NS / 64));
}

Test(cc_bbr, min_rtt_rises_after_ten_seconds)
{
	struct rig *rig = cruising_rig();
	int64_t start = rig->now_at_ns;

	rig->rtt.latest_ns = 2 * RTT_NS;
	while (rig->now_at_ns < start + 9 * RUDP_NS_PER_S)
		go_round(rig, RATE);
	cr_assert(eq(i64, rig->b->min_rtt_ns, RTT_NS));
	while (rig->now_at_ns < start + 11 * RUDP_NS_PER_S)
		go_round(rig, RATE);
	cr_assert(eq(i64, rig->b->min_rtt_ns, 2 * RTT_NS));
}

Test(cc_bbr, loss_without_evidence_sets_no_bound)
{
	struct rig *rig = cruising_rig();

	for (int i = 0; i < 20; i++) {
		lose(rig, 15);
		go_round(rig, RATE * 97 / 100);
	}
	cr_assert(eq(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
	/* A cautious look whether the losses go away may cost what is lost, once. */
	cr_assert(ge(u64, rig->b->bw, RATE * 95 / 100));
}

Test(cc_bbr, loss_with_a_queue_sets_the_shortterm_bounds)
{
	struct rig *rig = cruising_rig();

	rig->rtt.latest_ns = RTT_NS * 3 / 2;
	go_round(rig, RATE / 2);
	lose(rig, 5);
	go_round(rig, RATE / 2);
	go_round(rig, RATE / 2);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
	cr_assert(le(u64, rig->b->bw, RATE * 70 / 100));
	cr_assert(ge(u64, rig->b->bw, RATE * 49 / 100));
}

Test(cc_bbr, heavy_loss_needs_no_queue)
{
	struct rig *rig = cruising_rig();

	for (int i = 0; i < 3; i++) {
		lose(rig, 200);
		go_round(rig, RATE / 2);
	}
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr, marks_are_evidence_by_themselves)
{
	struct rig *rig = cruising_rig();

	rig->marks = 1;
	go_round(rig, RATE);
	go_round(rig, RATE);
	cr_assert(lt(u64, rig->b->inflight_shortterm, BBR_INFINITE));
}

Test(cc_bbr, probe_that_loses_with_a_queue_sets_the_longterm_bound)
{
	struct rig *rig = cruising_rig();

	go_until(rig, BBR_UP);
	rig->rtt.latest_ns = RTT_NS * 3 / 2;
	rig->lost_bytes = 15 * DATAGRAM; /* 3 % of what was in flight */
	go_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_DOWN));
	cr_assert(eq(u64, rig->b->inflight_longterm, ROUND_PACKETS * DATAGRAM));
	cr_assert(eq(u64, rig->cc.ssthresh_bytes, rig->b->inflight_longterm));
	cr_assert(eq(u64, bbr_with_headroom(&rig->cc), ROUND_PACKETS * DATAGRAM * 85 / 100));
}

Test(cc_bbr, probe_that_loses_without_a_queue_goes_on)
{
	struct rig *rig = cruising_rig();

	go_until(rig, BBR_UP);
	rig->lost_bytes = 45 * DATAGRAM; /* 9 % */
	go_round(rig, RATE);
	cr_assert(eq(int, (int)rig->b->state, BBR_UP));
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
}

Test(cc_bbr, spurious_loss_returns_the_probe_and_the_bound)
{
	struct rig *rig = cruising_rig();
	struct rudp_cc_spurious spurious = {.packets = 20, .bytes = 20 * DATAGRAM};

	go_until(rig, BBR_UP);
	rig->rtt.latest_ns = RTT_NS * 3 / 2;
	rig->lost_bytes = 20 * DATAGRAM;
	spurious.largest_number = rig->acked;
	lose(rig, 20);
	go_round(rig, RATE);
	cr_assert(lt(u64, rig->b->inflight_longterm, BBR_INFINITE));
	rig->cc.ops->on_spurious(&rig->cc, &spurious);
	cr_assert(eq(u64, rig->b->inflight_longterm, BBR_INFINITE));
	cr_assert(eq(int, (int)rig->b->state, BBR_REFILL));
}

Test(cc_bbr, persistent_congestion_leaves_four_datagrams)
{
	struct rig *rig = cruising_rig();
	struct rudp_cc_loss loss = {.lost_bytes = DATAGRAM,
				    .lost_packets = 1,
				    .now_at_ns = rig->now_at_ns,
				    .next_number = rig->next,
				    .rtt = &rig->rtt,
				    .persistent_congestion = true};

	rig->cc.ops->on_loss(&rig->cc, &loss);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 4 * DATAGRAM));
	/* It doubles by what is acknowledged, back to what the model says. */
	rig->next += 4;
	ack_packets(rig, 4, RATE);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 8 * DATAGRAM));
}

Test(cc_bbr, restart_from_idle_paces_at_the_bandwidth)
{
	struct rig *rig = cruising_rig();

	go_until(rig, BBR_UP);
	rig->cc.ops->on_idle_restart(&rig->cc, rig->now_at_ns + RUDP_NS_PER_S);
	cr_assert(eq(u64, rig->cc.pacing_bytes_per_s, RATE * 99 / 100));
}

Test(cc_bbr, idle_time_counts_as_probe_rtt)
{
	struct rig *rig = cruising_rig();

	rig->now_at_ns += 20 * RUDP_NS_PER_S;
	rig->cc.ops->on_idle_restart(&rig->cc, rig->now_at_ns);
	go_round(rig, RATE);
	cr_assert(ne(int, (int)rig->b->state, BBR_PROBE_RTT));
}

Test(cc_bbr, aggregation_widens_the_window)
{
	struct rig *rig = cruising_rig();
	uint64_t before = bbr_extra_acked(rig->b);

	rig->next += 2 * ROUND_PACKETS;
	ack_packets(rig, ROUND_PACKETS, RATE);
	rig->now_at_ns += RUDP_NS_PER_MS;
	ack_packets(rig, ROUND_PACKETS, RATE);
	cr_assert(gt(u64, bbr_extra_acked(rig->b), before));
	cr_assert(le(u64, bbr_extra_acked(rig->b), rig->cc.cwnd_bytes));
}

Test(cc_bbr, larger_datagrams_raise_the_floor)
{
	struct rig *rig = new_rig();

	rig->cc.ops->on_mtu(&rig->cc, 9000);
	cr_assert(eq(u64, rig->cc.cwnd_bytes, 36000));
	cr_assert(eq(u64, rig->cc.send_quantum_bytes, 18000));
}
