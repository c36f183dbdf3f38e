/* SPDX-License-Identifier: MIT */
#include "api/call.h"
#include "filtered.h"
#include "real.h"

RUDP_EXPORT int getsockname(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	int rc = rudp_call_getsockname(fd, addr.__sockaddr__, len);

	return rc == RUDP_NOT_OURS ? REAL(getsockname)(fd, addr, len) : (int)rudp_result(rc);
}

RUDP_EXPORT int getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	int rc = rudp_call_getpeername(fd, addr.__sockaddr__, len, rudp_is_filtered());

	return rc == RUDP_NOT_OURS ? REAL(getpeername)(fd, addr, len) : (int)rudp_result(rc);
}
