/* SPDX-License-Identifier: MIT */
/* Undo of spurious losses: restores what a loss changed if its packets were only late. */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

void rudp_bbr_save_for_undo(struct rudp_cc *cc, const struct rudp_cc_loss *loss)
{
	struct bbr *b = bbr_of(cc);

	rudp_bbr_save_cwnd(cc);
	b->undo = (struct bbr_undo){
		.cwnd_bytes = b->prior_cwnd_bytes,
		.bw_shortterm = b->bw_shortterm,
		.inflight_shortterm = b->inflight_shortterm,
		.inflight_longterm = b->inflight_longterm,
		.from_number = loss->largest_lost_number,
		.inflight_bytes = loss->inflight_bytes + loss->lost_bytes,
		.is_set = true,
	};
}

static void return_to_probe(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	if (b->undo.left_startup && b->state != BBR_STARTUP) {
		b->full_bw_reached = false;
		if (b->state != BBR_PROBE_RTT)
			rudp_bbr_enter_startup(cc);
	} else if (b->undo.left_up && (b->state == BBR_DOWN || b->state == BBR_CRUISE)) {
		rudp_bbr_start_refill(cc);
	}
}

static void undo(struct rudp_cc *cc)
{
	struct bbr *b = bbr_of(cc);

	cc->cwnd_bytes = rudp_max(cc->cwnd_bytes, b->undo.cwnd_bytes);
	b->loss_in_round = false;
	rudp_bbr_reset_full_bw(b);
	b->bw_shortterm = rudp_max(b->bw_shortterm, b->undo.bw_shortterm);
	b->inflight_shortterm = rudp_max(b->inflight_shortterm, b->undo.inflight_shortterm);
	b->inflight_longterm = rudp_max(b->inflight_longterm, b->undo.inflight_longterm);
	if (b->undo.left_up)
		b->prev_probe_too_high = false;
	return_to_probe(cc);
	b->undo.is_set = false;
	rudp_bbr_bound_bw(b);
}

static uint64_t subtract(uint64_t value, uint64_t by)
{
	return value - rudp_min(value, by);
}

/*
 * Corrects the totals of losses at once. The whole episode is undone if its remaining losses would
 * not have caused a reaction: they are below the loss threshold, draft section 5.5.11. Otherwise
 * reordering could never be undone on a path that also loses a packet from time to time.
 */
void rudp_bbr_take_spurious(struct rudp_cc *cc, const struct rudp_cc_spurious *spurious)
{
	struct bbr *b = bbr_of(cc);
	uint64_t from_last = subtract(spurious->bytes, b->now.lost_bytes);

	b->now.lost_bytes = subtract(b->now.lost_bytes, spurious->bytes);
	b->last.lost_bytes = subtract(b->last.lost_bytes, from_last);
	if (!b->undo.is_set || spurious->largest_number < b->undo.from_number)
		return;
	b->undo.lost_bytes = subtract(b->undo.lost_bytes, spurious->bytes);
	if (b->undo.lost_bytes <= rudp_cc_mul_div(b->undo.inflight_bytes, BBR_LOSS_THRESH, 100))
		undo(cc);
}
