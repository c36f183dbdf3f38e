/* SPDX-License-Identifier: MIT */
#include "proto/conn/icmp_errors.h"

#include <errno.h>

void rudp_icmp_errors_forget(struct rudp_icmp_errors *icmp_errors)
{
	*icmp_errors = (struct rudp_icmp_errors){0};
}

enum rudp_icmp_errors_advice rudp_icmp_errors_on_refused(struct rudp_icmp_errors *icmp_errors,
							 int64_t pto_ns, int64_t now_at_ns)
{
	/* Silence before the first hint proves nothing: nobody had been asked. */
	if (icmp_errors->refusals++ == 0)
		icmp_errors->refused_at_ns = now_at_ns;
	if (icmp_errors->refusals < RUDP_ICMP_ERRORS_REFUSALS_MIN)
		return RUDP_ICMP_ERRORS_ASK;
	return now_at_ns - icmp_errors->refused_at_ns > 2 * pto_ns ? RUDP_ICMP_ERRORS_BELIEVE
								   : RUDP_ICMP_ERRORS_WAIT;
}

void rudp_icmp_errors_on_no_way(struct rudp_icmp_errors *icmp_errors, int error)
{
	icmp_errors->no_way_error = error;
}

int rudp_icmp_errors_timeout_error(const struct rudp_icmp_errors *icmp_errors)
{
	return icmp_errors->no_way_error ? icmp_errors->no_way_error : ETIMEDOUT;
}
