/* SPDX-License-Identifier: MIT */
/*
 * BBR's event handlers: which steps of the model each event runs, in the draft's order (section
 * 5.2).
 */
#include "proto/cc/cc_bbr.h"

#include <assert.h>

#include "proto/cc/cc_pace.h"

_Static_assert(sizeof(struct bbr) <= RUDP_CC_STATE_BYTES, "BBR must fit in struct rudp_cc");

static void bbr_init(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct bbr *b = bbr_of(cc);

	*b = (struct bbr){
		.now = {.started_at_ns = now_at_ns, .rtt_min_ns = RUDP_NEVER},
		.last = {.started_at_ns = now_at_ns, .rtt_min_ns = RUDP_NEVER},
		.inflight_longterm = BBR_INFINITE,
		.extra_acked_since_at_ns = now_at_ns,
		.min_rtt_ns = RUDP_NEVER,
		.base_rtt_ns = RUDP_NEVER,
		.min_rtt_at_ns = now_at_ns,
		.probe_rtt_min_ns = RUDP_NEVER,
		.probe_rtt_min_at_ns = now_at_ns,
		.probe_rtt_last_at_ns = now_at_ns,
		.probe_rtt_done_at_ns = RUDP_NEVER,
		.delay_bucket_ns = RUDP_NEVER,
		.delay_ns = RUDP_NEVER,
		.up_base_ns = RUDP_NEVER,
		.cycle_at_ns = now_at_ns,
		.probe_up_acked_per_inc = BBR_INFINITE,
		.random = (uint64_t)now_at_ns,
	};
	cc->cwnd_bytes = rudp_bbr_initial_window_bytes(cc);
	rudp_bbr_reset_shortterm(b);
	rudp_bbr_bound_bw(b);
	rudp_bbr_enter_startup(cc);
	rudp_bbr_init_pacing(cc, RUDP_RTT_INITIAL_NS);
}

static void bbr_on_sent(struct rudp_cc *cc, uint64_t number, uint64_t bytes,
			uint64_t inflight_bytes, int64_t now_at_ns)
{
	struct bbr *b = bbr_of(cc);

	(void)inflight_bytes;
	rudp_bbr_note_train_sent(b, number, now_at_ns);
	b->next_number = rudp_max(b->next_number, number + 1);
	b->now.sent_bytes += bytes;
}

/*
 * Takes the rate sample of this ACK. PROBE_RTT limits its own rate, so its samples count as
 * app-limited.
 */
static void take_sample(struct bbr *b, const struct rudp_cc_ack *ack)
{
	const struct rudp_rate_sample *rate = &ack->rate;

	b->sample_bw = 0;
	b->app_limited = rate->app_limited || b->state == BBR_PROBE_RTT ||
			 ack->largest_acked_number < b->probe_rtt_end_number;
	if (rate->delivered_bytes == 0 || rate->interval_ns <= 0)
		return;
	b->sample_bw = rudp_cc_rate(rate->delivered_bytes, rate->interval_ns);
	/* The packet was sent before bandwidth was given to other connections, at a higher rate. */
	if (ack->largest_acked_number < b->shifted_until_number)
		b->sample_bw = rudp_min(b->sample_bw, b->max_bw);
}

static void update_model(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	take_sample(b, ack);
	if (ack->cwnd_limited)
		b->limited_until_number = b->next_number;
	rudp_bbr_note_rtt(b, ack);
	rudp_bbr_note_train_acked(b, ack);
	rudp_bbr_note_marks(b, ack);
	rudp_bbr_update_round(cc, ack);
	if (b->round_start) {
		rudp_bbr_average_marks(cc);
		rudp_bbr_close_loss_account(cc);
	}
	rudp_bbr_update_latest(b, ack);
	rudp_bbr_update_max_bw(b);
	rudp_bbr_adapt_lower_bounds(cc);
	rudp_bbr_update_extra_acked(cc, ack);
}

static void bbr_on_ack(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	b->next_number = rudp_max(b->next_number, ack->next_number);
	if (ack->has_rtt && !b->has_seen_rtt) {
		b->has_seen_rtt = true;
		rudp_bbr_init_pacing(cc, ack->rtt->latest_ns);
	}
	update_model(cc, ack);
	rudp_bbr_check_full_bw(b);
	rudp_bbr_check_startup_done(cc, ack);
	rudp_bbr_check_drain_done(cc, ack);
	rudp_bbr_update_cycle(cc, ack);
	rudp_bbr_check_fall(cc, ack);
	rudp_bbr_update_min_rtt(b, ack);
	rudp_bbr_check_probe_rtt(cc, ack);
	rudp_bbr_advance_latest(b, ack);
	rudp_bbr_bound_bw(b);
	rudp_bbr_set_control(cc, ack);
}

/*
 * After persistent congestion the window is the minimum until ACKs arrive again. Then it grows by
 * the bytes that they acknowledge, up to what the model allows.
 */
static void bbr_on_loss(struct rudp_cc *cc, const struct rudp_cc_loss *loss)
{
	struct bbr *b = bbr_of(cc);

	b->next_number = rudp_max(b->next_number, loss->next_number);
	rudp_bbr_note_loss(cc, loss);
	if (loss->persistent_congestion) {
		rudp_bbr_save_cwnd(cc);
		cc->cwnd_bytes = rudp_bbr_cwnd_min_bytes(cc);
	}
}

static void bbr_on_idle_restart(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct bbr *b = bbr_of(cc);

	b->idle_restart = true;
	b->extra_acked_since_at_ns = now_at_ns;
	b->extra_acked_sum = 0;
	b->now.app_limited = true;
	if (rudp_bbr_is_probe_bw(b))
		rudp_bbr_set_pacing_with_gain(cc, BBR_CRUISE_PACING_GAIN);
	else if (b->state == BBR_PROBE_RTT)
		rudp_bbr_check_probe_rtt_done(cc, now_at_ns);
}

static void bbr_on_mtu(struct rudp_cc *cc, uint32_t datagram_bytes)
{
	assert(datagram_bytes > 0);
	cc->datagram_bytes = datagram_bytes;
	cc->cwnd_bytes = rudp_max(cc->cwnd_bytes, rudp_bbr_cwnd_min_bytes(cc));
	cc->ssthresh_bytes = rudp_max(cc->ssthresh_bytes, rudp_bbr_cwnd_min_bytes(cc));
	cc->send_quantum_bytes = rudp_bbr_quantum_bytes(cc);
}

static bool bbr_measured(const struct rudp_cc *cc, struct rudp_cc_measured *out)
{
	const struct bbr *b = bbr_of_const(cc);

	if (b->bw == 0 || b->min_rtt_ns == RUDP_NEVER)
		return false;
	*out = (struct rudp_cc_measured){
		.bytes_per_s = b->bw,
		.min_rtt_ns = b->min_rtt_ns,
		.is_whole = b->full_bw_reached,
		.base_rtt_ns = b->base_rtt_ns,
		.is_longer = b->is_path_longer,
	};
	/*
	 * STARTUP would have reached this estimate of the trains if there had been more to send. If
	 * the first window came from earlier connections and met no queue, two measurements agree
	 * and the full rate is reported.
	 */
	if (!b->full_bw_reached && rudp_bbr_are_trains_sure(b))
		out->bytes_per_s =
			rudp_max(b->bw, b->has_jumped ? rudp_bbr_train_rate_bytes_per_s(b)
						      : rudp_bbr_train_target_bytes_per_s(b));
	return true;
}

const struct rudp_cc_ops rudp_cc_bbr = {
	.name = "bbr",
	.init = bbr_init,
	.on_sent = bbr_on_sent,
	.on_ack = bbr_on_ack,
	.on_loss = bbr_on_loss,
	.on_spurious = rudp_bbr_take_spurious,
	.on_idle_restart = bbr_on_idle_restart,
	.on_mtu = bbr_on_mtu,
	.measured = bbr_measured,
	.share = rudp_bbr_share,
	.jump = rudp_bbr_jump,
	.expect_rtt = rudp_bbr_expect_rtt,
	.flow = rudp_bbr_flow,
	.shift = rudp_bbr_shift,
};
