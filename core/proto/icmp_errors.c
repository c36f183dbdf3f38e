/* SPDX-License-Identifier: MIT */
#include "proto/icmp_errors.h"

#include <errno.h>

void rudp_hearsay_forget(struct rudp_hearsay *hearsay)
{
	*hearsay = (struct rudp_hearsay){0};
}

enum rudp_hearsay_advice rudp_hearsay_on_refused(struct rudp_hearsay *hearsay, int64_t pto_ns,
						 int64_t now_at_ns)
{
	/* Silence before the first hint proves nothing: nobody had been asked. */
	if (hearsay->refusals++ == 0)
		hearsay->refused_at_ns = now_at_ns;
	if (hearsay->refusals < RUDP_HEARSAY_REFUSALS_MIN)
		return RUDP_HEARSAY_ASK;
	return now_at_ns - hearsay->refused_at_ns > 2 * pto_ns ? RUDP_HEARSAY_BELIEVE
							       : RUDP_HEARSAY_WAIT;
}

void rudp_hearsay_on_no_way(struct rudp_hearsay *hearsay, int error)
{
	hearsay->no_way_error = error;
}

int rudp_hearsay_timeout_error(const struct rudp_hearsay *hearsay)
{
	return hearsay->no_way_error ? hearsay->no_way_error : ETIMEDOUT;
}
