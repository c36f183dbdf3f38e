/* SPDX-License-Identifier: MIT */
#include "proto/recovery/rtt.h"

/* No path is shorter. Prevents infinite rates if the clock does not advance. */
#define SAMPLE_MIN_NS (1 * RUDP_NS_PER_US)

/* Limits of the first sample, and of any later one on a short path. */
#define FIRST_NS_MAX (10 * RUDP_NS_PER_S)
#define STEP_NS_MIN (1 * RUDP_NS_PER_S)

void rudp_rtt_init(struct rudp_rtt *rtt, int64_t known_ns)
{
	int64_t believed_ns = rudp_time_max(rudp_time_min(known_ns, RUDP_RTT_KNOWN_NS_MAX),
					    RUDP_RTT_KNOWN_NS_MIN);
	int64_t guess_ns = known_ns > 0 ? believed_ns : RUDP_RTT_INITIAL_NS;

	*rtt = (struct rudp_rtt){
		.latest_ns = guess_ns,
		.believed_ns = guess_ns,
		.srtt_ns = guess_ns,
		.var_ns = guess_ns / 2,
		.min_ns = RUDP_NEVER,
	};
}

static void take_first(struct rudp_rtt *rtt)
{
	rtt->min_ns = rtt->latest_ns;
	rtt->srtt_ns = rtt->believed_ns = rudp_time_min(rtt->latest_ns, FIRST_NS_MAX);
	rtt->var_ns = rtt->srtt_ns / 2;
}

static int64_t distance_ns(int64_t a_ns, int64_t b_ns)
{
	return a_ns > b_ns ? a_ns - b_ns : b_ns - a_ns;
}

/*
 * Limits a sample to twice the current PTO. A suspended host answers late: such minutes say nothing
 * about the path, and would delay the next probe and loss detection by minutes. If the path has
 * really become that long, the estimate grows step by step.
 */
static int64_t believable_ns(const struct rudp_rtt *rtt, int64_t sample_ns)
{
	return rudp_time_min(sample_ns,
			     rudp_time_max(2 * (rtt->srtt_ns + 4 * rtt->var_ns), STEP_NS_MIN));
}

void rudp_rtt_sample(struct rudp_rtt *rtt, int64_t latest_ns, int64_t ack_delay_ns)
{
	int64_t adjusted_ns;

	rtt->latest_ns = latest_ns = rudp_time_max(latest_ns, SAMPLE_MIN_NS);
	if (rtt->samples++ == 0) {
		take_first(rtt);
		return;
	}
	rtt->min_ns = rudp_time_min(rtt->min_ns, latest_ns);
	/* An ACK delay that would give less than the minimum is ignored (RFC 9002 section 5.3). */
	if (ack_delay_ns > 0 && latest_ns - rtt->min_ns >= ack_delay_ns)
		rtt->latest_ns -= ack_delay_ns;
	rtt->believed_ns = believable_ns(rtt, latest_ns);
	adjusted_ns = believable_ns(rtt, rtt->latest_ns);
	rtt->var_ns = (3 * rtt->var_ns + distance_ns(rtt->srtt_ns, adjusted_ns)) / 4;
	rtt->srtt_ns = (7 * rtt->srtt_ns + adjusted_ns) / 8;
}

int64_t rudp_rtt_pto_ns(const struct rudp_rtt *rtt, int64_t ack_delay_max_ns)
{
	return rtt->srtt_ns + rudp_time_max(4 * rtt->var_ns, RUDP_RTT_GRANULARITY_NS) +
	       ack_delay_max_ns;
}
