/* SPDX-License-Identifier: MIT */
/*
 * log_ratelimit - a limit for log lines that a peer can cause at any rate.
 *
 * Limit    RUDP_LOG_RATELIMIT_MAX lines in RUDP_LOG_RATELIMIT_SPAN_NS. Further lines are suppressed
 *          and counted; the first line of a later span logs the count.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_BASE_LOG_RATELIMIT_H
#define RUDP_BASE_LOG_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_LOG_RATELIMIT_MAX 10
#define RUDP_LOG_RATELIMIT_SPAN_NS (10 * RUDP_NS_PER_S)

/* Initialise to all zeros. */
struct rudp_log_ratelimit {
	int64_t since_ns;
	unsigned count;
	uint64_t suppressed; /* lines suppressed since since_ns */
};

/*
 * True if one more line may be logged. False: the caller must not log, and the line is counted as
 * suppressed.
 */
bool rudp_log_ratelimit_allows(struct rudp_log_ratelimit *ratelimit, int64_t now_at_ns);

#endif
