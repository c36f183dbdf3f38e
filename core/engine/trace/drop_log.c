/* SPDX-License-Identifier: MIT */
#include "engine/trace/drop_log.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/log.h"

/* Duplicates are normal on a lossy path and are not logged. */
static bool is_logged(enum rudp_verdict verdict)
{
	return verdict != RUDP_VERDICT_OK && verdict != RUDP_VERDICT_DUPLICATE_SYN &&
	       verdict != RUDP_VERDICT_DUPLICATE_SYNACK;
}

void rudp_drop_log_report(struct rudp_drop_log *drop_log, const struct rudp_verdict_counts *counts,
			  int64_t now_at_ns)
{
	bool reported = false;

	if (!rudp_log_wants(RUDP_LOG_INFO) || now_at_ns < drop_log->next_at_ns)
		return;
	for (int i = 0; i < RUDP_VERDICT_COUNT; i++) {
		uint64_t new = counts->count[i] - drop_log->reported.count[i];

		if (new == 0 || !is_logged((enum rudp_verdict)i))
			continue;
		rudp_log(RUDP_LOG_INFO,
			 "dropped %" PRIu64 " datagrams (%" PRIu64 " in all), %s: %s", new,
			 counts->count[i], rudp_verdict_name((enum rudp_verdict)i),
			 rudp_verdict_reason((enum rudp_verdict)i));
		reported = true;
	}
	drop_log->reported = *counts;
	if (reported && now_at_ns != RUDP_NEVER)
		drop_log->next_at_ns = now_at_ns + RUDP_DROP_LOG_INTERVAL_NS;
}
