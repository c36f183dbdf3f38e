/* SPDX-License-Identifier: MIT */
#include "proto/recovery/acks.h"

#include "proto/wire/frame.h"

#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE 3

void rudp_acks_init(struct rudp_acks *acks)
{
	*acks = (struct rudp_acks){
		.largest = UINT64_MAX, .due_at_ns = RUDP_NEVER, .sent_at_ns = INT64_MIN / 2};
	rudp_range_set_init(&acks->received, RUDP_ACKS_RANGES_MAX);
}

void rudp_acks_fini(struct rudp_acks *acks)
{
	rudp_range_set_fini(&acks->received);
}

/* Forgetting the oldest range costs the peer at most a spurious retransmission. */
static void remember(struct rudp_acks *acks, uint64_t number)
{
	struct rudp_range_set *set = &acks->received;

	while (rudp_range_set_add(set, number, number + 1) < 0 && set->count > 0)
		rudp_range_set_remove_below(set, set->ranges[0].end);
}

static void count_ecn(struct rudp_acks *acks, uint8_t ecn)
{
	if (ecn == ECN_ECT0)
		acks->ecn[0]++;
	else if (ecn == ECN_ECT1)
		acks->ecn[1]++;
	else if (ecn == ECN_CE)
		acks->ecn[2]++;
}

static int64_t delay_ns(int64_t srtt_ns)
{
	int64_t delay = srtt_ns / 4;

	delay = rudp_time_max(delay, RUDP_ACK_DELAY_MIN_NS);
	return rudp_time_min(delay, RUDP_ACK_DELAY_MAX_NS);
}

/* Soon and often where the peer's congestion window waits for it. */
static unsigned interval(const struct rudp_acks *acks)
{
	return acks->packets < RUDP_ACK_YOUNG_PACKETS && !acks->peer_is_done ? RUDP_ACK_EVERY_YOUNG
									     : RUDP_ACK_EVERY;
}

/* The peer looks for losses: soon, but not once for each packet. */
static void want_soon(struct rudp_acks *acks, int64_t srtt_ns, int64_t now_at_ns)
{
	int64_t soonest_at_ns = acks->sent_at_ns + srtt_ns / RUDP_ACK_SPACING_DIVISOR;

	if (soonest_at_ns <= now_at_ns)
		acks->now = true;
	else
		acks->due_at_ns = rudp_time_min(acks->due_at_ns, soonest_at_ns);
}

void rudp_acks_on_packet(struct rudp_acks *acks, uint64_t number, bool eliciting, uint8_t ecn,
			 int64_t srtt_ns, int64_t now_at_ns)
{
	bool first = acks->largest == UINT64_MAX;
	bool in_order = first || number == acks->largest + 1;
	unsigned every = interval(acks);

	remember(acks, number);
	count_ecn(acks, ecn);
	acks->packets++;
	if (first || number > acks->largest) {
		acks->largest = number;
		acks->largest_at_ns = now_at_ns;
	}
	if (!eliciting)
		return;
	acks->pending++;
	if (acks->due_at_ns == RUDP_NEVER)
		acks->due_at_ns = now_at_ns + delay_ns(srtt_ns);
	if (acks->pending >= every)
		acks->now = true;
	else if (!in_order || ecn == ECN_CE)
		want_soon(acks, srtt_ns, now_at_ns);
}

void rudp_acks_on_bytes(struct rudp_acks *acks, size_t bytes)
{
	if (acks->pending == 0)
		return;
	acks->pending_bytes += bytes;
	if (acks->pending_bytes >= RUDP_ACK_EVERY_BYTES)
		acks->now = true;
}

void rudp_acks_on_peer_fin(struct rudp_acks *acks)
{
	acks->peer_is_done = true;
}

bool rudp_acks_is_due(const struct rudp_acks *acks, int64_t now_at_ns)
{
	return acks->now || acks->due_at_ns <= now_at_ns;
}

bool rudp_acks_write(const struct rudp_acks *acks, struct rudp_writer *w, int64_t now_at_ns)
{
	bool has_ecn = acks->ecn[0] + acks->ecn[1] + acks->ecn[2] > 0;

	if (acks->received.count == 0)
		return false;
	return rudp_frame_write_ack(w, &acks->received, now_at_ns - acks->largest_at_ns,
				    has_ecn ? acks->ecn : NULL);
}

void rudp_acks_on_sent(struct rudp_acks *acks, int64_t now_at_ns)
{
	acks->sent_at_ns = now_at_ns;
	acks->pending = 0;
	acks->pending_bytes = 0;
	acks->now = false;
	acks->due_at_ns = RUDP_NEVER;
}

void rudp_acks_on_acked(struct rudp_acks *acks, uint64_t largest)
{
	/* The newest number stays: an ACK frame is never empty. */
	uint64_t limit = largest < acks->largest ? largest + 1 : acks->largest;

	rudp_range_set_remove_below(&acks->received, limit);
}
