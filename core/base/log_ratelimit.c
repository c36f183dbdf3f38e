/* SPDX-License-Identifier: MIT */
#include "base/log_ratelimit.h"

#include <inttypes.h>

#include "base/log.h"

bool rudp_log_ratelimit_allows(struct rudp_log_ratelimit *ratelimit, int64_t now_at_ns)
{
	if (now_at_ns - ratelimit->since_ns >= RUDP_LOG_RATELIMIT_SPAN_NS) {
		if (ratelimit->left_out > 0)
			rudp_log(RUDP_LOG_WARN,
				 "%" PRIu64 " more lines that strangers have caused were left out",
				 ratelimit->left_out);
		*ratelimit = (struct rudp_log_ratelimit){.since_ns = now_at_ns};
	}
	if (ratelimit->count < RUDP_LOG_RATELIMIT_MAX) {
		ratelimit->count++;
		return true;
	}
	ratelimit->left_out++;
	return false;
}
