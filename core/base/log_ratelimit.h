/* SPDX-License-Identifier: MIT */
/*
 * log_ratelimit - lines in the log that peers can cause as often as they like.
 *
 * Limit    RUDP_LOG_RATELIMIT_MAX in RUDP_LOG_RATELIMIT_SPAN_NS; of the rest only the number is
 *          told, with the first line of a later span.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_BASE_LOG_RATELIMIT_H
#define RUDP_BASE_LOG_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_LOG_RATELIMIT_MAX 10
#define RUDP_LOG_RATELIMIT_SPAN_NS (10 * RUDP_NS_PER_S)

/* All zeros at first. */
struct rudp_log_ratelimit {
	int64_t since_ns;
	unsigned count;
	uint64_t left_out; /* and not told of */
};

/* Whether one more line may go into the log; false: it is counted instead. */
bool rudp_log_ratelimit_allows(struct rudp_log_ratelimit *ratelimit, int64_t now_at_ns);

#endif
