/* SPDX-License-Identifier: MIT */
/* Loss detection (RFC 9002 section 6): packet and time thresholds, and probe time-outs. */
#include "proto/recovery/reliability_private.h"

/*
 * The time threshold: a packet is lost this long after it was sent, once a later one was
 * acknowledged.
 */
static int64_t loss_delay_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt)
{
	int64_t rtt_ns = rudp_time_max(rtt->srtt_ns, rtt->believed_ns);
	int64_t delay_ns = rtt_ns + rtt_ns * r->reorder_shift_eighths / 8;

	return rudp_time_max(delay_ns, RUDP_RTT_GRANULARITY_NS);
}

static uint32_t relaxed_threshold(const struct rudp_reliability *r)
{
	return RUDP_PACKET_THRESHOLD + (r->packet_threshold - RUDP_PACKET_THRESHOLD) / 2;
}

/* Moves the thresholds halfway back to their defaults, after recoveries without reordering. */
static void relax_reordering(struct rudp_reliability *r)
{
	r->clean_recoveries = 0;
	r->packet_threshold = relaxed_threshold(r);
	r->reorder_shift_eighths =
		RUDP_REORDER_EIGHTHS + (r->reorder_shift_eighths - RUDP_REORDER_EIGHTHS) / 2;
}

/* Losses of packets sent before a recovery began belong to that recovery. */
static void count_recovery(struct rudp_reliability *r, uint64_t number)
{
	if (number < r->recovery_end)
		return;
	r->recovery_end = r->next;
	if (++r->clean_recoveries == RUDP_REORDER_PERSIST)
		relax_reordering(r);
}

/*
 * Called for every reordered packet, before one is declared lost. The threshold becomes twice the
 * observed extent, because extents have a long tail. RFC 8985 does not use a packet threshold at
 * all once a path has reordered. The time threshold still finds losses.
 */
void rudp_loss_on_reordering(struct rudp_reliability *r, uint64_t extent)
{
	uint64_t wanted = RUDP_REORDER_MARGIN * extent;

	if (wanted > RUDP_PACKET_THRESHOLD_MAX)
		wanted = RUDP_PACKET_THRESHOLD_MAX;
	if (wanted > r->packet_threshold)
		r->packet_threshold = (uint32_t)wanted;
	if (wanted > relaxed_threshold(r))
		r->clean_recoveries = 0; /* the path still needs a threshold this wide */
}

void rudp_loss_on_spurious(struct rudp_reliability *r)
{
	r->clean_recoveries = 0;
	r->lost_run_from_ns = RUDP_NEVER; /* one packet of the run was acknowledged after all */
	/*
	 * Packets sent before the last widening could not profit from it: they prove nothing new.
	 */
	if (r->largest_answered < r->reorder_round_end)
		return;
	r->reorder_round_end = r->next;
	if (r->reorder_shift_eighths < RUDP_REORDER_EIGHTHS_MAX)
		r->reorder_shift_eighths++;
}

/*
 * Persistent congestion, RFC 9002 section 7.6: all packets over a long time were lost. Reported
 * once for each such period of send times. Losses of one run count together even if several ACKs
 * reveal them.
 */
static void extend_lost_run(struct rudp_reliability *r, const struct rudp_rtt *rtt,
			    int64_t ack_delay_max_ns, int64_t sent_at_ns,
			    struct rudp_reliability_result *result)
{
	int64_t limit_ns;

	/* Without an RTT sample before, the initial RTT is only a guess. */
	if (rtt->samples == 0 || sent_at_ns < r->first_rtt_at_ns)
		return;
	if (r->lost_run_from_ns == RUDP_NEVER) {
		r->lost_run_from_ns = sent_at_ns;
		return;
	}
	limit_ns = RUDP_PERSISTENT_CONGESTION_PTOS * rudp_rtt_pto_ns(rtt, ack_delay_max_ns);
	if (sent_at_ns - r->lost_run_from_ns <= limit_ns)
		return;
	result->persistent_congestion = true;
	r->lost_run_from_ns = sent_at_ns;
}

static void note_lost(const struct rudp_sent *sent, uint64_t number,
		      struct rudp_reliability_result *result)
{
	if (result->lost_packets++ == 0)
		result->lost_oldest_sent_at_ns = sent->sent_at_ns;
	result->lost_oldest_sent_at_ns =
		rudp_time_min(result->lost_oldest_sent_at_ns, sent->sent_at_ns);
	result->lost_largest_number = number;
	if (sent->in_flight)
		result->lost_bytes += sent->size_bytes;
}

static bool begins_run(const struct rudp_reliability *r, uint64_t number)
{
	return number <= r->base || rudp_sent_at(r, number - 1)->fate != RUDP_FATE_LOST;
}

static void declare_lost(struct rudp_reliability *r, uint64_t number, int64_t now_at_ns,
			 struct rudp_reliability_result *result)
{
	struct rudp_sent *sent = rudp_sent_at(r, number);

	rudp_sent_judge_path(r, number, sent);
	sent->fate = RUDP_FATE_LOST;
	sent->lost_at_ns = now_at_ns;
	r->outstanding--;
	if (sent->in_flight)
		r->bytes_in_flight -= sent->size_bytes;
	if (!(sent->content & RUDP_CONTENT_EXTRA)) {
		r->lost_packets++;
		r->lost_bytes += sent->in_flight ? sent->size_bytes : 0;
		count_recovery(r, number);
		note_lost(sent, number, result);
		result->lost_runs += begins_run(r, number);
	}
	r->owner.on_lost(r->owner.context, number, sent);
}

bool rudp_loss_detect(struct rudp_reliability *r, const struct rudp_rtt *rtt,
		      int64_t ack_delay_max_ns, int64_t now_at_ns, unsigned most,
		      struct rudp_reliability_result *result)
{
	int64_t delay_ns = loss_delay_ns(r, rtt);
	uint32_t packet_threshold = r->packet_threshold; /* losses found below may lower it */
	uint64_t end = r->largest_answered == RUDP_NUMBER_NONE ? 0 : r->largest_answered;
	uint64_t number = r->loss_next > r->base ? r->loss_next : r->base;
	bool is_whole = true;

	r->loss_at_ns = RUDP_NEVER;
	while (number < end) {
		const struct rudp_sent *sent = rudp_sent_at(r, number);
		bool awaited = rudp_sent_is_awaited(sent);

		if (awaited && end - number < packet_threshold &&
		    sent->sent_at_ns > now_at_ns - delay_ns) {
			r->loss_at_ns = sent->sent_at_ns + delay_ns;
			break;
		}
		if (awaited && most-- == 0) {
			r->loss_at_ns = now_at_ns;
			is_whole = false;
			break;
		}
		if (sent->fate == RUDP_FATE_ANSWERED) {
			r->lost_run_from_ns = RUDP_NEVER;
			number += sent->answered_run;
			continue;
		}
		if (awaited) {
			declare_lost(r, number, now_at_ns, result);
			if (!(sent->content & RUDP_CONTENT_MTU_PROBE))
				extend_lost_run(r, rtt, ack_delay_max_ns, sent->sent_at_ns, result);
		}
		number++;
	}
	r->loss_next = number;
	/* more steps than a call adds lost records */
	rudp_sent_records_prune(
		r, now_at_ns - RUDP_LOST_KEPT_PTOS * rudp_rtt_pto_ns(rtt, ack_delay_max_ns),
		2 * RUDP_FATES_PER_CALL);
	return is_whole;
}

/*
 * A quick time-out, of more than one packet: a receiver acknowledges the second one after a quarter
 * of the RTT at the latest (docs/protocol.md section 9.4). So there were losses, of packets or of
 * the ACKs. To wait for the longest delay of an ACK would cost a short path many round trips.
 */
static int64_t quick_pto_ns(const struct rudp_rtt *rtt, int64_t ack_delay_max_ns)
{
	int64_t delay_ns = rudp_time_max(rtt->srtt_ns / 4, RUDP_PTO_QUICK_DELAY_NS);

	return rudp_rtt_pto_ns(rtt, rudp_time_min(ack_delay_max_ns, delay_ns));
}

/*
 * The number of initial time-outs without backoff. On short paths other transports have sent few
 * probes by then. If losses come in bursts, which include acknowledgements, several
 * probes may be needed. Those after the first are quick, up to quick_max.
 */
static uint32_t steady_ptos(const struct rudp_rtt *rtt, int64_t ack_delay_max_ns,
			    uint32_t *quick_max)
{
	int64_t base_ns = rudp_rtt_pto_ns(rtt, ack_delay_max_ns);
	int64_t quick_ns = quick_pto_ns(rtt, ack_delay_max_ns);
	int64_t quick;

	*quick_max = 0;
	if (rtt->samples == 0)
		return (uint32_t)(RUDP_PTO_STEADY_FIRST_NS / base_ns);
	quick = rudp_time_min(RUDP_PTO_QUICK, RUDP_PTO_STEADY_NS / quick_ns);
	*quick_max = (uint32_t)quick;
	return (uint32_t)((RUDP_PTO_STEADY_NS + quick * (base_ns - quick_ns)) / base_ns);
}

int64_t rudp_reliability_pto_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt,
				int64_t ack_delay_max_ns)
{
	int64_t base_ns = rudp_rtt_pto_ns(rtt, ack_delay_max_ns);
	int64_t cap_ns = rudp_time_max(RUDP_PTO_CAP_FACTOR * base_ns, RUDP_PTO_CAP_NS);
	uint32_t quick, steady, shift;

	if (r->pto_count == 0)
		return r->outstanding > 1 ? quick_pto_ns(rtt, ack_delay_max_ns) : base_ns;
	steady = steady_ptos(rtt, ack_delay_max_ns, &quick);
	shift = r->pto_count > steady ? r->pto_count - steady : 0;
	if (shift == 0 && r->pto_count <= quick)
		return quick_pto_ns(rtt, ack_delay_max_ns);
	if (shift > RUDP_PTO_BACKOFF_SHIFT_MAX)
		shift = RUDP_PTO_BACKOFF_SHIFT_MAX;
	if (base_ns <= cap_ns >> shift)
		return base_ns << shift;
	/* At the cap the interval varies: otherwise a periodic outage could hide every probe. */
	return cap_ns - cap_ns / RUDP_PTO_DITHER_PARTS * (r->pto_count % RUDP_PTO_DITHER_STEPS);
}

int64_t rudp_reliability_deadline_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt,
				     int64_t ack_delay_max_ns)
{
	if (r->loss_at_ns != RUDP_NEVER)
		return r->loss_at_ns;
	if (r->outstanding == 0)
		return RUDP_NEVER;
	return r->pto_from_ns + rudp_reliability_pto_ns(r, rtt, ack_delay_max_ns);
}

unsigned rudp_reliability_retransmit(struct rudp_reliability *r, const struct rudp_rtt *rtt,
				     int64_t ack_delay_max_ns, int64_t now_at_ns,
				     struct rudp_reliability_result *result)
{
	bool is_whole = true;

	*result = (struct rudp_reliability_result){.inflight_before_bytes = r->bytes_in_flight};
	if (r->loss_at_ns <= now_at_ns)
		is_whole = rudp_loss_detect(r, rtt, ack_delay_max_ns, now_at_ns,
					    RUDP_FATES_PER_CALL, result);
	if (!is_whole || result->lost_packets > 0 ||
	    rudp_reliability_deadline_ns(r, rtt, ack_delay_max_ns) > now_at_ns)
		return 0;
	/*
	 * The timer restarts even if the owner cannot send now, so that it does not expire again at
	 * once.
	 */
	r->pto_from_ns = now_at_ns;
	if (r->pto_count < UINT32_MAX)
		r->pto_count++;
	return RUDP_PROBES_PER_PTO;
}
