/* SPDX-License-Identifier: MIT */
/* BBR in a flow group: reports its rate, and continues at another rate (flow_group.h). */
#include "proto/cc/cc_bbr.h"

#include "proto/cc/cc_pace.h"

#define ROUND_DATAGRAMS_MIN 8 /* smaller rounds are no basis for a rate */

/* PROBE_RTT limits itself, so its rounds look application-limited. */
static bool uses_full_rate(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);

	if (!b->full_bw_reached || b->bw == 0)
		return false;
	if (!rudp_bbr_is_probe_bw(b))
		return b->state == BBR_PROBE_RTT;
	return !b->last.app_limited &&
	       b->last.delivered_bytes >= ROUND_DATAGRAMS_MIN * (uint64_t)cc->datagram_bytes;
}

bool rudp_bbr_flow(const struct rudp_cc *cc, struct rudp_cc_flow *out)
{
	const struct bbr *b = bbr_of_const(cc);

	if (!uses_full_rate(cc))
		return false;
	*out = (struct rudp_cc_flow){
		.bytes_per_s = b->bw,
		.delivered_bytes_per_s = rudp_max(b->last.ack_rate, b->ack_rate_before),
		.round = b->round_count,
		.may_shift =
			(b->state == BBR_DOWN || b->state == BBR_CRUISE) && b->phase_rounds >= 2,
	};
	return true;
}

static uint64_t scaled(uint64_t value, uint64_t by, uint64_t of)
{
	return value == BBR_INFINITE ? value : rudp_cc_mul_div(value, by, of);
}

/* Scales the whole model. What it has learned about other flows on the path stays. */
void rudp_bbr_shift(struct rudp_cc *cc, uint64_t bytes_per_s)
{
	struct bbr *b = bbr_of(cc);
	/* clang-format off */
	uint64_t *const values[] = {
		&b->max_bw_slots[0], &b->max_bw_slots[1],      &b->max_bw,
		&b->bw_latest,       &b->bw_shortterm,         &b->full_bw,
		&b->last.ack_rate,   &b->ack_rate_before,      &b->inflight_latest,
		&b->inflight_shortterm, &b->inflight_longterm, &b->undo.bw_shortterm,
		&b->undo.inflight_shortterm, &b->undo.inflight_longterm, &b->undo.cwnd_bytes,
	};
	/* clang-format on */
	uint64_t before = b->bw;

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		*values[i] = scaled(*values[i], bytes_per_s, before);
	if (bytes_per_s < before)
		b->shifted_until_number = b->next_number;
	rudp_bbr_bound_bw(b);
}
