/* SPDX-License-Identifier: MIT */
/* BBR's model of the path: rounds, bandwidth, ACK aggregation, and whether the pipe is full. */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

void rudp_bbr_start_round(struct bbr *b)
{
	b->round_end_number = b->next_number;
	b->now.delay_max_ns = b->now.fall_max_ns = 0;
}

/*
 * Fewer bytes were delivered and lost than were sent a round before. A round shorter than the RTT,
 * which the first one can be, measures a burst and no rate.
 */
static bool is_short(const struct bbr *b, int64_t now_at_ns)
{
	const struct bbr_round *before = &b->last, *round = &b->now;
	int64_t sent_ns = round->started_at_ns - before->started_at_ns;
	int64_t out_ns = now_at_ns - round->started_at_ns;
	uint64_t out = round->delivered_bytes + round->lost_bytes;

	if (before->app_limited || round->app_limited || sent_ns < b->min_rtt_ns || out_ns <= 0)
		return false;
	return rudp_cc_rate(out, out_ns) <
	       rudp_cc_rate(before->sent_bytes, sent_ns) / 100 * BBR_SHORTFALL;
}

static void start_round_totals(struct bbr *b, int64_t now_at_ns)
{
	bool short_now = is_short(b, now_at_ns);

	/* Lost ACKs can make a single round too long, so two rounds in a row are needed. */
	b->shortfall = short_now && b->was_short;
	b->was_short = short_now;
	if (now_at_ns > b->now.started_at_ns)
		b->now.ack_rate =
			rudp_cc_rate(b->now.delivered_bytes, now_at_ns - b->now.started_at_ns);
	b->ack_rate_before = b->last.ack_rate;
	b->last = b->now;
	b->now = (struct bbr_round){.started_at_ns = now_at_ns, .rtt_min_ns = RUDP_NEVER};
	b->fall_from_ns = 0;
}

void rudp_bbr_update_round(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	b->now.delivered_bytes += ack->acked_bytes;
	b->now.app_limited |= b->app_limited;
	b->now.bw_max = rudp_max(b->now.bw_max, b->sample_bw);
	b->round_acked_bytes += ack->acked_bytes;
	b->round_start = ack->largest_acked_number >= b->round_end_number;
	if (!b->round_start)
		return;
	start_round_totals(b, ack->now_at_ns);
	b->round_cwnd_bytes = cc->cwnd_bytes;
	b->round_acked_bytes = ack->acked_bytes;
	rudp_bbr_start_round(b);
	b->round_count++;
	b->rounds_since_probe++;
}

/* App-limited samples count only if they are larger than max_bw. */
void rudp_bbr_update_max_bw(struct bbr *b)
{
	if (b->sample_bw == 0 || (b->app_limited && b->sample_bw < b->max_bw))
		return;
	b->max_bw_slots[0] = rudp_max(b->max_bw_slots[0], b->sample_bw);
	b->max_bw = rudp_max(b->max_bw_slots[0], b->max_bw_slots[1]);
}

/*
 * One round after a probe all its samples have arrived: drops values older than the previous probe.
 * A cycle without any sample keeps the known value.
 */
void rudp_bbr_advance_max_bw(struct bbr *b)
{
	if (b->max_bw_slots[0] == 0)
		return;
	b->max_bw_slots[1] = b->max_bw_slots[0];
	b->max_bw_slots[0] = 0;
	b->max_bw = b->max_bw_slots[1];
}

/* The largest excess of the last ten rounds, in two slots of five; in STARTUP of one round. */
static void put_extra_acked(struct bbr *b, uint64_t extra)
{
	uint64_t rounds = b->full_bw_reached ? BBR_EXTRA_ACKED_ROUNDS : 1;

	if (b->round_count >= b->extra_acked_slot_round + rounds) {
		b->extra_acked_slot_round = b->round_count;
		b->extra_acked[1] = b->full_bw_reached ? b->extra_acked[0] : 0;
		b->extra_acked[0] = 0;
	}
	b->extra_acked[0] = rudp_max(b->extra_acked[0], extra);
}

/* Draft section 5.5.9: how much more is acknowledged at once than the bandwidth explains. */
void rudp_bbr_update_extra_acked(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);
	int64_t span_ns = rudp_time_max(ack->now_at_ns - b->extra_acked_since_at_ns, 0);
	uint64_t expected = rudp_cc_bytes_in(rudp_min(b->bw, b->max_bw), span_ns);

	if (b->extra_acked_sum <= expected) {
		b->extra_acked_sum = 0;
		b->extra_acked_since_at_ns = ack->now_at_ns;
		expected = 0;
	}
	b->extra_acked_sum += ack->acked_bytes;
	put_extra_acked(b, rudp_min(b->extra_acked_sum - expected, cc->cwnd_bytes));
}

uint64_t rudp_bbr_extra_acked(const struct bbr *b)
{
	return rudp_max(b->extra_acked[0], b->extra_acked[1]);
}

void rudp_bbr_reset_full_bw(struct bbr *b)
{
	b->full_bw = 0;
	b->full_bw_count = 0;
	b->full_bw_now = false;
}

/* Draft section 5.3.1.2: three rounds in which attempts to grow gained less than a quarter. */
void rudp_bbr_check_full_bw(struct bbr *b)
{
	uint64_t growth = b->state == BBR_UP ? BBR_UP_BW_GROWTH : BBR_FULL_BW_GROWTH;
	uint64_t bw = b->last.bw_max;

	if (b->full_bw_now || !b->round_start || b->last.app_limited || bw == 0 || b->holding)
		return;
	if (bw >= rudp_cc_mul_div(b->full_bw, growth, 100)) {
		rudp_bbr_reset_full_bw(b);
		b->full_bw = bw;
		return;
	}
	b->full_bw_count++;
	b->full_bw_now = b->full_bw_count >= BBR_FULL_BW_ROUNDS;
	if (b->full_bw_now)
		b->full_bw_reached = true;
}

/*
 * Rate samples count what arrives. To keep a path full that loses packets at any rate, those have
 * to be sent, too. Probes send more anyway.
 */
void rudp_bbr_bound_bw(struct bbr *b)
{
	uint64_t bw = b->state == BBR_CRUISE ? rudp_bbr_with_path_loss(b, b->max_bw) : b->max_bw;

	b->bw = rudp_min(bw, b->bw_shortterm);
}
