/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "proto/cc/cc.h"
#include "proto/cc/cc_cubic.h"

#define DATAGRAM 1200u
#define RTT_NS (100 * RUDP_NS_PER_MS)

struct rig {
	struct rudp_cc cc;
	struct rudp_rtt rtt;
	int64_t now_at_ns;
	uint64_t next, acked; /* packet numbers */
};

static struct rig new_rig(void)
{
	struct rig rig = {
		.rtt = {.samples = 1, .latest_ns = RTT_NS, .srtt_ns = RTT_NS, .min_ns = RTT_NS},
		.now_at_ns = RUDP_NS_PER_S,
	};

	rudp_cc_init(&rig.cc, &rudp_cc_cubic, DATAGRAM, rig.now_at_ns);
	return rig;
}

static void ack_packets(struct rig *rig, uint64_t packets, bool limited)
{
	struct rudp_cc_ack ack = {
		.now_at_ns = rig->now_at_ns,
		.acked_bytes = packets * DATAGRAM,
		.rtt = &rig->rtt,
		.has_rtt = true,
		.cwnd_limited = limited,
	};

	rig->acked += packets;
	ack.largest_acked_number = rig->acked - 1;
	ack.next_number = rig->next;
	rig->cc.ops->on_ack(&rig->cc, &ack);
}

/* The window that the bytes in flight fall to, or have reached. */
static uint64_t window(const struct rig *rig)
{
	return strcmp(rig->cc.state_name, "recovery") == 0 ? rig->cc.ssthresh_bytes
							   : rig->cc.cwnd_bytes;
}

/* Sends a window of packets. An RTT later all are acknowledged, two at a time. */
static void go_round(struct rig *rig, bool limited)
{
	uint64_t packets = window(rig) / DATAGRAM;

	rig->next += packets;
	for (uint64_t i = 0; i < packets; i += 2) {
		rig->now_at_ns += 2 * RTT_NS / (int64_t)packets;
		ack_packets(rig, packets - i < 2 ? packets - i : 2, limited);
	}
}

static void lose(struct rig *rig, uint64_t number, uint32_t packets, bool persistent)
{
	uint64_t flight = rig->cc.cwnd_bytes, lost = packets * DATAGRAM;
	struct rudp_cc_loss loss = {
		.now_at_ns = rig->now_at_ns,
		.lost_bytes = lost,
		.inflight_bytes = flight > lost ? flight - lost : 0,
		.lost_packets = packets,
		.largest_lost_number = number,
		.next_number = rig->next,
		.rtt = &rig->rtt,
		.persistent_congestion = persistent,
	};

	rig->cc.ops->on_loss(&rig->cc, &loss);
}

static void find_spurious(struct rig *rig, uint64_t number, uint32_t packets)
{
	struct rudp_cc_spurious spurious = {
		.bytes = packets * DATAGRAM,
		.packets = packets,
		.largest_number = number,
	};

	rig->cc.ops->on_spurious(&rig->cc, &spurious);
}

/* In congestion avoidance at about the given window. */
static struct rig reduced_rig(uint64_t before_packets)
{
	struct rig rig = new_rig();

	while (rig.cc.cwnd_bytes < before_packets * DATAGRAM)
		go_round(&rig, true);
	rig.next += 10;
	lose(&rig, rig.next - 10, 1, false);
	return rig;
}

Test(cc, registry_knows_names)
{
	cr_assert(eq(ptr, (void *)(uintptr_t)rudp_cc_find("cubic"),
		     (void *)(uintptr_t)&rudp_cc_cubic));
	cr_assert(eq(ptr, (void *)(uintptr_t)rudp_cc_find("bbr"), (void *)(uintptr_t)&rudp_cc_bbr));
	cr_assert(eq(ptr, (void *)(uintptr_t)rudp_cc_find("reno"), NULL));
	cr_assert(eq(ptr, (void *)(uintptr_t)rudp_cc_find(""), NULL));
}

Test(cc, initial_window_follows_rfc_9002)
{
	cr_assert(eq(u64, rudp_cc_initial_window_bytes(1200), 12000));
	cr_assert(eq(u64, rudp_cc_initial_window_bytes(1472), 14720));
	cr_assert(eq(u64, rudp_cc_initial_window_bytes(4000), 14720));
	cr_assert(eq(u64, rudp_cc_initial_window_bytes(9000), 18000));
}

Test(cubic_math, root_is_exact)
{
	cr_assert(eq(u64, rudp_cubic_root(0), 0));
	cr_assert(eq(u64, rudp_cubic_root(26), 2));
	cr_assert(eq(u64, rudp_cubic_root(27), 3));
	cr_assert(eq(u64, rudp_cubic_root(UINT64_C(999999999999)), 9999));
	cr_assert(eq(u64, rudp_cubic_root(UINT64_MAX), 2642245));
	for (uint64_t n = 1; n < 2000000; n += 997) {
		cr_assert(eq(u64, rudp_cubic_root(n * n * n), n));
		cr_assert(eq(u64, rudp_cubic_root(n * n * n - 1), n - 1));
	}
}

Test(cubic_math, k_is_the_root_of_the_gap_over_c)
{
	/* 100 segments reduced to 70: cbrt(30 / 0.4) = 4.217 s. */
	cr_assert(eq(u64, rudp_cubic_k_ms(100 * DATAGRAM, 70 * DATAGRAM, DATAGRAM), 4217));
	/* 1000 segments reduced to 700: cbrt(750) = 9.0856 s. */
	cr_assert(eq(u64, rudp_cubic_k_ms(1000 * DATAGRAM, 700 * DATAGRAM, DATAGRAM), 9085));
	cr_assert(eq(u64, rudp_cubic_k_ms(70 * DATAGRAM, 70 * DATAGRAM, DATAGRAM), 0));
	cr_assert(eq(u64, rudp_cubic_k_ms(69 * DATAGRAM, 70 * DATAGRAM, DATAGRAM), 0));
}

Test(cubic_math, window_passes_through_its_three_points)
{
	uint64_t k_ms = 4217, w_max = 100 * DATAGRAM;

	/* t = 0: the reduced window, within the error of rounding K to milliseconds. */
	cr_assert(ge(u64, rudp_cubic_window_bytes(0, k_ms, w_max, DATAGRAM), 70 * DATAGRAM));
	cr_assert(le(u64, rudp_cubic_window_bytes(0, k_ms, w_max, DATAGRAM), 70 * DATAGRAM + 40));
	cr_assert(eq(u64, rudp_cubic_window_bytes(k_ms, k_ms, w_max, DATAGRAM), w_max));
	/* 5 s after the plateau: 0.4 * 125 = 50 segments more. */
	cr_assert(eq(u64, rudp_cubic_window_bytes(k_ms + 5000, k_ms, w_max, DATAGRAM),
		     150 * DATAGRAM));
}

Test(cubic_math, extremes_do_not_overflow)
{
	cr_assert(eq(u64, rudp_cubic_window_bytes(0, 1000000, 1 << 20, 65535), 0));
	cr_assert(eq(u64, rudp_cubic_window_bytes(UINT64_C(1) << 40, 0, 0, 65535),
		     UINT64_C(3200000) * 65535));
	cr_assert(eq(u64, rudp_cubic_k_ms(UINT64_MAX / 2, 0, 1200), 2642245));
}

Test(cc_cubic, slow_start_doubles_each_round)
{
	struct rig rig = new_rig();

	cr_assert(eq(u64, rig.cc.cwnd_bytes, 10 * DATAGRAM));
	go_round(&rig, true);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, 20 * DATAGRAM));
	go_round(&rig, true);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, 40 * DATAGRAM));
	cr_assert(eq(str, (char *)(uintptr_t)rig.cc.state_name, (char *)"slow_start"));
}

Test(cc_cubic, paces_ahead_of_the_window)
{
	struct rig rig = new_rig();

	/* 10 datagrams in the initial RTT of 100 ms, times two. */
	cr_assert(eq(u64, rig.cc.pacing_bytes_per_s, 240000));
	rig = reduced_rig(100);
	cr_assert(eq(u64, rig.cc.pacing_bytes_per_s, window(&rig) * 12));
}

Test(cc_cubic, unused_window_does_not_grow)
{
	struct rig rig = new_rig();

	go_round(&rig, false);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, 10 * DATAGRAM));
	rig = reduced_rig(100);
	rig.acked = rig.next;
	for (int i = 0; i < 100; i++)
		go_round(&rig, false);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, rig.cc.ssthresh_bytes));
	/* The curve did not advance meanwhile, so the window does not jump. */
	go_round(&rig, true);
	cr_assert(lt(u64, rig.cc.cwnd_bytes, rig.cc.ssthresh_bytes + 8 * DATAGRAM));
}

Test(cc_cubic, loss_takes_three_tenths_once_a_round_trip)
{
	struct rig rig = new_rig();
	uint64_t before;

	go_round(&rig, true);
	before = rig.cc.cwnd_bytes;
	rig.next += 20;
	lose(&rig, rig.next - 10, 1, false);
	cr_assert(eq(u64, rig.cc.ssthresh_bytes, before * 7 / 10));
	cr_assert(eq(str, (char *)(uintptr_t)rig.cc.state_name, (char *)"recovery"));
	lose(&rig, rig.next - 1, 3, false);
	cr_assert(eq(u64, rig.cc.ssthresh_bytes, before * 7 / 10));
	rig.next += 5;
	lose(&rig, rig.next - 1, 1, false);
	cr_assert(eq(u64, rig.cc.ssthresh_bytes, before * 7 / 10 * 7 / 10));
}

/* While half of the flight is acknowledged, 70 % of that is sent: sending does not pause. */
Test(cc_cubic, the_flight_is_reduced_with_the_acks_and_not_by_silence)
{
	struct rig rig = new_rig();
	struct rudp_cc_ack ack = {.rtt = &rig.rtt, .acked_bytes = DATAGRAM};
	struct rudp_cc_loss loss = {.rtt = &rig.rtt,
				    .acked_bytes = DATAGRAM,
				    .lost_bytes = DATAGRAM,
				    .lost_packets = 1,
				    .largest_lost_number = 0,
				    .next_number = 40,
				    .inflight_bytes = 38 * DATAGRAM};
	uint64_t inflight = 38 * DATAGRAM, sent = 0;

	go_round(&rig, true);
	go_round(&rig, true);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, 40 * DATAGRAM));
	rig.cc.ops->on_loss(&rig.cc, &loss);
	for (ack.largest_acked_number = 1; ack.largest_acked_number <= 20;
	     ack.largest_acked_number++) {
		ack.now_at_ns = rig.now_at_ns += RTT_NS / 40;
		ack.next_number = 40 + sent;
		ack.inflight_bytes = inflight;
		rig.cc.ops->on_ack(&rig.cc, &ack);
		while (inflight + DATAGRAM <= rig.cc.cwnd_bytes) {
			rig.cc.ops->on_sent(&rig.cc, 40 + sent, DATAGRAM, inflight, rig.now_at_ns);
			inflight += DATAGRAM;
			sent++;
		}
		inflight -= DATAGRAM; /* acknowledged by the next ACK */
	}
	cr_assert(eq(u64, sent, 14));
	cr_assert(eq(u64, rig.cc.ssthresh_bytes, 28 * DATAGRAM));
}

Test(cc_cubic, recovery_does_not_grow_and_ends_with_a_newer_packet)
{
	struct rig rig = reduced_rig(40);
	uint64_t reduced = window(&rig);

	rig.acked = rig.next - 4;
	ack_packets(&rig, 4, true);
	cr_assert(
		all(eq(u64, rig.cc.ssthresh_bytes, reduced), le(u64, rig.cc.cwnd_bytes, reduced)));
	rig.next += 4;
	ack_packets(&rig, 2, true);
	cr_assert(eq(str, (char *)(uintptr_t)rig.cc.state_name, (char *)"avoidance"));
	cr_assert(all(ge(u64, rig.cc.cwnd_bytes, reduced),
		      lt(u64, rig.cc.cwnd_bytes, reduced + DATAGRAM)));
}

Test(cc_cubic, window_comes_back_after_k)
{
	struct rig rig = reduced_rig(2000);
	uint64_t w_max = window(&rig) * 10 / 7;
	int64_t start = rig.now_at_ns;
	int64_t k_ns = (int64_t)rudp_cubic_k_ms(w_max, window(&rig), DATAGRAM) * RUDP_NS_PER_MS;

	rig.acked = rig.next;
	while (rig.now_at_ns < start + k_ns)
		go_round(&rig, true);
	cr_assert(ge(u64, rig.cc.cwnd_bytes, w_max * 99 / 100));
	cr_assert(le(u64, rig.cc.cwnd_bytes, w_max * 101 / 100));
}

Test(cc_cubic, small_windows_grow_as_reno_would)
{
	struct rig rig = reduced_rig(40);
	uint64_t cwnd = window(&rig);

	/*
	 * RTT of 10 ms: ten rounds are 0.1 s, in which the curve hardly changes. Reno with beta 0.7
	 * grows by 9/17 of a datagram in each round.
	 */
	rig.rtt.srtt_ns = rig.rtt.latest_ns = RTT_NS / 10;
	rig.acked = rig.next;
	for (int i = 0; i < 10; i++) {
		rig.now_at_ns -= RTT_NS * 9 / 10;
		go_round(&rig, true);
	}
	cr_assert(ge(u64, rig.cc.cwnd_bytes, cwnd + 9 * DATAGRAM * 9 / 17));
	cr_assert(le(u64, rig.cc.cwnd_bytes, cwnd + 11 * DATAGRAM * 9 / 17));
}

Test(cc_cubic, fast_convergence_lowers_the_plateau)
{
	struct rig rig = reduced_rig(1000);
	uint64_t second = window(&rig); /* below the plateau at the second reduction */
	int64_t start;

	rig.next += 10;
	lose(&rig, rig.next - 1, 1, false);
	start = rig.now_at_ns;
	rig.acked = rig.next;
	/* Fast convergence: w_max is 0.85 of the window, so K = cbrt(0.15 * window / 0.4). */
	while (rig.now_at_ns <
	       start + (int64_t)rudp_cubic_k_ms(second * 85 / 100, second * 7 / 10, DATAGRAM) *
			       RUDP_NS_PER_MS)
		go_round(&rig, true);
	cr_assert(ge(u64, rig.cc.cwnd_bytes, second * 84 / 100));
	cr_assert(le(u64, rig.cc.cwnd_bytes, second * 87 / 100));
}

Test(cc_cubic, spurious_loss_gives_all_back)
{
	struct rig rig = new_rig();
	uint64_t before;

	go_round(&rig, true);
	before = rig.cc.cwnd_bytes;
	rig.next += 20;
	lose(&rig, rig.next - 10, 3, false);
	lose(&rig, rig.next - 5, 2, false);
	find_spurious(&rig, rig.next - 10, 3);
	cr_assert(lt(u64, rig.cc.cwnd_bytes, before));
	find_spurious(&rig, rig.next - 5, 2);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, before));
	cr_assert(eq(u64, rig.cc.ssthresh_bytes, UINT64_MAX));
	cr_assert(eq(str, (char *)(uintptr_t)rig.cc.state_name, (char *)"slow_start"));
}

Test(cc_cubic, spurious_loss_of_an_older_event_gives_nothing_back)
{
	struct rig rig = reduced_rig(40);
	uint64_t first = rig.next - 10, reduced;

	rig.next += 10;
	lose(&rig, rig.next - 1, 1, false);
	reduced = window(&rig);
	find_spurious(&rig, first, 1);
	cr_assert(eq(u64, window(&rig), reduced));
}

Test(cc_cubic, persistent_congestion_leaves_two_datagrams)
{
	struct rig rig = new_rig();

	go_round(&rig, true);
	rig.next += 20;
	lose(&rig, rig.next - 1, 20, true);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, 2 * DATAGRAM));
	cr_assert(eq(u64, rig.cc.ssthresh_bytes, 14 * DATAGRAM));
	rig.acked = rig.next;
	go_round(&rig, true);
	cr_assert(eq(u64, rig.cc.cwnd_bytes, 4 * DATAGRAM));
}

Test(cc_cubic, window_never_falls_below_two_datagrams)
{
	struct rig rig = new_rig();

	for (int i = 0; i < 30; i++) {
		rig.next += 2;
		lose(&rig, rig.next - 1, 1, false);
	}
	cr_assert(eq(u64, window(&rig), 2 * DATAGRAM));
	rig.cc.ops->on_mtu(&rig.cc, 9000);
	cr_assert(all(eq(u64, window(&rig), 18000), ge(u64, rig.cc.cwnd_bytes, 18000)));
}

Test(cc_cubic, delay_ends_slow_start_without_loss)
{
	struct rig rig = new_rig();

	go_round(&rig, true);
	go_round(&rig, true);
	rig.rtt.latest_ns = RTT_NS * 5 / 4;
	for (int i = 0; i < 7; i++)
		go_round(&rig, true);
	cr_assert(eq(str, (char *)(uintptr_t)rig.cc.state_name, (char *)"avoidance"));
	cr_assert(le(u64, rig.cc.ssthresh_bytes, rig.cc.cwnd_bytes));
}

Test(cc_cubic, mark_is_a_loss_that_cannot_be_undone)
{
	struct rig rig = new_rig();
	struct rudp_cc_ack ack = {
		.now_at_ns = rig.now_at_ns,
		.acked_bytes = DATAGRAM,
		.rtt = &rig.rtt,
		.next_number = 10,
		.ecn_ce_new = 1,
		.cwnd_limited = true,
	};

	rig.cc.ops->on_ack(&rig.cc, &ack);
	cr_assert(eq(u64, window(&rig), 7 * DATAGRAM));
	rig.cc.ops->on_ack(&rig.cc, &ack);
	cr_assert(eq(u64, window(&rig), 7 * DATAGRAM));
	find_spurious(&rig, 9, 1);
	cr_assert(eq(u64, window(&rig), 7 * DATAGRAM));
}
