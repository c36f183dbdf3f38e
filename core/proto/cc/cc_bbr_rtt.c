/* SPDX-License-Identifier: MIT */
/* BBR and delay: min_rtt, PROBE_RTT, and the detection of a queue. */
#include "proto/cc/cc_bbr.h"

/*
 * A queue never drains by more than the time that passes. A delay that falls faster was jitter: if
 * packets keep their order, those behind a slow one arrive with it, each with less delay.
 */
static void note_fall(struct bbr *b, int64_t rtt_ns, int64_t now_at_ns)
{
	b->fall_from_ns = rudp_time_max(b->fall_from_ns, now_at_ns + rtt_ns);
	b->now.fall_max_ns =
		rudp_time_max(b->now.fall_max_ns, b->fall_from_ns - now_at_ns - rtt_ns);
}

static void close_delay_bucket(struct bbr *b, int64_t now_at_ns)
{
	b->delay_since_at_ns = now_at_ns;
	b->delay_ns = b->delay_bucket_ns;
	b->now.delay_max_ns = rudp_time_max(b->now.delay_max_ns, b->delay_ns);
	b->delay_bucket_ns = RUDP_NEVER;
	b->delay_samples = 0;
}

/* The smallest of eight samples: one packet that waited is jitter, eight in a row are a queue. */
void rudp_bbr_note_rtt(struct bbr *b, const struct rudp_cc_ack *ack)
{
	if (!ack->has_rtt)
		return;
	note_fall(b, ack->rtt->latest_ns, ack->now_at_ns);
	b->now.rtt_min_ns = rudp_time_min(b->now.rtt_min_ns, ack->rtt->latest_ns);
	b->now.rtt_samples++;
	b->delay_bucket_ns = rudp_time_min(b->delay_bucket_ns, ack->rtt->latest_ns);
	b->delay_samples++;
	if (b->delay_samples >= BBR_DELAY_SAMPLES ||
	    (b->delay_samples >= BBR_DELAY_SAMPLES_SPARSE &&
	     ack->now_at_ns - b->delay_since_at_ns >= b->min_rtt_ns / BBR_DELAY_SPAN_DIVISOR))
		close_delay_bucket(b, ack->now_at_ns);
}

/* The bound between jitter and a queue: an eighth of the RTT, 4 ms to 16 ms (as in RFC 9406). */
int64_t rudp_bbr_delay_bound_ns(const struct bbr *b, int64_t least_ns)
{
	return rudp_time_min(rudp_time_max(b->min_rtt_ns / BBR_DELAY_DIVISOR, least_ns),
			     BBR_DELAY_NS_MAX);
}

/*
 * The bound in a probe. It is lower, because the probe causes the queue that it looks for. While
 * the rate of the path varies, it is half an RTT: without a queue, a higher rate is not noticed.
 * A single change is no reason: another flow may have paused.
 */
int64_t rudp_bbr_probe_bound_ns(const struct bbr *b)
{
	if (b->holds_long_queue && rudp_bbr_is_rate_varying(b) && rudp_bbr_has_rate_changed(b))
		return rudp_time_max(b->min_rtt_ns / 2, BBR_PROBE_DELAY_NS_MIN);
	return rudp_bbr_delay_bound_ns(b, BBR_PROBE_DELAY_NS_MIN);
}

static bool is_delay_above(const struct bbr *b, int64_t base_ns, int64_t bound_ns)
{
	if (b->delay_ns == RUDP_NEVER || base_ns == RUDP_NEVER || b->min_rtt_ns == RUDP_NEVER)
		return false;
	return b->delay_ns - base_ns > bound_ns;
}

bool rudp_bbr_has_delay_grown(const struct bbr *b, int64_t base_ns)
{
	return is_delay_above(b, base_ns, rudp_bbr_delay_bound_ns(b, BBR_DELAY_NS_MIN));
}

/*
 * The RTT without a queue, at the current rate. Jitter that keeps packets in order grows with the
 * rate, because each packet waits for the slowest one before it. So min_rtt, measured with few
 * packets, is too short.
 */
int64_t rudp_bbr_drained_rtt_ns(const struct bbr *b)
{
	return rudp_time_max(b->min_rtt_ns, b->drained_rtt_ns);
}

/*
 * The packets of the last round met no queue of ours. Their delay above min_rtt is jitter if it
 * falls faster than a queue drains. Otherwise other flows may keep a queue.
 */
void rudp_bbr_note_drained(struct bbr *b)
{
	int64_t above_ns = b->last.rtt_min_ns - b->min_rtt_ns;

	b->drained_rtt_ns =
		b->last.fall_max_ns * BBR_JITTER_PARTS >= above_ns ? b->last.rtt_min_ns : 0;
}

/*
 * PROBE_RTT, which measures the RTT without a queue again, is put off while RTTs close to min_rtt
 * are seen (is_refreshed): they show that the queue is empty. If the last round had one of them,
 * drained_rtt_ns still contained a queue when it was measured.
 */
void rudp_bbr_correct_drained(struct bbr *b)
{
	int64_t rtt_ns = b->last.rtt_min_ns;

	if (b->state == BBR_CRUISE && !b->last.app_limited && rtt_ns < b->drained_rtt_ns &&
	    rtt_ns <= b->min_rtt_ns + b->min_rtt_ns / BBR_SAME_RTT_DIVISOR)
		b->drained_rtt_ns = rtt_ns;
}

/* Every packet of a whole round was delayed: jitter never does that. */
bool rudp_bbr_had_round_delay(const struct bbr *b)
{
	if (b->min_rtt_ns == RUDP_NEVER || b->last.rtt_samples < BBR_DELAY_SAMPLES_SPARSE)
		return false;
	return b->last.rtt_min_ns > rudp_bbr_drained_rtt_ns(b) + rudp_bbr_probe_bound_ns(b);
}

/* The bound is above the variation of the round before. */
bool rudp_bbr_has_probe_delay(const struct bbr *b)
{
	int64_t bound_ns = rudp_bbr_probe_bound_ns(b);

	return is_delay_above(b, b->up_base_ns,
			      rudp_time_max(bound_ns, b->up_spread_ns + bound_ns / 2));
}

/*
 * An RTT close to the minimum shows that the queue is empty, which is what PROBE_RTT would check.
 */
static bool is_refreshed(const struct bbr *b, const struct rudp_cc_ack *ack)
{
	int64_t rtt_ns = ack->rtt->latest_ns;

	if (rtt_ns < b->probe_rtt_min_ns)
		return true;
	if (ack->now_at_ns > b->probe_rtt_last_at_ns + BBR_PROBE_RTT_INTERVAL_NS_MAX)
		return false;
	return rtt_ns <= b->probe_rtt_min_ns + b->probe_rtt_min_ns / BBR_SAME_RTT_DIVISOR;
}

static void update_base_rtt(struct bbr *b, const struct rudp_cc_ack *ack)
{
	if (!ack->has_rtt)
		return;
	b->base_rtt_ns = rudp_time_min(b->base_rtt_ns, ack->rtt->latest_ns);
	if (ack->rtt->latest_ns < b->base_rtt_ns + b->base_rtt_ns / 2)
		b->foreign = false;
}

/* A flow that never saw the path empty would take a standing queue for a part of the path. */
void rudp_bbr_expect_rtt(struct rudp_cc *cc, int64_t base_rtt_ns)
{
	struct bbr *b = bbr_of(cc);

	b->base_rtt_ns = rudp_time_min(b->base_rtt_ns, base_rtt_ns);
}

/* A path that has become longer looks like a queue, but its RTT stays constant. */
static bool is_path_longer(struct bbr *b)
{
	int64_t change_ns = b->probe_rtt_min_ns - b->foreign_rtt_ns;
	int64_t same_ns = b->probe_rtt_min_ns / BBR_SAME_RTT_DIVISOR;

	b->foreign_same = change_ns <= same_ns && -change_ns <= same_ns ? b->foreign_same + 1 : 0;
	b->foreign_rtt_ns = b->probe_rtt_min_ns;
	return b->foreign_same >= BBR_FOREIGN_SAME_MAX;
}

/*
 * At the end of PROBE_RTT our part of the queue has drained; what remains belongs to other flows.
 * steady: RTTs near this one were seen so often that PROBE_RTT was put off as long as it may be.
 */
static void detect_foreign(struct bbr *b, bool steady, int64_t now_at_ns)
{
	/* Divided rather than multiplied: the value may be RUDP_NEVER. */
	b->foreign = b->probe_rtt_min_ns / BBR_FOREIGN_RTTS > b->base_rtt_ns;
	if (!b->foreign)
		return;
	if (is_path_longer(b) || steady) {
		b->foreign = false;
		b->base_rtt_ns = b->probe_rtt_min_ns;
		b->is_path_longer = true;
	}
	b->min_rtt_ns = b->probe_rtt_min_ns;
	b->min_rtt_at_ns = now_at_ns;
}

void rudp_bbr_update_min_rtt(struct bbr *b, const struct rudp_cc_ack *ack)
{
	int64_t now_at_ns = ack->now_at_ns;

	update_base_rtt(b, ack);
	b->probe_rtt_expired = now_at_ns > b->probe_rtt_min_at_ns + BBR_PROBE_RTT_INTERVAL_NS;
	if (ack->has_rtt && b->probe_rtt_expired) {
		b->probe_rtt_min_ns = ack->rtt->latest_ns;
		b->probe_rtt_min_at_ns = now_at_ns;
	} else if (ack->has_rtt && is_refreshed(b, ack)) {
		b->probe_rtt_min_ns = rudp_time_min(b->probe_rtt_min_ns, ack->rtt->latest_ns);
		b->probe_rtt_min_at_ns = now_at_ns;
	}
	if (b->probe_rtt_min_ns < b->min_rtt_ns ||
	    now_at_ns > b->min_rtt_at_ns + BBR_MIN_RTT_WINDOW_NS) {
		b->min_rtt_ns = b->probe_rtt_min_ns;
		b->min_rtt_at_ns = b->probe_rtt_min_at_ns;
	}
}

static void enter_probe_rtt(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	rudp_bbr_save_cwnd(cc);
	rudp_bbr_enter(cc, BBR_PROBE_RTT);
	b->holding = false;
	b->probe_rtt_done_at_ns = RUDP_NEVER;
	b->ack_phase = BBR_ACKS_PROBE_STOPPING;
	rudp_bbr_start_round(b);
}

static void leave_probe_rtt(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct bbr *b = bbr_of(cc);
	bool steady = now_at_ns > b->probe_rtt_last_at_ns + BBR_PROBE_RTT_INTERVAL_NS_MAX;

	if (b->last.rtt_min_ns != RUDP_NEVER)
		rudp_bbr_note_drained(b);
	b->probe_rtt_min_at_ns = now_at_ns;
	b->probe_rtt_last_at_ns = now_at_ns;
	b->probe_rtt_end_number = b->next_number;
	detect_foreign(b, steady, now_at_ns);
	cc->cwnd_bytes = rudp_max(cc->cwnd_bytes, b->prior_cwnd_bytes);
	rudp_bbr_reset_shortterm(b);
	if (!b->full_bw_reached) {
		rudp_bbr_enter_startup(cc);
		return;
	}
	rudp_bbr_start_down(cc, now_at_ns);
	/* No probe has just ended, so the filter has no samples to take over. */
	b->ack_phase = BBR_ACKS_INIT;
	b->is_bw_probe_sample = false;
	rudp_bbr_start_cruise(cc);
}

void rudp_bbr_check_probe_rtt_done(struct rudp_cc *cc, int64_t now_at_ns)
{
	struct bbr *b = bbr_of(cc);

	if (b->probe_rtt_done_at_ns != RUDP_NEVER && now_at_ns > b->probe_rtt_done_at_ns)
		leave_probe_rtt(cc, now_at_ns);
}

/* The time starts when half of the pipe is in flight, and lasts at least 200 ms and one RTT. */
static void go_on_probe_rtt(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (b->probe_rtt_done_at_ns == RUDP_NEVER) {
		if (ack->inflight_bytes > rudp_bbr_probe_rtt_cwnd_bytes(cc))
			return;
		b->probe_rtt_done_at_ns = ack->now_at_ns + BBR_PROBE_RTT_NS;
		b->probe_rtt_round_done = false;
		rudp_bbr_start_round(b);
		return;
	}
	if (b->round_start)
		b->probe_rtt_round_done = true;
	if (b->probe_rtt_round_done)
		rudp_bbr_check_probe_rtt_done(cc, ack->now_at_ns);
}

/*
 * If other flows on the path empty the queue too, it drains, which one flow alone could not
 * achieve.
 */
static bool is_time_to_probe_rtt(const struct rudp_cc *cc, int64_t now_at_ns)
{
	const struct bbr *b = bbr_of_const(cc);

	/* STARTUP needs many RTTs on a long path, and detects a queue itself. */
	if (b->state == BBR_STARTUP &&
	    now_at_ns <= b->probe_rtt_last_at_ns + BBR_PROBE_RTT_INTERVAL_NS_MAX)
		return false;
	return b->probe_rtt_expired ||
	       (cc->is_to_probe[RUDP_CC_EMPTY] &&
		now_at_ns > b->probe_rtt_min_at_ns + BBR_PROBE_RTT_INTERVAL_NS / 2);
}

void rudp_bbr_check_probe_rtt(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (b->state != BBR_PROBE_RTT && is_time_to_probe_rtt(cc, ack->now_at_ns) &&
	    !b->idle_restart)
		enter_probe_rtt(cc);
	if (b->state == BBR_PROBE_RTT)
		go_on_probe_rtt(cc, ack);
	if (ack->acked_bytes > 0)
		b->idle_restart = false;
}
