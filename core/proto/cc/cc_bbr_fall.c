/* SPDX-License-Identifier: MIT */
/*
 * BBR on a path whose rate changes, such as a radio link.
 *
 * Fall       in three spans of min_rtt in a row, every RTT sample exceeds the RTT without a queue
 *            by min_rtt / 2, and less than a third of the bandwidth is delivered. A third, because
 *            a flow that joins takes half. Totals of rounds would come much too late, because the
 *            queue lengthens them.
 * Variation  while there is a queue, the delivery rate is that of the path. If it changes by 9 %
 *            on average (over some 16 rounds), the path varies. Other flows rarely change it by
 *            that much: docs/bbr.md has figures.
 *
 * For ten seconds after either, probes are frequent (cc_bbr_cycle.c), and may make a queue of half
 * an RTT (cc_bbr_rtt.c). Rounds of fewer than ten packets tell neither.
 */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

#define PPM UINT64_C(1000000)
#define VARIATION_WEIGHT 16

/* With fewer packets one that arrives earlier or later changes the rate of a round too much. */
static bool is_round_large(const struct rudp_cc *cc)
{
	return bbr_of_const(cc)->last.delivered_bytes >=
	       BBR_VARIATION_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes;
}

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

/* The measured rate replaces the bandwidth, and the queue is drained as fast as the path allows. */
static void apply_fall(struct rudp_cc *cc, const struct rudp_cc_ack *ack, uint64_t rate)
{
	struct bbr *b = bbr_of(cc);

	b->max_bw_slots[0] = b->max_bw = rate;
	b->max_bw_slots[1] = 0;
	b->extra_acked[0] = b->extra_acked[1] = b->extra_acked_sum = 0;
	b->inflight_longterm = BBR_INFINITE;
	rudp_bbr_reset_shortterm(b);
	rudp_bbr_bound_bw(b);
	b->left_by_delay = false;
	/* Samples of packets sent before cover the time before the fall, too. */
	b->shifted_until_number = b->next_number;
	b->has_probed = false; /* probe soon: the rate may rise again */
	if (is_round_large(cc))
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
	apply_fall(cc, ack, rate);
}

/* The last round had a queue of half an RTT. */
bool rudp_bbr_was_queue_long(const struct bbr *b)
{
	if (b->min_rtt_ns == RUDP_NEVER || b->last.rtt_min_ns == RUDP_NEVER)
		return false;
	return b->last.rtt_min_ns > rudp_bbr_drained_rtt_ns(b) + b->min_rtt_ns / 2;
}

/*
 * A round has ended. The faster of two rounds counts: with jitter a single round is as often too
 * long as too short. Connections of a flow group move bandwidth between them, which says nothing
 * about the path.
 */
void rudp_bbr_note_variation(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t before = b->queue_rate, less, change_ppm;

	b->holds_long_queue |= rudp_bbr_was_queue_long(b);
	b->queue_rate = 0;
	if (cc->flows > 1 || !rudp_bbr_is_probe_bw(b) || b->last.app_limited ||
	    !rudp_bbr_had_round_delay(b) || !is_round_large(cc))
		return;
	b->queue_rate = rudp_max(b->last.ack_rate, b->ack_rate_before);
	less = rudp_min(b->queue_rate, before);
	if (less == 0)
		return;
	change_ppm = rudp_cc_mul_div(rudp_max(b->queue_rate, before) - less, PPM, less);
	b->variation_ppm =
		(uint32_t)((b->variation_ppm * (VARIATION_WEIGHT - 1) + rudp_min(change_ppm, PPM)) /
			   VARIATION_WEIGHT);
	if (rudp_bbr_is_rate_varying(b))
		b->varied_at_ns = b->now.started_at_ns;
}

bool rudp_bbr_is_rate_varying(const struct bbr *b)
{
	return b->variation_ppm > BBR_VARIATION * PPM / 100;
}

/* The rate of the path fell, rose or varied recently, so it may change again. */
bool rudp_bbr_has_rate_changed(const struct bbr *b)
{
	return b->varied_at_ns > 0 && b->now.started_at_ns - b->varied_at_ns < BBR_VARIES_NS;
}
