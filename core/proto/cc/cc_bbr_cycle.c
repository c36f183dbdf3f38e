/* SPDX-License-Identifier: MIT */
/* BBR's PROBE_BW cycle: DOWN, CRUISE, REFILL, UP, and the long-term bound that probes move. */
#include "proto/cc/cc_bbr.h"

#include "base/split_mix.h"
#include "proto/cc/cc_pace.h"

/* Seeded with values that an observer does not know exactly. It only desynchronizes flows. */
static uint64_t random_below(struct bbr *b, uint64_t limit, int64_t now_at_ns)
{
	b->random += (uint64_t)now_at_ns ^ b->next_number << 32;
	return rudp_split_mix(&b->random) % limit;
}

static void pick_probe_wait(struct bbr *b, int64_t now_at_ns)
{
	b->rounds_since_probe = random_below(b, 2, now_at_ns);
	b->probe_wait_ns = BBR_PROBE_WAIT_NS +
			   (int64_t)random_below(b, (uint64_t)BBR_PROBE_WAIT_RANDOM_NS, now_at_ns);
}

/*
 * The first probe follows soon, because STARTUP measured only in passing. But not at once: the
 * losses of STARTUP are detected meanwhile.
 */
static void pick_first_wait(struct bbr *b)
{
	/* min_rtt may be RUDP_NEVER */
	b->probe_wait_ns = rudp_time_min(b->min_rtt_ns, BBR_PROBE_WAIT_NS);
	b->has_probed = true;
}

static bool has_grown(const struct bbr *b, uint64_t percent)
{
	return b->max_bw > b->up_bw / 100 * percent;
}

/*
 * A probe ends. If it found more bandwidth on a path whose rate changes, the next one follows soon.
 * But a policer lets through what it has saved up, and then drops: no change of the path.
 */
static void note_growth(struct bbr *b, int64_t now_at_ns)
{
	if (b->up_alone && !b->prev_probe_too_high && has_grown(b, BBR_FULL_BW_GROWTH))
		b->varied_at_ns = now_at_ns;
	if (rudp_bbr_has_rate_changed(b) && has_grown(b, BBR_UP_BW_GROWTH))
		b->has_probed = false;
}

void rudp_bbr_start_down(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct bbr *b = bbr_of(cc);

	rudp_bbr_reset_congestion_signals(b);
	b->probe_up_acked_per_inc = BBR_INFINITE;
	pick_probe_wait(b, now_at_ns);
	if (b->state == BBR_UP)
		note_growth(b, now_at_ns);
	if (!b->has_probed)
		pick_first_wait(b);
	b->cycle_at_ns = now_at_ns;
	rudp_bbr_start_settling(b);
	b->ack_phase = BBR_ACKS_PROBE_STOPPING;
	rudp_bbr_start_round(b);
	rudp_bbr_enter(cc, BBR_DOWN);
}

void rudp_bbr_start_cruise(struct rudp_cc *cc)
{
	rudp_bbr_stop_draining(bbr_of(cc));
	rudp_bbr_enter(cc, BBR_CRUISE);
}

void rudp_bbr_start_refill(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	rudp_bbr_reset_shortterm(b);
	b->probe_up_rounds = 0;
	b->probe_up_acked = 0;
	b->prev_probe_precautionary = false;
	b->ack_phase = BBR_ACKS_REFILLING;
	rudp_bbr_start_round(b);
	rudp_bbr_enter(cc, BBR_REFILL);
}

static void raise_slope(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t growth = UINT64_C(1) << b->probe_up_rounds;

	if (b->probe_up_rounds < BBR_PROBE_UP_ROUNDS_MAX)
		b->probe_up_rounds++;
	b->probe_up_acked_per_inc = rudp_max(cc->cwnd_bytes / growth, cc->datagram_bytes);
}

/*
 * The bytes that a probe may add to those in flight: a queue just long enough to be noticed,
 * doubled in each round in which it is not. On a long path the pacing gain alone would add a
 * quarter of everything in flight, a queue of 150 ms. If a queue exists already, it belongs to
 * other flows: no limit.
 */
static uint64_t first_extra_bytes(const struct bbr *b)
{
	int64_t bound_ns = rudp_bbr_probe_bound_ns(b);

	if (b->foreign || rudp_bbr_is_queue_evident(b))
		return BBR_INFINITE;
	return rudp_cc_mul_div(rudp_cc_bytes_in(b->bw, bound_ns), BBR_UP_EXTRA_GAIN, 100);
}

static void raise_extra(struct bbr *b)
{
	if (!b->round_start)
		return;
	/*
	 * The first round of a probe acknowledges packets sent before it, the second those sent
	 * while the queue was growing.
	 */
	if (b->up_limited && b->up_rounds++ > 1 && b->up_extra_bytes < BBR_INFINITE / 2)
		b->up_extra_bytes *= 2;
	b->up_limited = false;
}

/* Any queue is too short to be noticed, so no other flow, or hardly any, keeps one. */
static bool is_alone(const struct bbr *b)
{
	return !b->foreign && b->up_base_ns != RUDP_NEVER &&
	       b->up_base_ns <= rudp_bbr_drained_rtt_ns(b) + rudp_bbr_probe_bound_ns(b);
}

static void start_up(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	b->is_bw_probe_sample = true;
	b->ack_phase = BBR_ACKS_PROBE_STARTING;
	rudp_bbr_start_round(b);
	rudp_bbr_reset_full_bw(b);
	b->full_bw = b->last.bw_max;
	b->up_base_ns = b->last.rtt_min_ns;
	b->up_spread_ns = b->last.delay_max_ns - b->last.rtt_min_ns;
	b->up_bw = b->max_bw;
	b->up_alone = is_alone(b);
	/* The value before this ACK: if ACKs are rare, each leaves much less in flight. */
	b->up_inflight_bytes = ack->inflight_before_bytes;
	b->up_extra_bytes = first_extra_bytes(b);
	b->up_limited = false;
	b->up_at_longterm = false;
	b->up_rounds = 0;
	rudp_bbr_start_probe_count(b);
	rudp_bbr_enter(cc, BBR_UP);
	raise_slope(cc);
}

/*
 * Flows that probe together count as one. Next to foreign or unresponsive flows each probes for
 * itself.
 */
static bool is_probing_together(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);

	return cc->flows > 1 && !b->foreign && !rudp_bbr_is_beside_unresponsive(b);
}

/*
 * Draft section 5.3.3.8: probe after 2 s to 3 s, or after as many rounds as Reno (with the windows
 * of all flows that probe together) needs to regain half its window, but at most 63. A flow that is
 * alone need not keep pace with Reno: four times that limit, and only that limit if the last probe
 * met a policer. A path whose rate changed recently may carry more as soon as there is neither
 * queue nor loss. part: divides these times.
 */
static bool is_due(const struct rudp_cc *cc, int64_t now_at_ns, unsigned part)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t flows = is_probing_together(cc) ? cc->flows : 1;
	uint64_t reno_rounds = rudp_bbr_target_inflight_bytes(cc) * flows / cc->datagram_bytes;
	uint64_t most = b->up_alone ? BBR_ALONE_ROUNDS_MAX : BBR_RENO_ROUNDS_MAX;

	if (b->up_alone && b->policed)
		reno_rounds = most;
	if (rudp_bbr_has_rate_changed(b) && b->round_start && b->delayed_rounds == 0 &&
	    b->last.lost_bytes == 0 && b->rounds_since_probe > 1)
		return true;
	return now_at_ns > b->cycle_at_ns + b->probe_wait_ns / part ||
	       b->rounds_since_probe >= rudp_min(reno_rounds, most) / part;
}

/* If the group asks for a probe, half of the time is enough. */
static bool is_time_to_probe(const struct rudp_cc *cc, int64_t now_at_ns)
{
	bool asked = cc->is_to_probe[RUDP_CC_BANDWIDTH] && is_probing_together(cc);

	return is_due(cc, now_at_ns, asked ? 2 : 1);
}

/*
 * Bandwidth given up for a queue or losses would return only with the next probe, which is far away
 * for a flow that is alone. If for a queue that is gone, the rate becomes what was delivered while
 * it lasted. If for losses without a queue, it returns as soon as it is clear that they do not stop
 * at the lowered rate, else as often as others probe: a host that stalled for a moment looks like
 * congestion. Not all of it returns, because the largest sample is above what the path carries. If
 * the queue or the losses return with it, it settles again.
 */
static void regain_bandwidth(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	bool queued = b->settled_queue_rate > 0;
	uint64_t least = rudp_bbr_alone_least(b);

	rudp_bbr_grow_unmarked(cc);
	if (queued)
		least = rudp_min(least, b->settled_queue_rate);
	if (!b->up_alone || !b->round_start || rudp_bbr_had_round_delay(b) || b->bw >= least)
		return;
	if (!queued && b->rounds_since_probe % BBR_RENO_ROUNDS_MAX != 0 &&
	    !rudp_bbr_have_losses_stayed(b))
		return;
	rudp_bbr_reset_shortterm(b);
	b->bw_shortterm = least;
	b->settled = false;
	b->settled_queue_rate = 0;
}

/* The long-term bound with headroom for other flows. */
uint64_t rudp_bbr_with_headroom(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t headroom;

	if (b->inflight_longterm == BBR_INFINITE)
		return BBR_INFINITE;
	headroom = rudp_max(b->inflight_longterm / 100 * BBR_HEADROOM, cc->datagram_bytes);
	return rudp_max(b->inflight_longterm - rudp_min(headroom, b->inflight_longterm),
			rudp_bbr_cwnd_min_bytes(cc));
}

/*
 * A queue that remains after this many rounds belongs to other flows, who would take whatever we
 * give up.
 */
static bool is_time_to_cruise(const struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	if (bbr_of_const(cc)->phase_rounds >= BBR_DOWN_ROUNDS_MAX)
		return true;
	return ack->inflight_bytes <= rudp_bbr_with_headroom(cc) &&
	       ack->inflight_bytes <= rudp_bbr_inflight_bytes(cc, bbr_of_const(cc)->max_bw, 100);
}

/*
 * The probe reached the long-term bound and met a queue, not loss: the bound was wrong, and delay
 * limits the next probe well enough. The probe reached the bound if the bound limited it at any
 * time: the packet that reveals the queue may not be the one that filled the window.
 */
static void forget_longterm(struct bbr *b, const struct rudp_cc_ack *ack)
{
	if (b->up_at_longterm || ack->rate.inflight_at_send_bytes >= b->inflight_longterm)
		b->inflight_longterm = BBR_INFINITE;
}

/*
 * An unresponsive flow keeps a queue that would end each probe at once, and we would stay at the
 * rate that it left us. So a probe next to it continues while it finds more bandwidth. But if the
 * queue is so short that packets are lost, delay ends the probe: the other flow would take what we
 * lose.
 */
static bool is_delay_foreign(const struct bbr *b)
{
	return b->foreign || (rudp_bbr_is_beside_unresponsive(b) &&
			      b->loss_peak_ppm < BBR_LOSS_THRESH * UINT64_C(10000));
}

/*
 * A probe ends when the pipe is full: by the draft's estimate of three rounds without growth, or
 * earlier by the delay of the queue that the probe has built, seen on its own packets.
 */
static bool is_time_to_go_down(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (b->prev_probe_too_high && ack->inflight_bytes >= b->inflight_longterm) {
		b->prev_probe_precautionary = true;
		return true;
	}
	b->up_at_longterm |= ack->cwnd_limited && cc->cwnd_bytes >= b->inflight_longterm;
	if (b->ack_phase == BBR_ACKS_PROBE_FEEDBACK &&
	    (rudp_bbr_are_marks_many(cc) ||
	     (rudp_bbr_has_probe_delay(b) && !is_delay_foreign(b)))) {
		forget_longterm(b, ack);
		return true;
	}
	if (b->round_start && b->ack_phase == BBR_ACKS_PROBE_FEEDBACK && rudp_bbr_judge_probe(cc))
		return true;
	if (b->round_start && b->up_rounds >= 2 && has_grown(b, BBR_UP_STARTUP_GROWTH) &&
	    !rudp_bbr_is_rate_varying(b)) {
		rudp_bbr_forget_trains(b);
		rudp_bbr_start_again(cc, b->up_base_ns + rudp_time_max(b->up_spread_ns, 0));
		return false;
	}
	b->up_limited |= ack->cwnd_limited;
	raise_extra(b);
	if (ack->cwnd_limited && cc->cwnd_bytes < rudp_bbr_gain_bytes(cc) &&
	    (cc->cwnd_bytes >= b->inflight_longterm || b->up_extra_bytes < BBR_INFINITE)) {
		rudp_bbr_reset_full_bw(b);
		b->full_bw = b->last.bw_max;
		return false;
	}
	return b->full_bw_now;
}

static void probe_longterm_upward(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);
	uint64_t steps;

	if (!ack->cwnd_limited || cc->cwnd_bytes < b->inflight_longterm)
		return;
	b->probe_up_acked += ack->acked_bytes;
	steps = b->probe_up_acked / b->probe_up_acked_per_inc;
	b->probe_up_acked -= steps * b->probe_up_acked_per_inc;
	b->inflight_longterm += steps * cc->datagram_bytes;
	if (b->round_start)
		raise_slope(cc);
}

static void take_inflight_too_high(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	b->prev_probe_too_high = true;
	b->holds_long_queue = rudp_bbr_was_queue_long(b);
	b->is_bw_probe_sample = false; /* one reaction for each probe */
	if (!b->app_limited)
		b->inflight_longterm =
			rudp_max(ack->rate.inflight_at_send_bytes,
				 rudp_bbr_target_inflight_bytes(cc) / 100 * BBR_BETA);
	if (b->state == BBR_UP) {
		b->undo.left_up = true;
		rudp_bbr_start_down(cc, ack->now_at_ns);
	}
}

/* Returns true if a precautionary probe ended well and the next one has started already. */
static bool advance_ack_phase(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	if (!b->round_start)
		return false;
	if (b->ack_phase == BBR_ACKS_PROBE_STARTING)
		b->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
	if (b->ack_phase != BBR_ACKS_PROBE_STOPPING)
		return false;
	b->is_bw_probe_sample = false;
	b->ack_phase = BBR_ACKS_INIT;
	if (!rudp_bbr_is_probe_bw(b))
		return false;
	if (!b->app_limited)
		rudp_bbr_advance_max_bw(b);
	if (!b->prev_probe_precautionary || b->prev_probe_too_high)
		return false;
	rudp_bbr_start_refill(cc);
	return true;
}

static bool adapt_longterm(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (advance_ack_phase(cc))
		return true;
	if (b->is_bw_probe_sample && rudp_bbr_is_inflight_too_high(cc, ack)) {
		bool was_up = b->state == BBR_UP;

		take_inflight_too_high(cc, ack);
		return was_up;
	}
	if (b->inflight_longterm == BBR_INFINITE)
		return false;
	b->inflight_longterm = rudp_max(b->inflight_longterm, ack->rate.inflight_at_send_bytes);
	if (b->state == BBR_UP)
		probe_longterm_upward(cc, ack);
	return false;
}

void rudp_bbr_update_cycle(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (!b->full_bw_reached || adapt_longterm(cc, ack))
		return;
	switch (b->state) {
	case BBR_DOWN:
		if (is_time_to_probe(cc, ack->now_at_ns))
			rudp_bbr_start_refill(cc);
		else if (is_time_to_cruise(cc, ack))
			rudp_bbr_start_cruise(cc);
		break;
	case BBR_CRUISE:
		if (is_time_to_probe(cc, ack->now_at_ns))
			rudp_bbr_start_refill(cc);
		else
			regain_bandwidth(cc);
		break;
	case BBR_REFILL:
		if (b->round_start)
			start_up(cc, ack);
		break;
	case BBR_UP:
		if (is_time_to_go_down(cc, ack)) {
			b->prev_probe_too_high = false;
			rudp_bbr_start_down(cc, ack->now_at_ns);
		}
		break;
	case BBR_STARTUP:
	case BBR_DRAIN:
	case BBR_PROBE_RTT:
		break;
	}
}
