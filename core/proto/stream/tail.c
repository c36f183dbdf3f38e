/* SPDX-License-Identifier: MIT */
#include "proto/stream/tail.h"

void rudp_tail_init(struct rudp_tail *tail, bool disabled, int64_t now_at_ns)
{
	*tail = (struct rudp_tail){
		.disabled = disabled,
		.due_at_ns = RUDP_NEVER,
		.bucket = {RUDP_TAIL_BURST_BYTES, now_at_ns},
	};
	rudp_tail_restart(tail, now_at_ns);
}

void rudp_tail_restart(struct rudp_tail *tail, int64_t now_at_ns)
{
	tail->min_rtt_ns[0] = tail->min_rtt_ns[1] = RUDP_NEVER;
	tail->min_rtt_at_ns = now_at_ns;
	tail->srtt_ns = 0;
	tail->loss_average = 0;
	tail->held_until_ns = INT64_MIN;
}

static int64_t delay_ns(const struct rudp_rtt *rtt, bool burst)
{
	int64_t delay =
		rtt->srtt_ns / (burst ? RUDP_TAIL_BURST_DELAY_DIVISOR : RUDP_TAIL_DELAY_DIVISOR);
	int64_t min_ns = burst ? RUDP_TAIL_BURST_DELAY_MIN_NS : RUDP_TAIL_DELAY_MIN_NS;
	int64_t max_ns = burst ? RUDP_TAIL_BURST_DELAY_MAX_NS : RUDP_TAIL_DELAY_MAX_NS;

	return rudp_time_min(rudp_time_max(delay, min_ns), max_ns);
}

void rudp_tail_on_idle(struct rudp_tail *tail, const struct rudp_rtt *rtt, bool burst,
		       int64_t now_at_ns)
{
	/*
	 * Later data does not move the time: otherwise a stream of keystrokes would never be
	 * duplicated.
	 */
	if (!tail->disabled && tail->due_at_ns == RUDP_NEVER)
		tail->due_at_ns = now_at_ns + delay_ns(rtt, burst);
}

static void take_rtt(struct rudp_tail *tail, const struct rudp_rtt *rtt, int64_t now_at_ns)
{
	if (now_at_ns - tail->min_rtt_at_ns >= RUDP_TAIL_MIN_RTT_NS) {
		tail->min_rtt_ns[1] = tail->min_rtt_ns[0];
		tail->min_rtt_ns[0] = RUDP_NEVER;
		tail->min_rtt_at_ns = now_at_ns;
	}
	tail->min_rtt_ns[0] = rudp_time_min(tail->min_rtt_ns[0], rtt->latest_ns);
	tail->srtt_ns = rtt->srtt_ns;
}

static uint32_t averaged(uint32_t average, uint32_t packets, uint32_t value)
{
	if (packets > RUDP_TAIL_LOSS_WEIGHT)
		packets = RUDP_TAIL_LOSS_WEIGHT;
	return (average * (RUDP_TAIL_LOSS_WEIGHT - packets) + value * packets) /
	       RUDP_TAIL_LOSS_WEIGHT;
}

void rudp_tail_on_fates(struct rudp_tail *tail, const struct rudp_rtt *rtt, bool sampled,
			uint32_t answered_packets, uint32_t lost_packets, int64_t now_at_ns)
{
	if (sampled)
		take_rtt(tail, rtt, now_at_ns);
	tail->loss_average = averaged(tail->loss_average, answered_packets, 0);
	tail->loss_average = averaged(tail->loss_average, lost_packets, RUDP_TAIL_LOSS_ONE);
}

void rudp_tail_on_congestion(struct rudp_tail *tail, const struct rudp_rtt *rtt, int64_t now_at_ns)
{
	tail->held_until_ns =
		now_at_ns + rudp_time_max(RUDP_TAIL_HOLD_NS, RUDP_TAIL_HOLD_RTTS * rtt->srtt_ns);
}

static bool is_queue_evident(const struct rudp_tail *tail)
{
	int64_t min_ns = rudp_time_min(tail->min_rtt_ns[0], tail->min_rtt_ns[1]);

	return min_ns != RUDP_NEVER &&
	       tail->srtt_ns > min_ns + min_ns / RUDP_TAIL_QUEUE_DIVISOR + RUDP_TAIL_QUEUE_NS;
}

bool rudp_tail_is_path_clear(const struct rudp_tail *tail, int64_t now_at_ns)
{
	return now_at_ns >= tail->held_until_ns && tail->loss_average <= RUDP_TAIL_LOSS_MAX &&
	       !is_queue_evident(tail);
}

bool rudp_tail_spend(struct rudp_tail *tail, uint64_t bytes, int64_t now_at_ns)
{
	if (rudp_token_bucket_now(&tail->bucket, RUDP_TAIL_BYTES_PER_S, RUDP_TAIL_BURST_BYTES,
				  now_at_ns) < bytes)
		return false;
	tail->bucket.bytes -= bytes;
	return true;
}
