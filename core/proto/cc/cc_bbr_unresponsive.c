/* SPDX-License-Identifier: MIT */
/* Detection of unresponsive flows, which do not react to loss. cc_bbr.h has the rule. */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

static bool does_queue_stand(const struct bbr *b)
{
	int64_t long_ns =
		rudp_time_max(b->min_rtt_ns / BBR_UNRESPONSIVE_QUEUE_DIVISOR, BBR_QUEUE_NS_MIN);

	return b->last.rtt_min_ns - b->min_rtt_ns > long_ns;
}

/*
 * A queue has gone away. Next to the kernel's BBR it had lasted 4.1 s to 5.1 s, from one PROBE_RTT
 * (the kernel's or ours) to the next. Ten flows of ours sometimes let a queue last so long, but
 * seldom three times in a row.
 */
static void count_sign(struct bbr *b, int64_t stood_ns)
{
	bool is_sign = stood_ns >= BBR_UNRESPONSIVE_STANDING_NS;

	if (is_sign && b->unresponsive_signs < BBR_UNRESPONSIVE_SIGNS_MAX)
		b->unresponsive_signs++;
	else if (!is_sign && b->unresponsive_signs > 0)
		b->unresponsive_signs--;
}

/*
 * A round has ended. PROBE_RTT itself shows nothing; the rounds after it show what it has drained.
 */
void rudp_bbr_look_for_unresponsive(struct bbr *b)
{
	int64_t now_at_ns = b->now.started_at_ns, since_ns = now_at_ns - b->queue_changed_at_ns;
	bool stands;

	if (b->foreign) {
		b->queue_stands = false;
		b->unresponsive_signs = 0;
	}
	if (b->foreign || !rudp_bbr_is_probe_bw(b) || b->last.rtt_samples == 0)
		return;
	stands = does_queue_stand(b);
	if (!stands && !b->queue_stands && since_ns > BBR_UNRESPONSIVE_GONE_NS)
		b->unresponsive_signs = 0;
	if (stands == b->queue_stands)
		return;
	b->queue_stands = stands;
	b->queue_changed_at_ns = now_at_ns;
	if (!stands)
		count_sign(b, since_ns);
}

bool rudp_bbr_is_beside_unresponsive(const struct bbr *b)
{
	return b->unresponsive_signs >= BBR_UNRESPONSIVE_SIGNS;
}

/* Losses above this share of a round are reacted to, even next to an unresponsive flow. */
bool rudp_bbr_is_loss_answered(const struct bbr *b)
{
	const struct bbr_round *round = &b->last;

	return !rudp_bbr_is_beside_unresponsive(b) || b->mark_in_round ||
	       round->lost_bytes > rudp_cc_mul_div(round->lost_bytes + round->delivered_bytes,
						   BBR_UNRESPONSIVE_LOSS, 100);
}
