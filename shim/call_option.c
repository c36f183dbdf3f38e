/* SPDX-License-Identifier: MIT */
#include <stdarg.h>

#include "api/call.h"
#include "filtered.h"
#include "real.h"
#include "receive_queue.h"

RUDP_EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	int rc;

	if (rudp_filtered_getsockopt(fd, level, option, value, len, &rc))
		return rc;
	rc = rudp_call_getsockopt(fd, level, option, value, len);
	return rc == RUDP_NOT_OURS ? REAL(getsockopt)(fd, level, option, value, len)
				   : (int)rudp_result(rc);
}

RUDP_EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	int rc;

	if (rudp_filtered_setsockopt(fd, level, option, value, len, &rc))
		return rc;
	rc = rudp_call_setsockopt(fd, level, option, value, len);
	if (rc == 0)
		rudp_receive_queue_on_option(level, option);
	return rc == RUDP_NOT_OURS ? REAL(setsockopt)(fd, level, option, value, len)
				   : (int)rudp_result(rc);
}

/* The kernel takes at most one argument. Reading one that was not passed is what libc does too. */
RUDP_EXPORT int ioctl(int fd, unsigned long request, ...)
{
	void *argument;
	va_list list;
	int rc;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	rc = rudp_call_ioctl(fd, request, argument);
	return rc == RUDP_NOT_OURS ? REAL(ioctl)(fd, request, argument) : (int)rudp_result(rc);
}
