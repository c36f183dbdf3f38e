/* SPDX-License-Identifier: MIT */
/*
 * BBR on a path whose rate falls, as that of a radio link does. The queue that builds up makes
 * rounds as long as itself, so the accounts of rounds come much too late. Here the rate is measured
 * in spans of min_rtt.
 *
 * Rule      in three spans in a row each sample is half of min_rtt above the round trip without a
 *           queue, and less than a third of the bandwidth is delivered. A third, since a flow that
 *           joins takes half.
 */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

static void start_span(struct bbr *b, const struct rudp_cc_ack *ack)
{
	b->fall_since_at_ns = ack->now_at_ns;
	b->fall_bytes = ack->delivered_total_bytes;
	b->fall_rtt_min_ns = RUDP_NEVER;
}

static bool is_fallen(const struct bbr *b, uint64_t rate)
{
	return !b->app_limited && b->fall_rtt_min_ns != RUDP_NEVER &&
	       b->fall_rtt_min_ns >
		       rudp_bbr_drained_rtt_ns(b) + b->min_rtt_ns / BBR_FALL_QUEUE_DIVISOR &&
	       rate < b->bw / BBR_FALL_DIVISOR;
}

/* The rate measured now replaces the bandwidth, and the queue is drained as fast as the path can. */
static void take_fall(struct rudp_cc *cc, const struct rudp_cc_ack *ack, uint64_t rate)
{
	struct bbr *b = bbr_of(cc);

	b->max_bw_slots[0] = b->max_bw = rate;
	b->max_bw_slots[1] = 0;
	b->extra_acked[0] = b->extra_acked[1] = b->extra_acked_sum = 0;
	b->inflight_longterm = BBR_INFINITE;
	rudp_bbr_reset_shortterm(b);
	rudp_bbr_bound_bw(b);
	b->left_by_delay = false;
	b->has_probed = false; /* soon: it may be as fast again */
	b->varied_at_ns = ack->now_at_ns;
	rudp_bbr_start_drain(cc);
}

void rudp_bbr_check_fall(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);
	int64_t span_ns = ack->now_at_ns - b->fall_since_at_ns;
	uint64_t rate;

	if (ack->has_rtt)
		b->fall_rtt_min_ns = rudp_time_min(b->fall_rtt_min_ns, ack->rtt->latest_ns);
	if (!rudp_bbr_is_probe_bw(b))
		b->fall_spans = 0;
	if (!rudp_bbr_is_probe_bw(b) ||
	    span_ns < rudp_time_max(b->min_rtt_ns, BBR_FALL_SPAN_NS_MIN))
		return;
	rate = rudp_cc_rate(ack->delivered_total_bytes - b->fall_bytes, span_ns);
	b->fall_spans = is_fallen(b, rate) ? b->fall_spans + 1 : 0;
	start_span(b, ack);
	if (b->fall_spans < BBR_FALL_SPANS)
		return;
	b->fall_spans = 0;
	take_fall(cc, ack, rate);
}
