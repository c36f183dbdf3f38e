/* SPDX-License-Identifier: MIT */
#include "api/call.h"
#include "policy.h"
#include "real.h"

RUDP_EXPORT int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	int rc = rudp_call_connect(fd, addr.__sockaddr__, len, rudp_policy_wants_kernel);

	return rc == RUDP_NOT_OURS ? REAL(connect)(fd, addr, len) : (int)rudp_result(rc);
}

/* libc has this second name too. */
RUDP_EXPORT int __connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	return connect(fd, addr, len);
}
