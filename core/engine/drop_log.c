/* SPDX-License-Identifier: MIT */
#include "engine/drop_log.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/log.h"

/* Copies that a lossy path makes by itself are no news. */
static bool is_news(enum rudp_verdict verdict)
{
	return verdict != RUDP_VERDICT_OK && verdict != RUDP_VERDICT_DUPLICATE_SYN &&
	       verdict != RUDP_VERDICT_DUPLICATE_SYNACK;
}

void rudp_drops_report(struct rudp_drops *drops, const struct rudp_verdict_counts *counts,
		       int64_t now_at_ns)
{
	bool told = false;

	if (!rudp_log_wants(RUDP_LOG_INFO) || now_at_ns < drops->next_at_ns)
		return;
	for (int i = 0; i < RUDP_VERDICT_COUNT; i++) {
		uint64_t new = counts->count[i] - drops->told.count[i];

		if (new == 0 || !is_news((enum rudp_verdict)i))
			continue;
		rudp_log(RUDP_LOG_INFO, "dropped %" PRIu64 " datagrams (%" PRIu64 " in all), %s: %s",
			 new, counts->count[i], rudp_verdict_name((enum rudp_verdict)i),
			 rudp_verdict_reason((enum rudp_verdict)i));
		told = true;
	}
	drops->told = *counts;
	if (told && now_at_ns != RUDP_NEVER)
		drops->next_at_ns = now_at_ns + RUDP_DROPS_REPORT_NS;
}
