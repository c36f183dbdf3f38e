/* SPDX-License-Identifier: MIT */
/*
 * drop_log - tells the log what the protocol has dropped, by cause (proto/wire/verdict.h).
 *
 * At most one line a cause every RUDP_DROP_LOG_INTERVAL_NS, at level info, and the rest at the
 * engine's end: whoever sends rubbish cannot fill a disk with it.
 */
#ifndef RUDP_ENGINE_DROP_LOG_H
#define RUDP_ENGINE_DROP_LOG_H

#include "base/time.h"
#include "proto/wire/verdict.h"

#define RUDP_DROP_LOG_INTERVAL_NS (10 * RUDP_NS_PER_S)

struct rudp_drop_log {
	struct rudp_verdict_counts told;
	int64_t next_at_ns; /* 0 at first: the first drop is told at once */
};

/* now RUDP_NEVER: tell everything that is untold. */
void rudp_drop_log_report(struct rudp_drop_log *drop_log, const struct rudp_verdict_counts *counts,
			  int64_t now_at_ns);

#endif
