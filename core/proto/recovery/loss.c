/* SPDX-License-Identifier: MIT */
/* What is overdue: lost by packet or time threshold, or time to probe. */
#include "proto/recovery/reliability_private.h"

/* How long after its sending a packet is lost, once a later one has been answered. */
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

/* A step back towards the thresholds of an orderly path, once nothing has spoken for wider ones. */
static void relax_reordering(struct rudp_reliability *r)
{
	r->clean_recoveries = 0;
	r->packet_threshold = relaxed_threshold(r);
	r->reorder_shift_eighths =
		RUDP_REORDER_EIGHTHS + (r->reorder_shift_eighths - RUDP_REORDER_EIGHTHS) / 2;
}

/* Packets sent before a recovery began belong to the loss that began it. */
static void count_recovery(struct rudp_reliability *r, uint64_t number)
{
	if (number < r->recovery_end)
		return;
	r->recovery_end = r->next;
	if (++r->clean_recoveries == RUDP_REORDER_PERSIST)
		relax_reordering(r);
}

/*
 * Learnt from every late packet, before one is taken for lost. Twice what was seen: extents have a long
 * tail, and RFC 8985 counts no packets at all once a path has reordered. Time still finds the losses.
 */
void rudp_loss_on_reordering(struct rudp_reliability *r, uint64_t extent)
{
	uint64_t wanted = RUDP_REORDER_MARGIN * extent;

	if (wanted > RUDP_PACKET_THRESHOLD_MAX)
		wanted = RUDP_PACKET_THRESHOLD_MAX;
	if (wanted > r->packet_threshold)
		r->packet_threshold = (uint32_t)wanted;
	if (wanted > relaxed_threshold(r))
		r->clean_recoveries = 0; /* the path still needs it as wide as this */
}

void rudp_loss_on_spurious(struct rudp_reliability *r)
{
	r->clean_recoveries = 0;
	r->lost_run_from_ns = RUDP_NEVER; /* it has been answered meanwhile, for one */
	/* What was sent before the last widening could not profit from it: it proves nothing new.
	 */
	if (r->largest_answered < r->reorder_round_end)
		return;
	r->reorder_round_end = r->next;
	if (r->reorder_shift_eighths < RUDP_REORDER_EIGHTHS_MAX)
		r->reorder_shift_eighths++;
}

/*
 * RFC 9002 section 7.6: nothing came through for so long that it is no loss but an outage. Said
 * once for each such span of sending times. Losses in one run count together even when several
 * ACKs revealed them.
 */
static void extend_lost_run(struct rudp_reliability *r, const struct rudp_rtt *rtt,
			    int64_t ack_delay_max_ns, int64_t sent_at_ns,
			    struct rudp_reliability_result *result)
{
	int64_t limit_ns;

	/* Without a sample before, the initial RTT is a guess that proves nothing. */
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
	if (result->lost_packets++ == 0) {
		result->lost_oldest_sent_at_ns = sent->sent_at_ns;
		result->lost_newest_sent_at_ns = sent->sent_at_ns;
	}
	result->lost_oldest_sent_at_ns =
		rudp_time_min(result->lost_oldest_sent_at_ns, sent->sent_at_ns);
	result->lost_newest_sent_at_ns =
		rudp_time_max(result->lost_newest_sent_at_ns, sent->sent_at_ns);
	result->lost_largest_number = number;
	if (sent->in_flight)
		result->lost_bytes += sent->size_bytes;
}

static void declare_lost(struct rudp_reliability *r, uint64_t number, int64_t now_at_ns,
			 struct rudp_reliability_result *result)
{
	struct rudp_sent *sent = rudp_sent_at(r, number);

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
	}
	r->owner.on_lost(r->owner.context, number, sent);
}

void rudp_loss_detect(struct rudp_reliability *r, const struct rudp_rtt *rtt,
		      int64_t ack_delay_max_ns, int64_t now_at_ns,
		      struct rudp_reliability_result *result)
{
	int64_t delay_ns = loss_delay_ns(r, rtt);
	uint32_t packet_threshold = r->packet_threshold; /* losses found below may relax it */
	uint64_t end = r->largest_answered == RUDP_NUMBER_NONE ? 0 : r->largest_answered;
	uint64_t number = r->loss_next > r->base ? r->loss_next : r->base;

	r->loss_at_ns = RUDP_NEVER;
	while (number < end) {
		const struct rudp_sent *sent = rudp_sent_at(r, number);
		bool awaited = rudp_sent_is_awaited(sent);

		if (awaited && end - number < packet_threshold &&
		    sent->sent_at_ns > now_at_ns - delay_ns) {
			r->loss_at_ns = sent->sent_at_ns + delay_ns;
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
	rudp_sent_records_prune(r, now_at_ns - RUDP_LOST_KEPT_PTOS *
						       rudp_rtt_pto_ns(rtt, ack_delay_max_ns));
}

/*
 * The first time-outs of a short path are not backed off. Other transports have not sent their
 * first probe by then, and where losses come in bursts, of acknowledgements too, several probes
 * have to be lost.
 */
static uint32_t steady_ptos(const struct rudp_reliability *r, int64_t base_ns)
{
	int64_t most = base_ns > 0 ? RUDP_PTO_STEADY_NS / base_ns : 0;

	return r->pto_count < most ? r->pto_count : (uint32_t)most;
}

int64_t rudp_reliability_pto_ns(const struct rudp_reliability *r, const struct rudp_rtt *rtt,
				int64_t ack_delay_max_ns)
{
	int64_t base_ns = rudp_rtt_pto_ns(rtt, ack_delay_max_ns);
	int64_t cap_ns = rudp_time_max(RUDP_PTO_CAP_FACTOR * base_ns, RUDP_PTO_CAP_NS);
	uint32_t shift = r->pto_count - steady_ptos(r, base_ns);

	if (shift > RUDP_PTO_BACKOFF_SHIFT_MAX)
		shift = RUDP_PTO_BACKOFF_SHIFT_MAX;
	if (base_ns <= cap_ns >> shift)
		return base_ns << shift;
	/* At the cap the span varies: an outage that comes and goes in step would hide every probe. */
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
	*result = (struct rudp_reliability_result){.inflight_before_bytes = r->bytes_in_flight};
	if (r->loss_at_ns <= now_at_ns)
		rudp_loss_detect(r, rtt, ack_delay_max_ns, now_at_ns, result);
	if (result->lost_packets > 0 ||
	    rudp_reliability_deadline_ns(r, rtt, ack_delay_max_ns) > now_at_ns)
		return 0;
	/* The clock starts anew even if the owner cannot send just now: no spinning on the past. */
	r->pto_from_ns = now_at_ns;
	if (r->pto_count < UINT32_MAX)
		r->pto_count++;
	return RUDP_PROBES_PER_PTO;
}
