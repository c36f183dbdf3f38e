/* SPDX-License-Identifier: MIT */
#include "kernel_bbr.h"

#include <string.h>

#include "proto/cc/cc_pace.h"

#define HIGH_GAIN 289 /* percent, 2 / ln 2 */
#define DRAIN_GAIN 35
#define CWND_GAIN 200
#define MARGIN 99
#define ROUNDS 10
#define CYCLE 8
#define WINDOW_MIN 4
#define MIN_RTT_NS (10 * RUDP_NS_PER_S)
#define PROBE_RTT_NS (200 * RUDP_NS_PER_MS)
#define EXTRA_NS_MAX (100 * RUDP_NS_PER_MS)
#define EXTRA_ROUNDS 5

enum state { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

struct kernel_bbr {
	enum state state;
	uint64_t round_end_number, round_count, delivered_bytes;
	bool round_start;
	uint64_t bw_of_round[ROUNDS], bw;
	int64_t min_rtt_ns, min_rtt_at_ns, probe_rtt_done_at_ns;
	bool probe_rtt_round_done;
	uint64_t full_bw;
	uint32_t full_bw_count;
	uint32_t phase;
	int64_t phase_at_ns;
	uint64_t extra_acked[2], extra_sum, extra_round;
	int64_t extra_since_at_ns;
	uint64_t prior_cwnd_bytes, recovery_end_number, conserve_until_round;
	uint64_t lost_bytes; /* since the last ACK */
	bool recovering;
	uint32_t random;
};

static const uint32_t phase_gains[CYCLE] = {125, 75, 100, 100, 100, 100, 100, 100};

static struct kernel_bbr *of(struct rudp_cc *cc)
{
	return (struct kernel_bbr *)(void *)cc->state;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool is_full(const struct kernel_bbr *b)
{
	return b->full_bw_count >= 3;
}

static uint64_t bdp_bytes(struct rudp_cc *cc, uint32_t gain)
{
	const struct kernel_bbr *b = of(cc);

	if (b->min_rtt_ns == RUDP_NEVER)
		return rudp_cc_initial_window_bytes(cc->datagram_bytes);
	return rudp_cc_mul_div(rudp_cc_bytes_in(b->bw, b->min_rtt_ns), gain, 100);
}

static void init(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct kernel_bbr *b = of(cc);

	*b = (struct kernel_bbr){
		.min_rtt_ns = RUDP_NEVER,
		.min_rtt_at_ns = now_at_ns,
		.probe_rtt_done_at_ns = RUDP_NEVER,
		.extra_since_at_ns = now_at_ns,
		.random = (uint32_t)(now_at_ns / 1000) * 2654435761u,
	};
	cc->state_name = "startup";
	cc->pacing_bytes_per_s =
		rudp_cc_mul_div(rudp_cc_rate(cc->cwnd_bytes, RUDP_NS_PER_MS), HIGH_GAIN, 100);
	cc->send_quantum_bytes =
		rudp_cc_quantum_bytes(cc->pacing_bytes_per_s, RUDP_NEVER, cc->datagram_bytes);
}

static void on_sent(struct rudp_cc *cc, uint64_t number, uint64_t bytes, uint64_t inflight_bytes,
		    int64_t now_at_ns)
{
	(void)cc, (void)number, (void)bytes, (void)inflight_bytes, (void)now_at_ns;
}

static void enter_probe_bw(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct kernel_bbr *b = of(cc);

	/* A random phase, except the one that drains. */
	b->random = b->random * 1664525u + 1013904223u;
	b->phase = (2 + (b->random >> 16) % (CYCLE - 1)) % CYCLE;
	b->phase_at_ns = now_at_ns;
	b->state = PROBE_BW;
	cc->state_name = "probe_bw";
}

static void update_round(struct kernel_bbr *b, const struct rudp_cc_ack *ack)
{
	b->round_start = ack->largest_acked_number >= b->round_end_number;
	if (!b->round_start)
		return;
	b->round_end_number = ack->next_number;
	b->round_count++;
	b->bw_of_round[b->round_count % ROUNDS] = 0;
}

static void update_bw(struct kernel_bbr *b, const struct rudp_cc_ack *ack)
{
	uint64_t sample;

	update_round(b, ack);
	if (ack->rate.delivered_bytes > 0 && ack->rate.interval_ns > 0) {
		sample = rudp_cc_rate(ack->rate.delivered_bytes, ack->rate.interval_ns);
		if (!ack->rate.app_limited || sample >= b->bw)
			b->bw_of_round[b->round_count % ROUNDS] =
				most(b->bw_of_round[b->round_count % ROUNDS], sample);
	}
	b->bw = 0;
	for (int i = 0; i < ROUNDS; i++)
		b->bw = most(b->bw, b->bw_of_round[i]);
}

static void update_extra_acked(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);
	uint64_t expected =
		rudp_cc_bytes_in(b->bw, rudp_time_max(ack->now_at_ns - b->extra_since_at_ns, 0));

	if (b->round_start && b->round_count >= b->extra_round + EXTRA_ROUNDS) {
		b->extra_round = b->round_count;
		b->extra_acked[1] = b->extra_acked[0];
		b->extra_acked[0] = 0;
	}
	if (b->extra_sum <= expected) {
		b->extra_sum = 0;
		b->extra_since_at_ns = ack->now_at_ns;
		expected = 0;
	}
	b->extra_sum += ack->acked_bytes;
	b->extra_acked[0] = most(b->extra_acked[0], least(b->extra_sum - expected, cc->cwnd_bytes));
}

static void update_cycle(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);
	uint32_t gain = phase_gains[b->phase];
	bool full_length = ack->now_at_ns - b->phase_at_ns > b->min_rtt_ns, over = full_length;

	if (b->state != PROBE_BW)
		return;
	if (gain > 100)
		over = full_length &&
		       (b->lost_bytes > 0 || ack->inflight_before_bytes >= bdp_bytes(cc, gain));
	if (gain < 100)
		over = full_length || ack->inflight_before_bytes <= bdp_bytes(cc, 100);
	if (!over)
		return;
	b->phase = (b->phase + 1) % CYCLE;
	b->phase_at_ns = ack->now_at_ns;
}

static void check_full(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);

	if (!is_full(b) && b->round_start && !ack->rate.app_limited) {
		if (b->bw >= b->full_bw / 4 * 5) {
			b->full_bw = b->bw;
			b->full_bw_count = 0;
		} else {
			b->full_bw_count++;
		}
	}
	if (b->state == STARTUP && is_full(b)) {
		b->state = DRAIN;
		cc->state_name = "drain";
	}
	if (b->state == DRAIN && ack->inflight_bytes <= bdp_bytes(cc, 100))
		enter_probe_bw(cc, ack->now_at_ns);
}

static void go_on_probe_rtt(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);

	if (b->probe_rtt_done_at_ns == RUDP_NEVER) {
		if (ack->inflight_bytes > WINDOW_MIN * (uint64_t)cc->datagram_bytes)
			return;
		b->probe_rtt_done_at_ns = ack->now_at_ns + PROBE_RTT_NS;
		b->probe_rtt_round_done = false;
		b->round_end_number = ack->next_number;
		return;
	}
	b->probe_rtt_round_done |= b->round_start;
	if (!b->probe_rtt_round_done || ack->now_at_ns <= b->probe_rtt_done_at_ns)
		return;
	b->min_rtt_at_ns = ack->now_at_ns;
	cc->cwnd_bytes = most(cc->cwnd_bytes, b->prior_cwnd_bytes);
	if (is_full(b)) {
		enter_probe_bw(cc, ack->now_at_ns);
	} else {
		b->state = STARTUP;
		cc->state_name = "startup";
	}
}

static void update_min_rtt(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);
	bool expired = ack->now_at_ns > b->min_rtt_at_ns + MIN_RTT_NS;

	if (ack->has_rtt && (ack->rtt->latest_ns < b->min_rtt_ns || expired)) {
		b->min_rtt_ns = ack->rtt->latest_ns;
		b->min_rtt_at_ns = ack->now_at_ns;
	}
	if (expired && b->state != PROBE_RTT) {
		b->state = PROBE_RTT;
		cc->state_name = "probe_rtt";
		b->prior_cwnd_bytes = cc->cwnd_bytes;
		b->probe_rtt_done_at_ns = RUDP_NEVER;
	}
	if (b->state == PROBE_RTT)
		go_on_probe_rtt(cc, ack);
}

/* Packet conservation for one round after a loss; the old window is restored after recovery. */
static bool set_cwnd_in_recovery(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);

	cc->cwnd_bytes -= least(b->lost_bytes, cc->cwnd_bytes);
	if (b->recovering && ack->largest_acked_number >= b->recovery_end_number) {
		b->recovering = false;
		cc->cwnd_bytes = most(cc->cwnd_bytes, b->prior_cwnd_bytes);
	}
	if (!b->recovering || b->round_count > b->conserve_until_round)
		return false;
	cc->cwnd_bytes = most(cc->cwnd_bytes, ack->inflight_bytes + ack->acked_bytes);
	return true;
}

static void set_cwnd(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);
	uint64_t window_min = WINDOW_MIN * (uint64_t)cc->datagram_bytes;
	uint64_t extra = least(most(b->extra_acked[0], b->extra_acked[1]),
			       rudp_cc_bytes_in(b->bw, EXTRA_NS_MAX));
	uint64_t target = bdp_bytes(cc, is_full(b) ? CWND_GAIN : HIGH_GAIN) +
			  3 * cc->send_quantum_bytes + (is_full(b) ? extra : 0);

	if (!set_cwnd_in_recovery(cc, ack)) {
		if (is_full(b))
			cc->cwnd_bytes = least(cc->cwnd_bytes + ack->acked_bytes, target);
		else if (cc->cwnd_bytes < target)
			cc->cwnd_bytes += ack->acked_bytes;
	}
	cc->cwnd_bytes = most(cc->cwnd_bytes, window_min);
	if (b->state == PROBE_RTT)
		cc->cwnd_bytes = window_min;
	b->lost_bytes = 0;
}

static uint32_t pacing_gain(const struct kernel_bbr *b)
{
	if (b->state == STARTUP)
		return HIGH_GAIN;
	if (b->state == DRAIN)
		return DRAIN_GAIN;
	return b->state == PROBE_BW ? phase_gains[b->phase] : 100;
}

static void set_pacing(struct rudp_cc *cc)
{
	const struct kernel_bbr *b = of(cc);
	uint64_t rate = rudp_cc_mul_div(b->bw, pacing_gain(b) * MARGIN, 10000);

	if (b->bw == 0 || (!is_full(b) && rate <= cc->pacing_bytes_per_s))
		return;
	cc->pacing_bytes_per_s = most(rate, 1000);
	cc->send_quantum_bytes =
		rudp_cc_quantum_bytes(cc->pacing_bytes_per_s, RUDP_NEVER, cc->datagram_bytes);
}

static void on_ack(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct kernel_bbr *b = of(cc);

	if (b->min_rtt_ns == RUDP_NEVER && ack->has_rtt)
		cc->pacing_bytes_per_s = rudp_cc_mul_div(
			rudp_cc_rate(cc->cwnd_bytes, rudp_time_max(ack->rtt->latest_ns, 1)),
			HIGH_GAIN, 100);
	update_bw(b, ack);
	update_extra_acked(cc, ack);
	update_cycle(cc, ack);
	check_full(cc, ack);
	update_min_rtt(cc, ack);
	set_cwnd(cc, ack);
	set_pacing(cc);
}

static void on_loss(struct rudp_cc *cc, const struct rudp_cc_loss *loss)
{
	struct kernel_bbr *b = of(cc);

	b->lost_bytes += loss->lost_bytes;
	if (b->recovering)
		return;
	b->recovering = true;
	b->recovery_end_number = loss->next_number;
	b->conserve_until_round = b->round_count + 1;
	if (b->state != PROBE_RTT)
		b->prior_cwnd_bytes = cc->cwnd_bytes;
	cc->cwnd_bytes = loss->inflight_bytes + loss->acked_bytes + loss->lost_bytes;
}

static void on_spurious(struct rudp_cc *cc, const struct rudp_cc_spurious *spurious)
{
	struct kernel_bbr *b = of(cc);

	(void)spurious;
	if (b->recovering)
		cc->cwnd_bytes = most(cc->cwnd_bytes, b->prior_cwnd_bytes);
	b->recovering = false;
}

static void on_idle_restart(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct kernel_bbr *b = of(cc);

	b->extra_since_at_ns = now_at_ns;
	b->extra_sum = 0;
}

static void on_mtu(struct rudp_cc *cc, uint32_t datagram_bytes)
{
	cc->datagram_bytes = datagram_bytes;
}

const struct rudp_cc_ops sim_kernel_bbr = {
	.name = "kernel-bbr",
	.init = init,
	.on_sent = on_sent,
	.on_ack = on_ack,
	.on_loss = on_loss,
	.on_spurious = on_spurious,
	.on_idle_restart = on_idle_restart,
	.on_mtu = on_mtu,
};

const struct rudp_cc_ops *sim_cc_find(const char *name)
{
	return strcmp(name, sim_kernel_bbr.name) == 0 ? &sim_kernel_bbr : rudp_cc_find(name);
}
