/* SPDX-License-Identifier: MIT */
/* BBR's states: the only function that changes the state, and STARTUP and DRAIN. */
#include "proto/cc/cc_bbr.h"

#include <assert.h>

#define BIT(state) (1u << BBR_##state)

/*
 * The allowed successors of each state. STARTUP and REFILL can follow every state of PROBE_BW,
 * because a spurious loss restores the state that it ended.
 */
static const uint32_t successors[] = {
	[BBR_STARTUP] = BIT(STARTUP) | BIT(DRAIN) | BIT(PROBE_RTT),
	[BBR_DRAIN] = BIT(STARTUP) | BIT(DOWN) | BIT(PROBE_RTT),
	[BBR_DOWN] = BIT(STARTUP) | BIT(DRAIN) | BIT(CRUISE) | BIT(REFILL) | BIT(PROBE_RTT),
	[BBR_CRUISE] = BIT(STARTUP) | BIT(DRAIN) | BIT(REFILL) | BIT(PROBE_RTT),
	[BBR_REFILL] =
		BIT(STARTUP) | BIT(DRAIN) | BIT(REFILL) | BIT(UP) | BIT(DOWN) | BIT(PROBE_RTT),
	[BBR_UP] = BIT(STARTUP) | BIT(DRAIN) | BIT(DOWN) | BIT(PROBE_RTT),
	[BBR_PROBE_RTT] = BIT(STARTUP) | BIT(DOWN),
};

static const char *const names[] = {
#define X(state, name, pacing_gain, cwnd_gain) [BBR_##state] = name,
	BBR_STATES(X)
#undef X
};

void rudp_bbr_enter(struct rudp_cc *cc, enum bbr_state next)
{
	struct bbr *b = bbr_of(cc);

	assert(successors[b->state] & (1u << next));
	b->state = next;
	cc->state_name = names[next];
	cc->is_starting = next == BBR_STARTUP;
	cc->is_probing[RUDP_CC_BANDWIDTH] = next == BBR_REFILL || next == BBR_UP;
	cc->is_probing[RUDP_CC_EMPTY] = next == BBR_PROBE_RTT;
}

bool rudp_bbr_is_probe_bw(const struct bbr *b)
{
	return b->state == BBR_DOWN || b->state == BBR_CRUISE || b->state == BBR_REFILL ||
	       b->state == BBR_UP;
}

bool rudp_bbr_is_probing(const struct bbr *b)
{
	return b->state == BBR_STARTUP || b->state == BBR_REFILL || b->state == BBR_UP;
}

void rudp_bbr_enter_startup(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	rudp_bbr_enter(cc, BBR_STARTUP);
	b->holding = false;
	b->delay_ns = RUDP_NEVER;
}

/* Continues STARTUP. base_ns is the delay relative to which a queue is detected. */
void rudp_bbr_start_again(struct rudp_cc *cc, int64_t base_ns)
{
	struct bbr *b = bbr_of(cc);

	b->startup_base_ns = base_ns;
	b->left_by_delay = false;
	b->drain_check_round = 0;
	b->full_bw_reached = false;
	b->startup_round = b->round_count + 1;
	rudp_bbr_reset_full_bw(b);
	rudp_bbr_enter_startup(cc);
}

static int64_t startup_base_ns(const struct bbr *b)
{
	return rudp_time_max(b->min_rtt_ns, b->startup_base_ns);
}

/*
 * A quarter of the delay that ended STARTUP is still there, or it changes as no queue can. Other
 * connections of this host may be the reason for a lasting delay. A base that is not known yet is
 * RUDP_NEVER.
 */
static bool is_delay_still_there(const struct bbr *b)
{
	int64_t bound_ns = rudp_bbr_delay_bound_ns(b, BBR_DELAY_NS_MIN);
	int64_t base_ns = startup_base_ns(b);
	int64_t left_ns =
		rudp_time_max(BBR_DELAY_NS_MIN, (b->hold_peak_ns - base_ns) / BBR_JITTER_PARTS);

	return b->left_by_delay && b->starters <= 1 &&
	       (b->last.delay_max_ns - base_ns > left_ns || b->last.fall_max_ns > 2 * bound_ns);
}

/*
 * The packets of this round were sent after DRAIN and met no queue of ours. If the delay that ended
 * STARTUP is still there, it was no queue, and STARTUP continues.
 */
void rudp_bbr_check_drained(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	if (b->drain_check_round == 0 || b->round_count < b->drain_check_round)
		return;
	b->drain_check_round = 0;
	if (b->last.app_limited || b->last.rtt_min_ns == RUDP_NEVER)
		return;
	rudp_bbr_note_drained(b);
	if (is_delay_still_there(b))
		rudp_bbr_start_again(cc, rudp_time_max(b->last.delay_max_ns, b->hold_peak_ns));
}

/* A router marks packets when they wait in its queue. */
static bool has_queue_sign(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);

	return b->mark_in_round || rudp_bbr_are_marks_many(cc) ||
	       rudp_bbr_has_delay_grown(b, startup_base_ns(b));
}

static void start_hold(struct bbr *b)
{
	b->holding = true;
	b->hold_sign = false;
	b->hold_end_number = b->next_number;
	b->hold_peak_ns = b->delay_ns;
	b->now.fall_max_ns = b->fall_from_ns = 0;
	b->delay_ns = RUDP_NEVER;
}

/*
 * These ACKs are of packets sent before the hold, while the sender was filling the suspected queue.
 * If their delay falls faster than a queue drains, it is jitter: the hold ends, and its largest
 * delay becomes the reference. If several connections of this host start together (host_cache.h),
 * all of them hold, and even a real queue falls. The RTT of the last packet is ambiguous, because
 * it may have been sent again during the hold.
 */
static void continue_hold(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);
	bool is_last = ack->largest_acked_number + 1 >= b->hold_end_number;

	if (b->delay_ns == RUDP_NEVER)
		return;
	b->hold_sign = has_queue_sign(cc);
	b->hold_peak_ns = rudp_time_max(b->hold_peak_ns, b->delay_ns);
	if (is_last || b->starters > 1 ||
	    b->now.fall_max_ns <= rudp_bbr_delay_bound_ns(b, BBR_DELAY_NS_MIN))
		return;
	b->startup_base_ns = rudp_time_max(b->startup_base_ns, b->hold_peak_ns);
	b->holding = false;
}

/*
 * Sparse traffic of an application fills no buffer. The delay is caused by others, or by a receiver
 * that delays its ACK until a second packet. A sender that is limited by its own buffers has much
 * more in flight.
 */
static bool is_sparse(const struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	const struct bbr *b = bbr_of_const(cc);

	return b->app_limited && !b->mark_in_round &&
	       ack->inflight_before_bytes <= BBR_SPARSE_WINDOWS * rudp_bbr_initial_window_bytes(cc);
}

/*
 * At the first sign of a queue the sender stops growing for an RTT. Otherwise that RTT, at twice
 * the path's rate, would fill the whole buffer. Its samples are used in any case.
 */
static void hold_on_delay(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (is_sparse(cc, ack)) {
		b->holding = false;
	} else if (!b->holding) {
		if (has_queue_sign(cc))
			start_hold(b);
	} else if (ack->largest_acked_number < b->hold_end_number) {
		continue_hold(cc, ack);
	} else {
		b->holding = false;
		if (b->hold_sign)
			b->full_bw_reached = b->left_by_delay = true;
	}
}

static void leave_by_loss(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	b->undo.left_startup = true;
	b->full_bw_reached = true;
	b->inflight_longterm = rudp_max(rudp_bbr_bdp_bytes(cc, b->max_bw, 100), b->inflight_latest);
}

void rudp_bbr_check_startup_done(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (b->state != BBR_STARTUP)
		return;
	if (!b->full_bw_reached && b->round_count > b->startup_round &&
	    rudp_bbr_has_startup_loss(cc))
		leave_by_loss(cc);
	if (!b->full_bw_reached)
		hold_on_delay(cc, ack);
	if (!b->full_bw_reached)
		return;
	rudp_bbr_start_drain(cc);
}

void rudp_bbr_start_drain(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	b->holding = false;
	rudp_bbr_enter(cc, BBR_DRAIN);
	b->drain_start_round = b->round_count;
}

void rudp_bbr_check_drain_done(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (b->state != BBR_DRAIN)
		return;
	if (ack->inflight_bytes <= rudp_bbr_inflight_bytes(cc, b->bw, 100) ||
	    b->round_count > b->drain_start_round + BBR_DRAIN_ROUNDS_MAX) {
		b->drain_check_round = b->round_count + 2;
		rudp_bbr_start_down(cc, ack->now_at_ns);
	}
}
