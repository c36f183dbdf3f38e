/* SPDX-License-Identifier: MIT */
#include "base/log_ratelimit.h"

#include <inttypes.h>

#include "base/log.h"

bool rudp_log_ratelimit_allows(struct rudp_log_ratelimit *ratelimit, int64_t now_at_ns)
{
	if (now_at_ns - ratelimit->since_ns >= RUDP_LOG_RATELIMIT_SPAN_NS) {
		if (ratelimit->suppressed > 0)
			rudp_log(RUDP_LOG_WARN,
				 "%" PRIu64 " more log lines caused by peers were suppressed",
				 ratelimit->suppressed);
		*ratelimit = (struct rudp_log_ratelimit){.since_ns = now_at_ns};
	}
	if (ratelimit->count < RUDP_LOG_RATELIMIT_MAX) {
		ratelimit->count++;
		return true;
	}
	ratelimit->suppressed++;
	return false;
}
