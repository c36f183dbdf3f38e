/* SPDX-License-Identifier: MIT */
#include "deadline.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "api/raw_syscall.h"

#define SPAN_S_MAX (INT64_C(1) << 32) /* longer timeouts count as none: the sum must not overflow */

int64_t rudp_deadline_of_call(int fd)
{
	struct timeval timeout = {0, 0};
	socklen_t len = sizeof timeout;

	rudp_raw_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &len);
	if ((!timeout.tv_sec && !timeout.tv_usec) || timeout.tv_sec > SPAN_S_MAX)
		return RUDP_NEVER;
	return rudp_clock_now_ns() + (int64_t)timeout.tv_sec * RUDP_NS_PER_S +
	       (int64_t)timeout.tv_usec * RUDP_NS_PER_US;
}

int rudp_deadline_remaining_ms(int64_t at_ns)
{
	int64_t left_ms;

	if (at_ns == RUDP_NEVER)
		return -1;
	left_ms = (at_ns - rudp_clock_now_ns() + RUDP_NS_PER_MS - 1) / RUDP_NS_PER_MS;
	if (left_ms < 0)
		return 0;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}
