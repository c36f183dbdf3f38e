/* SPDX-License-Identifier: MIT */
/* Random events in any order: bounds hold, and no state machine blocks or asserts. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/cc/cc.h"

#define STEPS 20000
#define SEEDS 30

struct world {
	struct rudp_cc cc;
	struct rudp_rtt rtt;
	uint64_t random, next, acked, delivered_bytes, inflight_bytes;
	int64_t now_at_ns;
	uint64_t cwnd_datagrams_min;
};

static uint64_t random_below(struct world *w, uint64_t limit)
{
	w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (w->random >> 33) % limit;
}

static void send_some(struct world *w)
{
	uint64_t count = 1 + random_below(w, 50);

	if (w->inflight_bytes == 0)
		w->cc.ops->on_idle_restart(&w->cc, w->now_at_ns);
	for (uint64_t i = 0; i < count; i++) {
		w->inflight_bytes += w->cc.datagram_bytes;
		w->cc.ops->on_sent(&w->cc, w->next++, w->cc.datagram_bytes, w->inflight_bytes,
				   w->now_at_ns);
	}
}

static uint64_t take_inflight(struct world *w)
{
	uint64_t bytes = (1 + random_below(w, 40)) * w->cc.datagram_bytes;

	if (bytes > w->inflight_bytes)
		bytes = w->inflight_bytes;
	w->inflight_bytes -= bytes;
	return bytes;
}

static void ack_some(struct world *w)
{
	struct rudp_cc_ack ack = {.now_at_ns = w->now_at_ns,
				  .inflight_before_bytes = w->inflight_bytes,
				  .next_number = w->next,
				  .rtt = &w->rtt,
				  .has_rtt = random_below(w, 8) != 0,
				  .ecn_ce_new = random_below(w, 50) == 0,
				  .cwnd_limited = random_below(w, 2) != 0};

	if (w->next == 0)
		return;
	ack.acked_bytes = take_inflight(w);
	w->acked += random_below(w, w->next - w->acked + 1);
	w->delivered_bytes += ack.acked_bytes;
	ack.inflight_bytes = w->inflight_bytes;
	ack.delivered_total_bytes = w->delivered_bytes;
	ack.largest_acked_number = w->acked > 0 ? w->acked - 1 : 0;
	w->rtt.latest_ns = 1 + (int64_t)random_below(w, 1 << random_below(w, 31));
	w->rtt.srtt_ns = w->rtt.latest_ns;
	if (random_below(w, 10) != 0)
		ack.rate = (struct rudp_rate_sample){
			.delivered_bytes = random_below(w, 1 << 24),
			.interval_ns = (int64_t)random_below(w, 1 << random_below(w, 31)),
			.lost_bytes = random_below(w, 1 << 16),
			.inflight_at_send_bytes = random_below(w, 1 << 20),
			.app_limited = random_below(w, 4) == 0,
		};
	w->cc.ops->on_ack(&w->cc, &ack);
}

static void lose_some(struct world *w)
{
	struct rudp_cc_loss loss = {.now_at_ns = w->now_at_ns,
				    .next_number = w->next,
				    .rtt = &w->rtt,
				    .persistent_congestion = random_below(w, 30) == 0};

	loss.lost_bytes = take_inflight(w);
	if (loss.lost_bytes == 0)
		return;
	loss.lost_packets = (uint32_t)(loss.lost_bytes / w->cc.datagram_bytes + 1);
	loss.lost_runs = loss.lost_packets;
	loss.largest_lost_number = random_below(w, w->next);
	loss.inflight_bytes = w->inflight_bytes;
	w->cc.ops->on_loss(&w->cc, &loss);
}

static void find_spurious(struct world *w)
{
	struct rudp_cc_spurious spurious = {.packets = (uint32_t)random_below(w, 40) + 1,
					    .largest_number = random_below(w, w->next + 1)};

	spurious.bytes = spurious.packets * w->cc.datagram_bytes;
	w->cc.ops->on_spurious(&w->cc, &spurious);
}

static void step(struct world *w)
{
	static const uint32_t sizes[] = {1200, 1452, 9000, 65000};

	w->now_at_ns += (int64_t)random_below(w, 1 << random_below(w, 31));
	switch (random_below(w, 16)) {
	case 0:
		lose_some(w);
		break;
	case 1:
		find_spurious(w);
		break;
	case 2:
		if (random_below(w, 50) == 0)
			w->cc.ops->on_mtu(&w->cc, sizes[random_below(w, 4)]);
		break;
	case 3:
	case 4:
	case 5:
		send_some(w);
		break;
	default:
		ack_some(w);
	}
}

static void run(const struct rudp_cc_ops *ops, uint64_t cwnd_datagrams_min)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world w = {.random = seed, .now_at_ns = (int64_t)seed};

		w.rtt = (struct rudp_rtt){.srtt_ns = RUDP_RTT_INITIAL_NS, .min_ns = RUDP_NEVER};
		rudp_cc_init(&w.cc, ops, 1200, w.now_at_ns);
		for (int i = 0; i < STEPS; i++) {
			step(&w);
			cr_assert(
				ge(u64, w.cc.cwnd_bytes, cwnd_datagrams_min * w.cc.datagram_bytes));
			cr_assert(ge(u64, w.cc.pacing_bytes_per_s, 1));
			cr_assert(ge(u64, w.cc.send_quantum_bytes, w.cc.datagram_bytes));
			cr_assert(ge(u64, w.cc.ssthresh_bytes, w.cc.datagram_bytes));
		}
	}
}

Test(cc_random, cubic_keeps_its_bounds)
{
	run(&rudp_cc_cubic, 2);
}

Test(cc_random, bbr_keeps_its_bounds)
{
	run(&rudp_cc_bbr, 4);
}
