/* SPDX-License-Identifier: MIT */
/*
 * BBR in STARTUP: trains of packets that are sent together. The bottleneck spreads them. So the
 * time from their first ACK to their last tells its rate long before that rate is reached. A train
 * whose ACKs arrive all at once tells nothing and is ignored.
 */
#include "proto/cc/cc_bbr.h"

#include <string.h>

#include "proto/cc/cc_pace.h"

bool rudp_bbr_wants_trains(const struct bbr *b)
{
	return b->state == BBR_STARTUP && b->train_count < BBR_TRAIN_COUNT_MAX &&
	       b->shallow_ppm == 0;
}

/*
 * A train that is still being sent keeps its slot. If no slot is free, the train is not measured.
 */
static void watch(struct bbr *b, uint64_t first_number, uint8_t packets)
{
	struct bbr_train *place = NULL;

	for (unsigned i = 0; i < BBR_TRAINS_WATCHED; i++) {
		struct bbr_train *train = &b->trains[i];

		if (train->packets == 0 && place == NULL)
			place = train;
		if (train->packets > 0 && train->first_number == first_number)
			place = train;
	}
	if (place != NULL)
		*place = (struct bbr_train){.first_number = first_number, .packets = packets};
}

void rudp_bbr_note_train_sent(struct bbr *b, uint64_t number, int64_t now_at_ns)
{
	uint64_t packets;

	if (!rudp_bbr_wants_trains(b))
		return;
	if (b->leaving_at_ns != now_at_ns) {
		b->leaving_at_ns = now_at_ns;
		b->leaving_number = number;
	}
	packets = number + 1 - b->leaving_number;
	if (packets >= BBR_TRAIN_DATAGRAMS_MIN && packets <= BBR_TRAIN_DATAGRAMS_MAX)
		watch(b, b->leaving_number, (uint8_t)packets);
}

void rudp_bbr_forget_trains(struct bbr *b)
{
	memset(b->trains, 0, sizeof b->trains);
	b->train_count = 0;
	b->trains_wrong = false;
}

static void put_rate(struct bbr *b, uint64_t rate)
{
	uint32_t i = b->train_count;

	if (i == BBR_TRAIN_COUNT_MAX)
		return;
	rate = rudp_min(rate, UINT32_MAX);
	for (; i > 0 && b->train_rates[i - 1] > rate; i--)
		b->train_rates[i] = b->train_rates[i - 1];
	b->train_rates[i] = (uint32_t)rate;
	b->train_count++;
}

/* The median, or the lower of two: jitter and late ACKs make both extremes useless. */
uint64_t rudp_bbr_train_rate_bytes_per_s(const struct bbr *b)
{
	return b->train_rates[(b->train_count - 1) / 2];
}

/*
 * If several connections start together, each takes twice its share, and at least a third. With one
 * share each, the connection that started first kept what the others did not take. With the whole
 * estimate for each, a quarter was lost.
 */
static uint64_t train_share(const struct bbr *b)
{
	return rudp_bbr_train_rate_bytes_per_s(b) /
	       rudp_max(rudp_min((1 + b->starters) / 2, BBR_TRAIN_STARTERS_MAX), 1);
}

/* The receiver waited for a packet that never arrived, so this ACK is delayed and tells no rate. */
static bool is_late(const struct bbr_train *train, int64_t since_ns)
{
	return train->acks > 1 && (since_ns - train->span_ns) * (train->acks - 1) >
					  BBR_TRAIN_LATE_GAPS * (int64_t)train->span_ns;
}

static void note_ack(struct bbr_train *train, const struct rudp_cc_ack *ack, int64_t since_ns)
{
	if (train->acks == 0) {
		train->ack_at_ns = ack->now_at_ns;
		train->ack_bytes = ack->delivered_total_bytes;
		train->acks = 1;
	} else if (since_ns > train->span_ns && since_ns <= UINT32_MAX) {
		train->span_ns = (uint32_t)since_ns;
		train->span_bytes = (uint32_t)(ack->delivered_total_bytes - train->ack_bytes);
		train->acks++;
	}
}

static void watch_ack(struct bbr *b, struct bbr_train *train, const struct rudp_cc_ack *ack)
{
	int64_t since_ns = ack->now_at_ns - train->ack_at_ns;
	uint64_t end_number = train->first_number + train->packets;
	bool late;

	if (train->packets == 0 || ack->largest_acked_number < train->first_number)
		return;
	late = is_late(train, since_ns);
	if (ack->largest_acked_number < end_number && !late)
		note_ack(train, ack, since_ns);
	if (ack->largest_acked_number + 1 < end_number && !late)
		return;
	if (train->acks >= BBR_TRAIN_ACKS_MIN)
		put_rate(b, rudp_cc_rate(train->span_bytes, train->span_ns));
	train->packets = 0;
}

void rudp_bbr_note_train_acked(struct bbr *b, const struct rudp_cc_ack *ack)
{
	for (unsigned i = 0; i < BBR_TRAINS_WATCHED; i++)
		watch_ack(b, &b->trains[i], ack);
}

uint64_t rudp_bbr_train_target_bytes_per_s(const struct bbr *b)
{
	return rudp_cc_mul_div(rudp_bbr_train_rate_bytes_per_s(b), BBR_TRAIN_TARGET, 100);
}

/* Enough trains agree with the median. */
bool rudp_bbr_are_trains_sure(const struct bbr *b)
{
	uint32_t agree = 0;
	uint64_t rate, apart;

	if (b->train_count < BBR_TRAIN_COUNT_SURE || b->trains_wrong)
		return false;
	rate = rudp_bbr_train_rate_bytes_per_s(b);
	apart = rudp_cc_mul_div(rate, BBR_TRAIN_AGREE, 100);
	for (uint32_t i = 0; i < b->train_count; i++)
		agree += b->train_rates[i] >= rate - apart && b->train_rates[i] <= rate + apart;
	return agree >= BBR_TRAIN_COUNT_SURE;
}

/*
 * A program that pauses once during a flight makes all samples of that flight app-limited; most
 * programs do so in the first flight. But if the flight filled the window, the window was used.
 */
bool rudp_bbr_may_trains_grow(const struct bbr *b, const struct rudp_cc_ack *ack)
{
	return b->train_count > 0 &&
	       (!b->app_limited || ack->largest_acked_number < b->limited_until_number);
}

/* The window is so far below what the path holds that it may be sent early in the RTT. */
bool rudp_bbr_is_far_by_trains(const struct rudp_cc *cc)
{
	const struct bbr *b = bbr_of_const(cc);

	return b->train_count > 0 && !b->trains_wrong &&
	       cc->cwnd_bytes < rudp_bbr_bdp_bytes(cc, train_share(b), BBR_TRAIN_FAR);
}

/*
 * The growth from the window at the start of the round, for the bytes acknowledged since, up to
 * target.
 */
static uint64_t grown(const struct rudp_cc *cc, uint64_t factor, uint64_t target)
{
	const struct bbr *b = bbr_of_const(cc);
	uint64_t to = rudp_min(b->round_cwnd_bytes + factor * b->round_acked_bytes, target);

	return to > cc->cwnd_bytes ? to - cc->cwnd_bytes : 0;
}

static uint64_t growth_near(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);

	if (cc->cwnd_bytes >= rudp_bbr_bdp_bytes(cc, train_share(b), BBR_TRAIN_LIMIT)) {
		b->trains_wrong = true;
		return ack->acked_bytes;
	}
	return ack->acked_bytes / BBR_TRAIN_NEAR_DIVISOR;
}

/*
 * By default the window doubles in an RTT. If one train says that the path holds more, it grows
 * fourfold, up to half of the estimate. Once several agree it grows twentyfold, up to 80 % of the
 * estimate, and slowly after that. It doubles again if they were wrong.
 */
uint64_t rudp_bbr_train_growth_bytes(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	struct bbr *b = bbr_of(cc);
	uint64_t growth;

	if (b->trains_wrong || !rudp_bbr_may_trains_grow(b, ack))
		return ack->acked_bytes;
	if (!rudp_bbr_are_trains_sure(b)) {
		growth = grown(cc, BBR_TRAIN_GROWTH_FIRST,
			       rudp_bbr_bdp_bytes(cc, train_share(b), BBR_TRAIN_TARGET_FIRST));
		return rudp_max(growth, ack->acked_bytes);
	}
	growth = grown(cc, BBR_TRAIN_GROWTH,
		       rudp_bbr_bdp_bytes(cc, train_share(b), BBR_TRAIN_TARGET));
	return growth > 0 ? growth : growth_near(cc, ack);
}
