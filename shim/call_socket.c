/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "api/call.h"
#include "filtered.h"
#include "policy.h"
#include "real.h"

RUDP_EXPORT int socket(int domain, int type, int protocol)
{
	int rc = RUDP_NOT_OURS;

	if (rudp_policy_takes(domain, type, protocol))
		rc = rudp_call_socket(domain, type);
	return rc == RUDP_NOT_OURS ? REAL(socket)(domain, type, protocol) : (int)rudp_result(rc);
}

RUDP_EXPORT int bind(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	int before = errno;
	int rc = rudp_call_bind(fd, addr.__sockaddr__, len);

	if (rc != RUDP_NOT_OURS)
		return (int)rudp_result(rc);
	if (!rudp_is_filtered())
		rc = rudp_call_udp_port_release_shared(fd, addr.__sockaddr__, len);
	if (rc == -EADDRINUSE)
		return (int)rudp_result(rc);
	rc = REAL(bind)(fd, addr, len);
	if (rc == 0 || errno != EADDRINUSE || rudp_is_filtered() ||
	    rudp_call_udp_port_release(fd, addr.__sockaddr__, len) != 0)
		return rc;
	errno = before;
	return REAL(bind)(fd, addr, len);
}

/* libc's bindresvport calls bind internally, which the shim does not see. */
RUDP_EXPORT int bindresvport(int fd, struct sockaddr_in *addr)
{
	int rc = rudp_call_bindresvport(fd, addr);

	return rc == RUDP_NOT_OURS ? REAL(bindresvport)(fd, addr) : (int)rudp_result(rc);
}

RUDP_EXPORT int listen(int fd, int backlog)
{
	int rc = rudp_call_listen(fd, backlog);

	return rc == RUDP_NOT_OURS ? REAL(listen)(fd, backlog) : (int)rudp_result(rc);
}

RUDP_EXPORT int shutdown(int fd, int how)
{
	int rc = rudp_is_filtered() ? RUDP_NOT_OURS : rudp_call_shutdown(fd, how);

	return rc == RUDP_NOT_OURS ? REAL(shutdown)(fd, how) : (int)rudp_result(rc);
}
