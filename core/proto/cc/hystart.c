/* SPDX-License-Identifier: MIT */
#include "proto/cc/hystart.h"

static int64_t rtt_thresh_ns(const struct rudp_hystart *hystart)
{
	int64_t thresh_ns = hystart->last_round_rtt_min_ns / RUDP_HYSTART_RTT_DIVISOR;

	thresh_ns = rudp_time_max(thresh_ns, RUDP_HYSTART_RTT_THRESH_MIN_NS);
	return rudp_time_min(thresh_ns, RUDP_HYSTART_RTT_THRESH_MAX_NS);
}

static void start_bucket(struct rudp_hystart *hystart)
{
	hystart->bucket_rtt_min_ns = RUDP_NEVER;
	hystart->bucket_samples = 0;
}

static void start_round(struct rudp_hystart *hystart, uint64_t next_number)
{
	/* A round without a sample says nothing about the path: what is known stays. */
	if (hystart->round_samples > 0)
		hystart->last_round_rtt_min_ns = hystart->round_rtt_min_ns;
	hystart->round_rtt_min_ns = RUDP_NEVER;
	hystart->round_samples = 0;
	hystart->round_end_number = next_number;
	start_bucket(hystart);
}

static void check_slow_start(struct rudp_hystart *hystart)
{
	if (hystart->last_round_rtt_min_ns == RUDP_NEVER)
		return;
	if (hystart->bucket_rtt_min_ns < hystart->last_round_rtt_min_ns + rtt_thresh_ns(hystart))
		return;
	hystart->phase = RUDP_HYSTART_CSS;
	hystart->css_baseline_rtt_ns = hystart->bucket_rtt_min_ns;
	hystart->css_rounds = 0;
}

static void check_css(struct rudp_hystart *hystart)
{
	if (hystart->bucket_rtt_min_ns < hystart->css_baseline_rtt_ns)
		hystart->phase = RUDP_HYSTART_SLOW_START;
	else if (hystart->bucket_rtt_min_ns >=
		 hystart->css_baseline_rtt_ns + rtt_thresh_ns(hystart))
		hystart->phase = RUDP_HYSTART_DONE;
}

static void note_rtt(struct rudp_hystart *hystart, int64_t rtt_ns)
{
	hystart->round_rtt_min_ns = rudp_time_min(hystart->round_rtt_min_ns, rtt_ns);
	hystart->round_samples++;
	hystart->bucket_rtt_min_ns = rudp_time_min(hystart->bucket_rtt_min_ns, rtt_ns);
	hystart->bucket_samples++;
	if (hystart->bucket_samples < RUDP_HYSTART_SAMPLES_MIN)
		return;
	if (hystart->phase == RUDP_HYSTART_SLOW_START)
		check_slow_start(hystart);
	else if (hystart->phase == RUDP_HYSTART_CSS)
		check_css(hystart);
	start_bucket(hystart);
}

/* The round in which CSS began counts as its first, even if it was only the rest of one. */
static void count_css_round(struct rudp_hystart *hystart)
{
	if (hystart->phase != RUDP_HYSTART_CSS)
		return;
	hystart->css_rounds++;
	if (hystart->css_rounds >= RUDP_HYSTART_CSS_ROUNDS)
		hystart->phase = RUDP_HYSTART_DONE;
}

void rudp_hystart_init(struct rudp_hystart *hystart)
{
	*hystart = (struct rudp_hystart){
		.phase = RUDP_HYSTART_SLOW_START,
		.round_rtt_min_ns = RUDP_NEVER,
		.last_round_rtt_min_ns = RUDP_NEVER,
		.bucket_rtt_min_ns = RUDP_NEVER,
		.css_baseline_rtt_ns = RUDP_NEVER,
	};
}

enum rudp_hystart_phase rudp_hystart_on_ack(struct rudp_hystart *hystart, bool has_rtt,
					    int64_t rtt_ns, uint64_t largest_acked_number,
					    uint64_t next_number)
{
	if (hystart->phase == RUDP_HYSTART_DONE)
		return RUDP_HYSTART_DONE;
	if (largest_acked_number >= hystart->round_end_number) {
		count_css_round(hystart);
		start_round(hystart, next_number);
	}
	if (has_rtt)
		note_rtt(hystart, rtt_ns);
	return hystart->phase;
}

void rudp_hystart_stop(struct rudp_hystart *hystart)
{
	hystart->phase = RUDP_HYSTART_DONE;
}
