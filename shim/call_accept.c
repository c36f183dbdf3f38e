/* SPDX-License-Identifier: MIT */
#include "api/call.h"
#include "filtered.h"
#include "real.h"

RUDP_EXPORT int accept(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	int rc = rudp_call_accept(fd, addr.__sockaddr__, len, 0, rudp_is_filtered());

	return rc == RUDP_NOT_OURS ? REAL(accept)(fd, addr, len) : (int)rudp_result(rc);
}

RUDP_EXPORT int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *len, int flags)
{
	int rc = rudp_call_accept(fd, addr.__sockaddr__, len, flags, rudp_is_filtered());

	return rc == RUDP_NOT_OURS ? REAL(accept4)(fd, addr, len, flags) : (int)rudp_result(rc);
}
