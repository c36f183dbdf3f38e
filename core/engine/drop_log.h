/* SPDX-License-Identifier: MIT */
/*
 * drops - tells the log what the protocol has dropped, by cause (proto/verdict.h).
 *
 * At most one line a cause every RUDP_DROPS_REPORT_NS, at level info, and the rest at the engine's end:
 * whoever sends rubbish cannot fill a disk with it.
 */
#ifndef RUDP_ENGINE_DROPS_H
#define RUDP_ENGINE_DROPS_H

#include "base/time.h"
#include "proto/verdict.h"

#define RUDP_DROPS_REPORT_NS (10 * RUDP_NS_PER_S)

struct rudp_drops {
	struct rudp_verdict_counts told;
	int64_t next_at_ns; /* 0 at first: the first drop is told at once */
};

/* now RUDP_NEVER: tell everything that is untold. */
void rudp_drops_report(struct rudp_drops *drops, const struct rudp_verdict_counts *counts,
		       int64_t now_at_ns);

#endif
