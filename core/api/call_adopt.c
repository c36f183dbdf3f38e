/* SPDX-License-Identifier: MIT */
/* Listeners that a service manager opened before the program started (sd_listen_fds(3)). */
#include "api/call.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>

#include "api/clear_text.h"
#include "api/control_client.h"
#include "api/engine_start.h"
#include "api/socket.h"
#include "api/fd_replace.h"
#include "api/raw_syscall.h"

static bool is_tcp_listener(int fd, int *domain)
{
	*domain = rudp_raw_option(fd, SOL_SOCKET, SO_DOMAIN);
	return (*domain == AF_INET || *domain == AF_INET6) &&
	       rudp_raw_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP &&
	       rudp_raw_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

static unsigned flags_of(int fd, int domain)
{
	unsigned flags = domain == AF_INET6 ? RUDP_MARK_IPV6 : 0;

	if (domain == AF_INET6 && rudp_raw_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1)
		flags |= RUDP_MARK_V6ONLY;
	if (rudp_raw_option(fd, IPPROTO_TCP, TCP_NODELAY) == 1)
		flags |= RUDP_MARK_NODELAY;
	if (rudp_raw_option(fd, SOL_SOCKET, SO_REUSEPORT) == 1)
		flags |= RUDP_MARK_REUSEPORT;
	return flags;
}

static int ask_engine(const struct rudp_engine_ref *engine, int fresh, int listener)
{
	struct rudp_control_call call;
	int rc;

	rudp_control_begin(&call, &engine->nonce, RUDP_CONTROL_ADOPT, fresh);
	call.second_fd = listener;
	rc = rudp_control_make(&call);
	return rc < 0 ? rc : -call.reply.error;
}

static int take(int fd, int domain)
{
	unsigned flags = flags_of(fd, domain);
	struct rudp_engine_ref engine;
	int fresh, status, rc;

	rc = rudp_engine_find(&engine);
	if (rc < 0)
		return rc;
	fresh = rudp_socket_make(flags, SOCK_CLOEXEC);
	if (fresh < 0)
		return fresh;
	rudp_fd_copy_native_options(fd, fresh);
	/*
	 * The engine makes its listener non-blocking, and the program's shares the flag: restore it
	 * below.
	 */
	status = rudp_raw_fcntl(fd, F_GETFL, 0);
	rc = ask_engine(&engine, fresh, fd);
	if (rc == 0)
		rc = rudp_mark_set(fresh, flags | RUDP_MARK_LISTENING);
	if (rc == 0)
		rc = rudp_fd_replace(fd, fresh);
	else
		rudp_raw_close(fresh);
	rudp_raw_fcntl(fd, F_SETFL, status);
	return rc;
}

/* The program gets EINVAL from accept(), and nothing goes out in clear text. */
static int replace_by_unbound(int fd, int domain)
{
	int unbound = rudp_socket_make(flags_of(fd, domain), SOCK_CLOEXEC);

	if (unbound < 0)
		unbound = (int)rudp_raw_syscall(SYS_socket, domain, SOCK_STREAM | SOCK_CLOEXEC, 0,
						0, 0, 0);
	return unbound < 0 ? unbound : rudp_fd_replace(fd, unbound);
}

int rudp_call_adopt(int fd)
{
	int domain, rc;

	if (!is_tcp_listener(fd, &domain))
		return RUDP_NOT_OURS;
	rc = take(fd, domain);
	if (rc == 0 || rc == -EOPNOTSUPP)
		return rc;
	if (rc == -EACCES || rc == -ENOKEY || rudp_clear_text_is_forbidden())
		replace_by_unbound(fd, domain);
	return rc;
}
