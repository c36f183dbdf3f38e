/* SPDX-License-Identifier: MIT */
#include "base/log_ratelimit.h"

#include <inttypes.h>

#include "base/log.h"

bool rudp_complaints_may(struct rudp_complaints *complaints, int64_t now_at_ns)
{
	if (now_at_ns - complaints->since_ns >= RUDP_COMPLAINTS_SPAN_NS) {
		if (complaints->left_out > 0)
			rudp_log(RUDP_LOG_WARN,
				 "%" PRIu64 " more lines that strangers have caused were left out",
				 complaints->left_out);
		*complaints = (struct rudp_complaints){.since_ns = now_at_ns};
	}
	if (complaints->count < RUDP_COMPLAINTS_MAX) {
		complaints->count++;
		return true;
	}
	complaints->left_out++;
	return false;
}
