/* SPDX-License-Identifier: MIT */
/*
 * drop_log - logs how many datagrams the protocol has dropped, by cause (proto/wire/verdict.h).
 *
 * At most one line per cause every RUDP_DROP_LOG_INTERVAL_NS, at level info; the rest is logged
 * when the engine ends. So a sender of invalid datagrams cannot fill the disk.
 */
#ifndef RUDP_ENGINE_DROP_LOG_H
#define RUDP_ENGINE_DROP_LOG_H

#include "base/time.h"
#include "proto/wire/verdict.h"

#define RUDP_DROP_LOG_INTERVAL_NS (10 * RUDP_NS_PER_S)

struct rudp_drop_log {
	struct rudp_verdict_counts reported;
	int64_t next_at_ns; /* 0 at first: the first drop is logged at once */
};

/* now_at_ns RUDP_NEVER: logs all that is not logged yet. */
void rudp_drop_log_report(struct rudp_drop_log *drop_log, const struct rudp_verdict_counts *counts,
			  int64_t now_at_ns);

#endif
