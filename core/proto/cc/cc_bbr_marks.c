/* SPDX-License-Identifier: MIT */
/*
 * BBR and ECN marks. A router of RFC 3168 (CoDel, PIE, RED) marks what it would otherwise drop,
 * after a queue of 5 ms or more: such a mark counts as a loss with evidence. Others mark whatever
 * waits (RFC 8257, RFC 9331). A sender that uses such a path fully always gets marks, and their
 * share tells how much too fast it is. These routers keep no queue, which tells them apart.
 */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

#define PPM UINT64_C(1000000)
#define SHARE_WEIGHT 16 /* the average covers about 16 rounds (RFC 8257 section 3.3) */
#define MANY_PACKETS_MIN 8
#define PPM_SEEN 100 /* a share above 0: there were such marks */
#define SHALLOW_RTT_NS (2 * RUDP_NS_PER_MS)

/*
 * The last packets have waited, and in this or the last round all have. With jitter alone the
 * fastest of a round has not.
 */
static bool has_queue(const struct bbr *b, const struct rudp_cc_ack *ack)
{
	int64_t delay_ns = b->delay_ns == RUDP_NEVER ? ack->rtt->latest_ns : b->delay_ns;
	int64_t fastest_ns = rudp_bbr_fastest_rtt_ns(b);

	if (b->min_rtt_ns == RUDP_NEVER)
		return true;
	if (fastest_ns > 0)
		delay_ns = rudp_time_min(delay_ns, fastest_ns);
	return delay_ns > rudp_bbr_drained_rtt_ns(b) + BBR_QUEUE_NS_MIN;
}

/*
 * The packets were sent in trains, or right after: a router with a shallow threshold marks most
 * packets of a train at any rate.
 */
static bool are_of_trains(const struct bbr *b, const struct rudp_cc_ack *ack)
{
	return b->state == BBR_STARTUP &&
	       (rudp_bbr_wants_trains(b) ||
		ack->largest_acked_number < b->leaving_number + BBR_TRAIN_DATAGRAMS_MAX);
}

void rudp_bbr_note_marks(struct bbr *b, const struct rudp_cc_ack *ack)
{
	if (ack->ecn_ce_new == 0)
		return;
	if (are_of_trains(b, ack)) {
		if (b->shallow_ppm == 0)
			b->shallow_ppm = PPM_SEEN;
	} else if (has_queue(b, ack)) {
		b->now.marked_packets += (uint32_t)ack->ecn_ce_new;
		b->mark_in_round = true;
	} else {
		b->now.shallow_packets += (uint32_t)ack->ecn_ce_new;
		b->shallow_in_round = true;
	}
}

static uint64_t delivered_packets(const struct rudp_cc *cc, const struct bbr_round *round)
{
	return (round->delivered_bytes + cc->datagram_bytes - 1) / cc->datagram_bytes;
}

/* A round has ended. */
void rudp_bbr_average_marks(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t packets = delivered_packets(cc, &b->last);
	uint64_t marked = rudp_min(b->last.shallow_packets, packets);

	if (packets > 0)
		b->shallow_ppm = (uint32_t)((b->shallow_ppm * (SHARE_WEIGHT - 1) +
					     rudp_cc_mul_div(marked, PPM, packets)) /
					    SHARE_WEIGHT);
}

/* Half of what arrived in this round has waited: the path is full. */
bool rudp_bbr_are_marks_many(const struct rudp_cc *cc)
{
	const struct bbr_round *round = &bbr_of_const(cc)->now;

	return round->shallow_packets >= MANY_PACKETS_MIN &&
	       round->shallow_packets >= delivered_packets(cc, round) / 2;
}

/* Half of the marked share less than what is delivered (RFC 8257 section 3.3), once a loss
 * round. */
void rudp_bbr_answer_marks(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t delivered = rudp_min(rudp_max(b->bw_latest, b->last.ack_rate), b->max_bw);

	b->bw_shortterm = rudp_min(b->bw_shortterm,
				   rudp_cc_mul_div(delivered, PPM - b->shallow_ppm / 2, PPM));
}

/*
 * A round without marks has ended: one datagram for each RTT more (RFC 8257 section 3.4). After a
 * stall a host sends a burst, which is marked at any rate. So its rate would only fall.
 */
void rudp_bbr_grow_unmarked(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t most = rudp_bbr_alone_least(b);

	if (!b->round_start || b->shallow_ppm == 0 || b->last.shallow_packets > 0 ||
	    b->bw_shortterm >= most || rudp_bbr_had_round_delay(b))
		return;
	b->bw_shortterm =
		rudp_min(b->bw_shortterm + rudp_cc_rate(cc->datagram_bytes, b->min_rtt_ns), most);
}

/*
 * A router with a shallow threshold marks bursts, too: of two packets the second, if the link takes
 * longer for one than the threshold.
 */
uint64_t rudp_bbr_quantum_bytes(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t rate = cc->pacing_bytes_per_s, quantum;

	if (b->shallow_ppm == 0)
		return rudp_cc_quantum_bytes(rate, b->min_rtt_ns, cc->datagram_bytes);
	quantum = rudp_cc_quantum_bytes(rate, rudp_time_min(b->min_rtt_ns, SHALLOW_RTT_NS),
					cc->datagram_bytes);
	if (quantum <= RUDP_CC_QUANTUM_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes)
		return cc->datagram_bytes;
	return quantum;
}
