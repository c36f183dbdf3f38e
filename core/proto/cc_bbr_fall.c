/* SPDX-License-Identifier: MIT */
/*
 * BBR when the path's rate falls, as that of a radio link does. A round trip through the queue that builds
 * up then takes as long as the queue, so rounds tell of it much too late. Here the span is min_rtt.
 */
#include "proto/cc_bbr.h"

#include "proto/cc_pace.h"

static void start_span(struct bbr *b, const struct rudp_cc_ack *ack)
{
	b->fall_since_at_ns = ack->now_at_ns;
	b->fall_bytes = ack->delivered_total_bytes;
	b->fall_rtt_min_ns = RUDP_NEVER;
}

/* All of the span's packets have waited for half of min_rtt or more, and few have arrived. */
static bool is_fallen(const struct bbr *b, uint64_t rate)
{
	return !b->app_limited && b->fall_rtt_min_ns != RUDP_NEVER &&
	       b->fall_rtt_min_ns > bbr_still_rtt_ns(b) + b->min_rtt_ns / BBR_FALL_QUEUE_DIVISOR &&
	       rate < b->bw / BBR_FALL_DIVISOR;
}

/* What is measured now is all that is known; the queue goes as fast as the path can empty it. */
static void take_fall(struct rudp_cc *cc, const struct rudp_cc_ack *ack, uint64_t rate)
{
	struct bbr *b = bbr_of(cc);

	b->max_bw_slots[0] = b->max_bw = rate;
	b->max_bw_slots[1] = 0;
	b->extra_acked[0] = b->extra_acked[1] = b->extra_acked_sum = 0;
	b->inflight_longterm = BBR_INFINITE;
	bbr_reset_shortterm(b);
	bbr_bound_bw(b);
	b->left_by_delay = false;
	b->has_probed = false; /* soon: it may be as fast again */
	b->varied_at_ns = ack->now_at_ns;
	bbr_start_drain(cc);
}

void bbr_check_fall(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);
	int64_t span_ns = ack->now_at_ns - b->fall_since_at_ns;
	uint64_t rate;

	if (ack->has_rtt)
		b->fall_rtt_min_ns = rudp_time_min(b->fall_rtt_min_ns, ack->rtt->latest_ns);
	if (!bbr_is_probe_bw(b) || span_ns < rudp_time_max(b->min_rtt_ns, BBR_FALL_SPAN_NS_MIN)) {
		if (!bbr_is_probe_bw(b))
			b->fall_spans = 0;
		return;
	}
	rate = rudp_cc_rate(ack->delivered_total_bytes - b->fall_bytes, span_ns);
	b->fall_spans = is_fallen(b, rate) ? b->fall_spans + 1 : 0;
	start_span(b, ack);
	if (b->fall_spans < BBR_FALL_SPANS)
		return;
	b->fall_spans = 0;
	take_fall(cc, ack, rate);
}
