/* SPDX-License-Identifier: MIT */
/*
 * CUBIC (RFC 9438). A window reduction starts a recovery period. It ends when a packet sent after
 * the reduction is acknowledged. Until then further losses belong to the same congestion event, and
 * the window does not grow. PRR controls how fast the bytes in flight fall to the new window.
 */
#include "proto/cc/cc_cubic.h"

#include <assert.h>
#include <string.h>

#include "proto/cc/cc.h"
#include "proto/cc/cc_pace.h"
#include "proto/cc/hystart.h"
#include "proto/recovery/prr.h"

#define CWND_DATAGRAMS_MIN 2
#define TARGET_GROWTH_NUM_MAX 3 /* at most half the window in one RTT, RFC 9438 section 4.2 */
#define TARGET_GROWTH_DEN_MAX 2
#define PACING_SLOW_START_PERCENT 200
#define PACING_AVOIDANCE_PERCENT 120

/* Everything that a reduction changes, so that an undo is one assignment. */
struct cubic_window {
	uint64_t cwnd_bytes;
	uint64_t ssthresh_bytes;
	uint64_t w_max_bytes;
	uint64_t w_est_bytes;      /* the window that Reno would have */
	uint64_t cwnd_prior_bytes; /* before the last reduction; from there on alpha is 1 */
	uint64_t k_ms;
	int64_t epoch_at_ns; /* RUDP_NEVER: no congestion avoidance yet */
	struct rudp_hystart hystart;
};

struct cubic {
	struct cubic_window window;
	struct cubic_window undo;
	bool has_undo;
	uint64_t event_lost_packets;  /* in the current congestion event, without spurious losses */
	uint64_t event_first_number;  /* smallest packet number of that event */
	uint64_t recovery_end_number; /* the first packet sent after the reduction */
	uint64_t w_est_rest;          /* fraction of a byte carried to the next ACK */
	uint64_t limited_until_number; /* packets below it were sent while the window was full */
	int64_t unlimited_since_at_ns; /* RUDP_NEVER: the window limits sending */
	int64_t last_sent_at_ns;
	bool in_recovery;
	bool is_prr; /* recovery from loss: PRR reduces the bytes in flight */
	struct rudp_prr prr;
	uint64_t recovery_cwnd_bytes; /* PRR's limit until the next ACK */
};

_Static_assert(sizeof(struct cubic) <= RUDP_CC_STATE_BYTES, "CUBIC must fit in struct rudp_cc");

static struct cubic *state_of(struct rudp_cc *cc)
{
	return (struct cubic *)(void *)cc->state;
}

static uint64_t cwnd_min_bytes(const struct rudp_cc *cc)
{
	return CWND_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes;
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
	return value > least ? value : least;
}

static bool in_slow_start(const struct cubic *c)
{
	return c->window.cwnd_bytes < c->window.ssthresh_bytes;
}

static const char *state_name(const struct cubic *c)
{
	if (c->in_recovery)
		return "recovery";
	if (!in_slow_start(c))
		return "avoidance";
	return c->window.hystart.phase == RUDP_HYSTART_CSS ? "css" : "slow_start";
}

static void publish_window(struct rudp_cc *cc, const struct cubic *c)
{
	cc->cwnd_bytes =
		c->in_recovery && c->is_prr ? c->recovery_cwnd_bytes : c->window.cwnd_bytes;
	cc->ssthresh_bytes = c->window.ssthresh_bytes;
	cc->state_name = state_name(c);
}

static void publish(struct rudp_cc *cc, const struct rudp_rtt *rtt)
{
	struct cubic *c = state_of(cc);
	uint64_t percent = in_slow_start(c) ? PACING_SLOW_START_PERCENT : PACING_AVOIDANCE_PERCENT;
	int64_t rtt_ns = rtt != NULL ? rtt->srtt_ns : RUDP_RTT_INITIAL_NS;

	publish_window(cc, c);
	cc->pacing_bytes_per_s =
		rudp_cc_rate(c->window.cwnd_bytes * percent / 100, rudp_time_max(rtt_ns, 1));
	cc->send_quantum_bytes = rudp_cc_quantum_bytes(
		cc->pacing_bytes_per_s, rtt != NULL ? rtt->min_ns : RUDP_NEVER, cc->datagram_bytes);
}

static void cubic_init(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct cubic *c = state_of(cc);

	memset(c, 0, sizeof(*c));
	c->window.cwnd_bytes = cc->cwnd_bytes;
	c->window.ssthresh_bytes = UINT64_MAX;
	c->window.epoch_at_ns = RUDP_NEVER;
	rudp_hystart_init(&c->window.hystart);
	c->unlimited_since_at_ns = RUDP_NEVER;
	c->last_sent_at_ns = now_at_ns;
	publish(cc, NULL);
}

/* RFC 9438 section 4.2: the curve from the window at the start of the epoch up to w_max. */
static void start_epoch(const struct rudp_cc *cc, struct cubic_window *w, int64_t now_at_ns)
{
	w->epoch_at_ns = now_at_ns;
	w->w_max_bytes = at_least(w->w_max_bytes, w->cwnd_bytes);
	w->w_est_bytes = w->cwnd_bytes;
	w->k_ms = rudp_cubic_k_ms(w->w_max_bytes, w->cwnd_bytes, cc->datagram_bytes);
}

/*
 * RFC 9438 section 4.3: Reno's window. Its alpha compensates for the smaller reduction until the
 * window has regained its size before it.
 */
static void grow_reno_estimate(const struct rudp_cc *cc, struct cubic *c, uint64_t acked_bytes)
{
	struct cubic_window *w = &c->window;
	bool regained = w->w_est_bytes >= w->cwnd_prior_bytes;
	uint64_t num = regained ? RUDP_CUBIC_ALPHA_DEN : RUDP_CUBIC_ALPHA_NUM;
	uint64_t step = RUDP_CUBIC_ALPHA_DEN * w->cwnd_bytes;
	uint64_t sum = c->w_est_rest + num * cc->datagram_bytes * acked_bytes;

	w->w_est_bytes += sum / step;
	c->w_est_rest = sum % step;
}

static void grow_in_avoidance(struct rudp_cc *cc, struct cubic *c, const struct rudp_cc_ack *ack)
{
	struct cubic_window *w = &c->window;
	uint64_t t_ms, rtt_ms, now_bytes, target, most;

	if (w->epoch_at_ns == RUDP_NEVER)
		start_epoch(cc, w, ack->now_at_ns);
	t_ms = (uint64_t)rudp_time_max(ack->now_at_ns - w->epoch_at_ns, 0) / RUDP_NS_PER_MS;
	rtt_ms = (uint64_t)(ack->rtt->srtt_ns / RUDP_NS_PER_MS);
	grow_reno_estimate(cc, c, ack->acked_bytes);
	now_bytes = rudp_cubic_window_bytes(t_ms, w->k_ms, w->w_max_bytes, cc->datagram_bytes);
	if (now_bytes < w->w_est_bytes) {
		w->cwnd_bytes = at_least(w->cwnd_bytes, w->w_est_bytes);
		return;
	}
	target =
		rudp_cubic_window_bytes(t_ms + rtt_ms, w->k_ms, w->w_max_bytes, cc->datagram_bytes);
	most = w->cwnd_bytes * TARGET_GROWTH_NUM_MAX / TARGET_GROWTH_DEN_MAX;
	if (target > most)
		target = most;
	if (target > w->cwnd_bytes)
		w->cwnd_bytes +=
			rudp_cc_mul_div(target - w->cwnd_bytes, ack->acked_bytes, w->cwnd_bytes);
}

/* Delay ends only the first slow start. Later ones end at a threshold that a loss has set. */
static enum rudp_hystart_phase hystart_phase(struct cubic *c, const struct rudp_cc_ack *ack)
{
	if (c->window.ssthresh_bytes != UINT64_MAX)
		return RUDP_HYSTART_SLOW_START;
	return rudp_hystart_on_ack(&c->window.hystart, ack->has_rtt, ack->rtt->latest_ns,
				   ack->largest_acked_number, ack->next_number);
}

static void grow_in_slow_start(struct cubic *c, enum rudp_hystart_phase phase,
			       const struct rudp_cc_ack *ack)
{
	struct cubic_window *w = &c->window;
	uint64_t grown = w->cwnd_bytes + ack->acked_bytes;

	if (phase == RUDP_HYSTART_CSS)
		grown = w->cwnd_bytes + ack->acked_bytes / RUDP_HYSTART_CSS_GROWTH_DIVISOR;
	w->cwnd_bytes = grown < w->ssthresh_bytes ? grown : w->ssthresh_bytes;
}

/*
 * Whether the window is used. If it was full, it counts as used for the next RTT, because a paced
 * sender is blocked only between its bursts. In slow start it also counts if half of it was in
 * flight: slow start paces at twice the window per RTT, so a sender without pauses has no more in
 * flight while the window doubles.
 */
static bool is_window_used(struct cubic *c, const struct rudp_cc_ack *ack)
{
	if (ack->cwnd_limited)
		c->limited_until_number = ack->next_number;
	if (ack->largest_acked_number < c->limited_until_number)
		return true;
	return in_slow_start(c) && !ack->rate.app_limited &&
	       ack->inflight_before_bytes * 2 >= c->window.cwnd_bytes;
}

/*
 * Time in which the window did not limit sending must not advance the curve. Otherwise the window
 * would jump when it limits again (RFC 9438 section 5.8).
 */
static void stop_clock(struct cubic *c, int64_t since_at_ns)
{
	if (c->unlimited_since_at_ns == RUDP_NEVER)
		c->unlimited_since_at_ns = since_at_ns;
}

static void resume_clock(struct cubic *c, int64_t now_at_ns)
{
	if (c->unlimited_since_at_ns == RUDP_NEVER)
		return;
	if (c->window.epoch_at_ns != RUDP_NEVER)
		c->window.epoch_at_ns +=
			now_at_ns - rudp_time_max(c->unlimited_since_at_ns, c->window.epoch_at_ns);
	c->unlimited_since_at_ns = RUDP_NEVER;
}

static uint64_t reduced(const struct rudp_cc *cc, uint64_t bytes)
{
	return at_least(bytes * RUDP_CUBIC_BETA_NUM / RUDP_CUBIC_BETA_DEN, cwnd_min_bytes(cc));
}

/*
 * RFC 9438 sections 4.6 and 4.7. Fast convergence: a flow that is reduced below its last maximum
 * leaves bandwidth to others early.
 */
static void reduce(struct rudp_cc *cc, struct cubic *c, uint64_t next_number, int64_t now_at_ns)
{
	struct cubic_window *w = &c->window;
	uint64_t cwnd = w->cwnd_bytes;

	if (cwnd < w->w_max_bytes)
		w->w_max_bytes = cwnd * (RUDP_CUBIC_BETA_DEN + RUDP_CUBIC_BETA_NUM) /
				 (2 * RUDP_CUBIC_BETA_DEN);
	else
		w->w_max_bytes = cwnd;
	w->cwnd_prior_bytes = cwnd;
	w->ssthresh_bytes = reduced(cc, cwnd);
	w->cwnd_bytes = w->ssthresh_bytes;
	rudp_hystart_stop(&w->hystart);
	resume_clock(c, now_at_ns);
	c->w_est_rest = 0;
	start_epoch(cc, w, now_at_ns);
	c->event_first_number = c->recovery_end_number;
	c->recovery_end_number = next_number;
	c->in_recovery = true;
}

static void cubic_on_sent(struct rudp_cc *cc, uint64_t number, uint64_t bytes,
			  uint64_t inflight_bytes, int64_t now_at_ns)
{
	struct cubic *c = state_of(cc);

	(void)number;
	(void)inflight_bytes;
	c->last_sent_at_ns = now_at_ns;
	if (c->is_prr)
		rudp_prr_on_sent(&c->prr, bytes);
}

/*
 * An ECN mark is a congestion event that can never be spurious. The window is reduced at once,
 * because nothing must be retransmitted and silence drains the queue. With PRR, packets sent during
 * the reduction were marked as well and caused a second reduction: 0.81 of the rate on path P1,
 * where tests/sim requires 0.82.
 */
static void take_marks(struct rudp_cc *cc, struct cubic *c, const struct rudp_cc_ack *ack)
{
	if (ack->ecn_ce_new == 0 || ack->largest_acked_number < c->recovery_end_number)
		return;
	reduce(cc, c, ack->next_number, ack->now_at_ns);
	c->is_prr = false;
	c->has_undo = false;
	c->event_lost_packets = 0;
}

/* Sets what may be in flight until the next ACK of this recovery. */
static void recover(const struct rudp_cc *cc, struct cubic *c, uint64_t inflight_bytes,
		    uint64_t acked_bytes)
{
	const struct rudp_prr_ack ack = {
		.ssthresh_bytes = c->window.ssthresh_bytes,
		.inflight_bytes = inflight_bytes,
		.acked_bytes = acked_bytes,
		.datagram_bytes = cc->datagram_bytes,
	};

	if (c->is_prr)
		c->recovery_cwnd_bytes =
			at_least(rudp_prr_on_ack(&c->prr, &ack), cwnd_min_bytes(cc));
}

static void cubic_on_ack(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct cubic *c = state_of(cc);
	enum rudp_hystart_phase phase;
	bool was_slow_start, used;

	if (c->in_recovery && ack->largest_acked_number >= c->recovery_end_number)
		c->in_recovery = false;
	take_marks(cc, c, ack);
	was_slow_start = in_slow_start(c);
	phase = was_slow_start ? hystart_phase(c, ack) : RUDP_HYSTART_DONE;
	used = is_window_used(c, ack);
	if (used)
		resume_clock(c, ack->now_at_ns);
	else
		stop_clock(c, ack->now_at_ns);
	if (was_slow_start && phase == RUDP_HYSTART_DONE) {
		/*
		 * The curve starts at its plateau: W_max is the window and K is 0 (RFC 9438 section
		 * 4.10).
		 */
		c->window.ssthresh_bytes = c->window.cwnd_bytes;
		start_epoch(cc, &c->window, ack->now_at_ns);
	} else if (c->in_recovery || !used) {
		/* Neither retransmissions nor an unused window prove that more fits. */
	} else if (was_slow_start) {
		grow_in_slow_start(c, phase, ack);
	} else {
		grow_in_avoidance(cc, c, ack);
	}
	recover(cc, c, ack->inflight_bytes, ack->acked_bytes);
	publish(cc, ack->rtt);
}

/* RFC 9002 section 7.6.2, persistent congestion: what is known of the path is no longer valid. */
static void collapse(struct rudp_cc *cc, struct cubic *c)
{
	c->window.cwnd_bytes = cwnd_min_bytes(cc);
	c->window.epoch_at_ns = RUDP_NEVER;
	c->in_recovery = false;
}

static void cubic_on_loss(struct rudp_cc *cc, const struct rudp_cc_loss *loss)
{
	struct cubic *c = state_of(cc);

	if (loss->largest_lost_number >= c->recovery_end_number) {
		c->undo = c->window;
		c->has_undo = true;
		c->event_lost_packets = 0;
		reduce(cc, c, loss->next_number, loss->now_at_ns);
		c->is_prr = true;
		rudp_prr_begin(&c->prr,
			       loss->inflight_bytes + loss->lost_bytes + loss->acked_bytes);
	}
	c->event_lost_packets += loss->lost_packets;
	if (loss->persistent_congestion)
		collapse(cc, c);
	recover(cc, c, loss->inflight_bytes, 0); /* on_ack follows with the acknowledged bytes */
	publish(cc, loss->rtt);
}

/* RFC 9438 section 4.9.2: undo when all losses of the event were spurious. */
static void cubic_on_spurious(struct rudp_cc *cc, const struct rudp_cc_spurious *spurious)
{
	struct cubic *c = state_of(cc);

	if (!c->has_undo || spurious->largest_number < c->event_first_number)
		return;
	if (spurious->packets < c->event_lost_packets) {
		c->event_lost_packets -= spurious->packets;
		return;
	}
	if (c->undo.cwnd_bytes > c->window.cwnd_bytes)
		c->window = c->undo;
	c->event_lost_packets = 0;
	c->has_undo = false;
	c->in_recovery = false;
	publish_window(cc, c);
}

static void cubic_on_idle_restart(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct cubic *c = state_of(cc);

	stop_clock(c, rudp_time_min(c->last_sent_at_ns, now_at_ns));
}

static void cubic_on_mtu(struct rudp_cc *cc, uint32_t datagram_bytes)
{
	struct cubic *c = state_of(cc);

	assert(datagram_bytes > 0);
	cc->datagram_bytes = datagram_bytes;
	c->window.cwnd_bytes = at_least(c->window.cwnd_bytes, cwnd_min_bytes(cc));
	c->window.ssthresh_bytes = at_least(c->window.ssthresh_bytes, cwnd_min_bytes(cc));
	c->recovery_cwnd_bytes = at_least(c->recovery_cwnd_bytes, cwnd_min_bytes(cc));
	publish_window(cc, c);
	cc->send_quantum_bytes =
		rudp_cc_quantum_bytes(cc->pacing_bytes_per_s, RUDP_NEVER, datagram_bytes);
}

const struct rudp_cc_ops rudp_cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_sent = cubic_on_sent,
	.on_ack = cubic_on_ack,
	.on_loss = cubic_on_loss,
	.on_spurious = cubic_on_spurious,
	.on_idle_restart = cubic_on_idle_restart,
	.on_mtu = cubic_on_mtu,
};
