/* SPDX-License-Identifier: MIT */
/* BBR and loss: totals, the evidence that a loss is congestion, and the bounds that it sets. */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

#define PPM UINT64_C(1000000)
#define LOSS_PEAK_ROUNDS 128
#define LOSS_WEIGHT 8         /* the average covers about eight rounds */
#define QUEUE_RATE_WEIGHT 4   /* likewise, rounds with a queue */
#define LOSS_DATAGRAMS_MIN 10 /* smaller rounds are no basis for a rate */
#define QUEUE_SAMPLES_MIN 4   /* of the current round, before its minimum counts */

static uint64_t percent_of(uint64_t bytes, uint64_t percent)
{
	return rudp_cc_mul_div(bytes, percent, 100);
}

int64_t rudp_bbr_fastest_rtt_ns(const struct bbr *b)
{
	int64_t rtt_ns = b->last.rtt_samples > 0 ? b->last.rtt_min_ns : 0;

	if (b->now.rtt_samples >= QUEUE_SAMPLES_MIN)
		rtt_ns = rudp_time_max(rtt_ns, b->now.rtt_min_ns);
	return rtt_ns;
}

bool rudp_bbr_is_queue_evident(const struct bbr *b)
{
	if (b->min_rtt_ns == RUDP_NEVER)
		return false;
	return rudp_bbr_fastest_rtt_ns(b) >
	       rudp_bbr_drained_rtt_ns(b) + b->min_rtt_ns / BBR_QUEUE_DIVISOR + BBR_QUEUE_NS_MIN;
}

static bool is_heavy(const struct rudp_cc *cc, uint64_t lost_bytes, uint64_t of_bytes)
{
	return lost_bytes >= BBR_HEAVY_LOSS_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes &&
	       lost_bytes > percent_of(of_bytes, BBR_HEAVY_LOSS);
}

static bool is_round_heavy(const struct rudp_cc *cc, const struct bbr_round *round)
{
	return is_heavy(cc, round->lost_bytes, round->lost_bytes + round->delivered_bytes);
}

/*
 * Adds up the losses of small rounds. If a thousand flows share a link with a few packets each, no
 * single round is large enough.
 */
static void tally_losses(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t most = BBR_TALLY_DATAGRAMS_MAX * (uint64_t)cc->datagram_bytes;
	uint64_t bytes = b->tally_bytes + b->last.delivered_bytes + b->last.lost_bytes;
	uint64_t lost_bytes = b->tally_lost_bytes + b->last.lost_bytes;
	uint32_t lost_runs = b->tally_lost_runs + b->last.lost_runs;

	if (bytes > 2 * most) { /* a large round is judged by itself */
		bytes = lost_bytes = lost_runs = 0;
	} else if (bytes > most) {
		bytes /= 2;
		lost_bytes /= 2;
		lost_runs /= 2;
	}
	b->tally_bytes = (uint32_t)bytes;
	b->tally_lost_bytes = (uint32_t)lost_bytes;
	b->tally_lost_runs = (uint16_t)rudp_min(lost_runs, UINT16_MAX);
}

static bool is_tally_heavy(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);

	return is_heavy(cc, b->tally_lost_bytes, b->tally_bytes);
}

/* Whether the losses themselves, without a queue, show congestion. */
static bool are_losses_evident(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);

	return b->shortfall || is_round_heavy(cc, &b->last) || is_tally_heavy(cc);
}

/* Whether losses now are congestion. cc_bbr.h has the rule. */
static bool has_evidence(const struct rudp_cc *cc)
{
	return rudp_bbr_is_queue_evident(bbr_of_const(cc)) || are_losses_evident(cc);
}

static uint64_t averaged(uint64_t average, uint64_t value)
{
	return (average * (LOSS_WEIGHT - 1) + value) / LOSS_WEIGHT;
}

/*
 * Averages the losses while not probing. Those of rounds with a reduced rate are averaged
 * separately: losses that remain at that rate are the path's own and no reason to send less.
 */
static void learn_loss(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t all = b->last.lost_bytes + b->last.delivered_bytes;
	uint64_t ppm;

	if (all < LOSS_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes)
		return;
	ppm = rudp_cc_mul_div(b->last.lost_bytes, PPM, all);
	b->loss_ppm = averaged(b->loss_ppm, ppm);
	b->loss_peak_ppm = rudp_max(ppm, b->loss_peak_ppm - b->loss_peak_ppm / LOSS_PEAK_ROUNDS);
	if (b->settled)
		b->base_loss_ppm = averaged(b->base_loss_ppm, ppm);
	b->base_loss_ppm = rudp_min(b->base_loss_ppm, b->loss_ppm);
}

/*
 * A cycle ends. If the queue lasted through two cycles although we settled, another flow fills it
 * whatever we do and would take all that we give up. Then we do not settle for eight cycles, or
 * until the queue goes away once.
 */
void rudp_bbr_start_settling(struct bbr *b)
{
	bool stood = !b->queue_vanished && b->phase_rounds >= BBR_STANDING_ROUNDS_MIN;

	b->standing_cycles = stood ? b->standing_cycles + 1 : 0;
	if (b->standing_cycles >= BBR_FOREIGN_CYCLES_TO)
		b->standing_cycles = 0;
	b->phase_rounds = 0;
	b->queue_vanished = false;
	b->settled = false;
	b->settled_queue_rate = 0;
	b->counted_sent = b->counted_lost = b->lowered_rounds = 0;
}

/*
 * The lowest rate for settling. With a queue: as after a loss. For losses alone: the part of the
 * bandwidth that is not lost, because one long burst of losses in a round that ended late says
 * little about the delivered rate.
 */
static uint64_t settled_rate(const struct bbr *b, bool queues)
{
	if (queues)
		return percent_of(b->max_bw, BBR_BETA);
	return rudp_cc_mul_div(b->max_bw, PPM - rudp_min(b->loss_ppm, PPM), PPM);
}

/* Packets that the path loses at any rate have passed the queue too, so they count as delivered. */
uint64_t rudp_bbr_with_path_loss(const struct bbr *b, uint64_t rate)
{
	return rudp_cc_mul_div(rate, PPM, PPM - rudp_min(b->base_loss_ppm, PPM / 2));
}

/* In DOWN the queue must drain; from now on it must only not grow. */
void rudp_bbr_stop_draining(struct bbr *b)
{
	if (b->settled)
		b->bw_shortterm = rudp_bbr_with_path_loss(b, b->bw_shortterm);
}

/*
 * With a long queue in CRUISE, all flows that see it reduce their rate by the same percentage,
 * below what is delivered. If each only gave up what others take and regained as much by probing,
 * the shares would stay unequal.
 */
static uint64_t shared_rate(const struct bbr *b, uint64_t delivered)
{
	int64_t long_ns = 2 * rudp_bbr_delay_bound_ns(b, BBR_LONG_DELAY_NS_MIN / 2);

	if (b->state != BBR_CRUISE || b->last.rtt_min_ns <= rudp_bbr_drained_rtt_ns(b) + long_ns)
		return delivered;
	return percent_of(delivered, BBR_SHARED);
}

/* Delivered while there is a queue, on average: what the path carries, or our share of it. */
static void note_queue_rate(struct bbr *b, uint64_t rate)
{
	uint64_t before = b->settled_queue_rate;

	b->settled_queue_rate =
		before == 0 ? rate : (before * (QUEUE_RATE_WEIGHT - 1) + rate) / QUEUE_RATE_WEIGHT;
}

/*
 * The bandwidths that several flows find by probing add up to more than the link. If the excess
 * stands in a queue or is lost, cruise at what is delivered instead. The rate stays above what a
 * loss would leave, and the limit lasts until the next probe.
 */
static void settle(struct bbr *b)
{
	bool queues = rudp_bbr_had_round_delay(b);
	bool loses = !b->settled && b->loss_ppm > b->base_loss_ppm + PPM / 100 * BBR_LOSS_THRESH;
	uint64_t rate;

	if (!queues)
		b->queue_vanished = true;
	if (b->foreign || b->standing_cycles >= BBR_FOREIGN_CYCLES_FROM ||
	    rudp_bbr_is_beside_unresponsive(b))
		queues = false;
	if (b->last.app_limited || b->last.ack_rate == 0 || !(queues || loses))
		return;
	/*
	 * The faster of two rounds: with jitter a single round is as often too long as too short.
	 */
	rate = rudp_max(b->last.ack_rate, b->ack_rate_before);
	if (b->state == BBR_CRUISE)
		rate = rudp_bbr_with_path_loss(b, rate);
	if (queues) {
		note_queue_rate(b, rate);
		rate = shared_rate(b, rate);
	}
	rate = rudp_max(rate, settled_rate(b, queues));
	b->bw_shortterm = rudp_min(b->bw_shortterm, rate);
	b->settled = true;
}

/* The bandwidth that returns to a flow that is alone. A lower one is called lowered. */
uint64_t rudp_bbr_alone_least(const struct bbr *b)
{
	return percent_of(b->max_bw, BBR_ALONE_LEAST);
}

static void count_round(const struct rudp_cc *cc, struct bbr *b)
{
	b->counted_lost += (uint32_t)(b->last.lost_bytes / cc->datagram_bytes);
	b->counted_sent +=
		(uint32_t)((b->last.delivered_bytes + b->last.lost_bytes) / cc->datagram_bytes);
}

/*
 * Counts the losses at a lowered rate while there is no queue: other flows may cause the losses of
 * a shared queue.
 */
static void count_lowered(const struct rudp_cc *cc, struct bbr *b)
{
	bool lowered = b->bw_shortterm < rudp_bbr_alone_least(b);

	if (!lowered)
		b->unlowered_loss_ppm = (uint32_t)b->loss_ppm;
	if (!lowered || !b->up_alone || rudp_bbr_had_round_delay(b)) {
		b->counted_sent = b->counted_lost = b->lowered_rounds = 0;
		return;
	}
	if (b->lowered_rounds < BBR_LOWERED_ROUNDS)
		b->lowered_rounds++;
	if (b->lowered_rounds <= 2)
		return;
	count_round(cc, b);
}

bool rudp_bbr_have_losses_stayed(const struct bbr *b)
{
	return b->lowered_rounds >= BBR_LOWERED_ROUNDS &&
	       b->counted_lost >= BBR_COUNTED_LOSSES_MIN &&
	       b->counted_lost >= rudp_cc_mul_div(b->counted_sent, b->unlowered_loss_ppm / 2, PPM);
}

/*
 * A round has ended; its totals are in b->last. The first round of DOWN still measures the probe.
 */
void rudp_bbr_close_loss_account(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	tally_losses(cc);
	rudp_bbr_look_for_unresponsive(b);
	rudp_bbr_check_drained(cc);
	rudp_bbr_correct_drained(b);
	b->evidence_in_round |= has_evidence(cc);
	rudp_bbr_note_variation(cc);
	b->delayed_rounds = rudp_bbr_had_round_delay(b) ? b->delayed_rounds + 1 : 0;
	if (b->state != BBR_DOWN && b->state != BBR_CRUISE)
		return;
	b->phase_rounds++;
	if (b->phase_rounds < 2)
		return;
	learn_loss(cc);
	settle(b);
	count_lowered(cc, b);
}

/*
 * draft-ietf-ccwg-bbr section 5.5.10.2: a loss round starts with its first loss, so that it
 * contains a whole round of deliveries.
 */
void rudp_bbr_note_loss(struct rudp_cc *cc, const struct rudp_cc_loss *loss)
{
	struct bbr *b = bbr_of(cc);

	b->now.lost_bytes += loss->lost_bytes;
	b->now.lost_runs += loss->lost_runs;
	if (!b->loss_in_round) {
		b->loss_round_end_number = b->next_number;
		rudp_bbr_save_for_undo(cc, loss);
	}
	b->loss_in_round = true;
	b->undo.lost_bytes += loss->lost_bytes;
}

void rudp_bbr_update_latest(struct bbr *b, const struct rudp_cc_ack *ack)
{
	b->loss_round_start = false;
	b->bw_latest = rudp_max(b->bw_latest, b->sample_bw);
	b->inflight_latest = rudp_max(b->inflight_latest, ack->rate.delivered_bytes);
	if (ack->largest_acked_number < b->loss_round_end_number)
		return;
	b->loss_round_end_number = b->next_number;
	b->loss_round_start = true;
}

void rudp_bbr_advance_latest(struct bbr *b, const struct rudp_cc_ack *ack)
{
	if (!b->loss_round_start)
		return;
	b->bw_latest = b->sample_bw;
	b->inflight_latest = ack->rate.delivered_bytes;
}

void rudp_bbr_reset_congestion_signals(struct bbr *b)
{
	b->loss_in_round = false;
	b->mark_in_round = b->shallow_in_round = false;
	b->evidence_in_round = false;
	b->bw_latest = 0;
	b->inflight_latest = 0;
}

void rudp_bbr_reset_shortterm(struct bbr *b)
{
	b->bw_shortterm = BBR_INFINITE;
	b->inflight_shortterm = BBR_INFINITE;
}

/*
 * The draft's bounds, but the ACK rate counts as well. A rate sample never exceeds the sending
 * rate, so in DOWN it shows only 90 % of what a path with a queue delivers. The ACK rate shows all
 * of it.
 */
static void lower_bounds(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	uint64_t bw_latest = rudp_max(b->bw_latest, b->last.ack_rate);

	if (b->bw_shortterm == BBR_INFINITE)
		b->bw_shortterm = b->max_bw;
	if (b->inflight_shortterm == BBR_INFINITE)
		b->inflight_shortterm = cc->cwnd_bytes;
	b->bw_shortterm = rudp_max(bw_latest, percent_of(b->bw_shortterm, BBR_BETA));
	b->inflight_shortterm =
		rudp_max(b->inflight_latest, percent_of(b->inflight_shortterm, BBR_BETA));
}

/* Once a loss round, and only for losses with evidence or for ECN marks. */
void rudp_bbr_adapt_lower_bounds(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);
	bool congested;

	if (!b->loss_round_start)
		return;
	congested = b->mark_in_round ||
		    (b->loss_in_round && (b->evidence_in_round || has_evidence(cc)));
	if (congested && !rudp_bbr_is_probing(b) && rudp_bbr_is_loss_answered(b))
		lower_bounds(cc);
	else if (b->shallow_in_round && !rudp_bbr_is_probing(b))
		rudp_bbr_answer_marks(cc);
	if (b->state != BBR_STARTUP)
		b->mark_in_round = false;
	b->shallow_in_round = false;
	b->loss_in_round = false;
	b->evidence_in_round = false;
}

/*
 * Draft section 5.3.1.3, checked at the end of each round: enough runs of losses, and evidence. A
 * queue is no evidence here: STARTUP holds for a queue and tells it from jitter, with or without
 * losses.
 */
bool rudp_bbr_has_startup_loss(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);
	const struct bbr_round *round = &b->last;

	return b->round_start &&
	       rudp_max(round->lost_runs, b->tally_lost_runs) >= BBR_LOSS_RUNS_MIN &&
	       round->lost_bytes >
		       percent_of(round->lost_bytes + round->delivered_bytes, BBR_LOSS_THRESH) &&
	       are_losses_evident(cc);
}

/*
 * If there was no queue before the probe, the delay must also be above what varied then. Jitter
 * that keeps packets in order grows with the rate, so a probe makes it longer.
 */
static bool is_probe_queue_evident(const struct bbr *b)
{
	return rudp_bbr_is_queue_evident(b) && (!b->up_alone || rudp_bbr_has_probe_delay(b));
}

/* Whether this probe put more in flight than the path holds. */
bool rudp_bbr_is_inflight_too_high(const struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t inflight = ack->rate.inflight_at_send_bytes;
	uint64_t lost = ack->rate.lost_bytes;
	uint64_t expected = rudp_cc_mul_div(inflight, b->loss_peak_ppm, PPM);

	if (b->sample_bw == 0)
		return false;
	if (b->now.marked_packets * (uint64_t)cc->datagram_bytes >
	    percent_of(inflight, BBR_LOSS_THRESH))
		return true;
	if (lost <= percent_of(inflight, BBR_LOSS_THRESH))
		return false;
	return is_probe_queue_evident(b) || b->shortfall || is_heavy(cc, lost, inflight) ||
	       is_tally_heavy(cc) ||
	       (lost >= BBR_HEAVY_LOSS_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes &&
		lost > expected + percent_of(inflight, BBR_EXCESS_LOSS));
}

void rudp_bbr_start_probe_count(struct bbr *b)
{
	b->counted_sent = b->counted_lost = b->counted_runs = 0;
	b->policed = false;
}

/*
 * A policer drops what exceeds its rate, without a queue. The rounds of the probe are judged
 * together, because those of a slow path have only a few packets. Losses in one or two places may
 * be bursts of a radio link.
 */
bool rudp_bbr_judge_probe(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	count_round(cc, b);
	b->counted_runs = (uint8_t)rudp_min(b->counted_runs + b->last.lost_runs, UINT8_MAX);
	b->policed =
		b->counted_lost >= BBR_COUNTED_LOSSES_MIN && b->counted_runs >= BBR_LOSS_RUNS_MIN &&
		b->counted_lost > rudp_cc_mul_div(b->counted_sent,
						  b->loss_ppm + PPM / 100 * BBR_EXCESS_LOSS, PPM);
	return b->policed;
}
