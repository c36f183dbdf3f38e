/* SPDX-License-Identifier: MIT */
/* BBR and delay: the path's own round trip, PROBE_RTT that looks for it, and growth of a queue. */
#include "proto/cc/cc_bbr.h"

/*
 * A queue falls by less than half of the time that passes, unless a third of all traffic stops at
 * once. A delay that falls faster is jitter.
 */
static void note_fall(struct bbr *b, int64_t rtt_ns, int64_t now_at_ns)
{
	int64_t drained_ns = (now_at_ns - b->rtt_before_at_ns) / 2;

	if (b->rtt_before_ns != 0)
		b->now.fall_max_ns =
			rudp_time_max(b->now.fall_max_ns, b->rtt_before_ns - rtt_ns - drained_ns);
	b->rtt_before_ns = rtt_ns;
	b->rtt_before_at_ns = now_at_ns;
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

/* What is no jitter: an eighth of the round trip, 4 ms to 16 ms (as RFC 9406 has it). */
int64_t rudp_bbr_delay_bound_ns(const struct bbr *b, int64_t least_ns)
{
	return rudp_time_min(rudp_time_max(b->min_rtt_ns / BBR_DELAY_DIVISOR, least_ns),
			     BBR_DELAY_NS_MAX);
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
 * The round trip without a queue, at the rate of now. Jitter that keeps packets in order is longer
 * the more packets there are: each waits for the slowest before it. So min_rtt, seen by a few
 * packets, is too short.
 */
int64_t rudp_bbr_drained_rtt_ns(const struct bbr *b)
{
	return rudp_time_max(b->min_rtt_ns, b->drained_rtt_ns);
}

/*
 * The packets of the last round met no queue of ours. What they took longer than min_rtt is jitter
 * if their delay falls faster than a queue does. Else other flows may keep a queue there.
 */
void rudp_bbr_note_drained(struct bbr *b)
{
	int64_t above_ns = b->last.rtt_min_ns - b->min_rtt_ns;

	b->drained_rtt_ns =
		b->last.fall_max_ns * BBR_JITTER_PARTS >= above_ns ? b->last.rtt_min_ns : 0;
}

/* No packet of a whole round came through without it: jitter is never that thorough. */
bool rudp_bbr_had_round_delay(const struct bbr *b)
{
	if (b->min_rtt_ns == RUDP_NEVER || b->last.rtt_samples < BBR_DELAY_SAMPLES_SPARSE)
		return false;
	return b->last.rtt_min_ns >
	       rudp_bbr_drained_rtt_ns(b) + rudp_bbr_delay_bound_ns(b, BBR_PROBE_DELAY_NS_MIN);
}

/*
 * The bound of a probe is lower, since it causes the queue that it looks for, but above how much
 * the round before it varied.
 */
bool rudp_bbr_has_probe_delay(const struct bbr *b)
{
	int64_t bound_ns = rudp_bbr_delay_bound_ns(b, BBR_PROBE_DELAY_NS_MIN);

	return is_delay_above(b, b->up_base_ns,
			      rudp_time_max(bound_ns, b->up_spread_ns + bound_ns / 2));
}

/* An RTT as good as the minimum shows an empty queue, which is all that PROBE_RTT wants. */
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

/* Who has never seen the path empty would take a queue that stands for a part of it. */
void rudp_bbr_expect_rtt(struct rudp_cc *cc, int64_t base_rtt_ns)
{
	struct bbr *b = bbr_of(cc);

	b->base_rtt_ns = rudp_time_min(b->base_rtt_ns, base_rtt_ns);
}

/* A path that has become longer looks like a queue, but it stays the same. */
static bool is_path_longer(struct bbr *b)
{
	int64_t change_ns = b->probe_rtt_min_ns - b->foreign_rtt_ns;
	int64_t same_ns = b->probe_rtt_min_ns / BBR_SAME_RTT_DIVISOR;

	b->foreign_same = change_ns <= same_ns && -change_ns <= same_ns ? b->foreign_same + 1 : 0;
	b->foreign_rtt_ns = b->probe_rtt_min_ns;
	return b->foreign_same >= BBR_FOREIGN_SAME_MAX;
}

/*
 * PROBE_RTT ends: what is ours has drained, and what still stands is another's. steady: the round trip
 * has been so short again and again, for as long as PROBE_RTT may be put off.
 */
static void look_for_foreign(struct bbr *b, bool steady, int64_t now_at_ns)
{
	/* Divided: there may have been no sample yet. */
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
	look_for_foreign(b, steady, now_at_ns);
	rudp_bbr_restore_cwnd(cc);
	rudp_bbr_reset_shortterm(b);
	if (!b->full_bw_reached) {
		rudp_bbr_enter_startup(cc);
		return;
	}
	rudp_bbr_start_down(cc, now_at_ns);
	/* No probe has just ended whose samples the filter could take over. */
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

/* The clock starts once the pipe is half empty, and runs 200 ms and a round trip at least. */
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

/* Where others on the path do it a queue goes that one alone would not empty. */
static bool is_time_to_probe_rtt(const struct rudp_cc *cc, int64_t now_at_ns)
{
	const struct bbr *b = bbr_of_const(cc);

	/* STARTUP needs many round trips on a long path, and sees a queue by itself. */
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

	if (b->state != BBR_PROBE_RTT && is_time_to_probe_rtt(cc, ack->now_at_ns) && !b->idle_restart)
		enter_probe_rtt(cc);
	if (b->state == BBR_PROBE_RTT)
		go_on_probe_rtt(cc, ack);
	if (ack->acked_bytes > 0)
		b->idle_restart = false;
}
