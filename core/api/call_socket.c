/* SPDX-License-Identifier: MIT */
/* socket, bind, listen: the calls before a socket has a peer. */
#include "api/call.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "api/address.h"
#include "api/clear_text.h"
#include "api/control_client.h"
#include "api/engine_start.h"
#include "api/socket.h"
#include "api/socket_name.h"
#include "api/fd_replace.h"
#include "api/raw_syscall.h"

#define RESERVED_PORT_MIN 600
#define RESERVED_PORT_MAX 1023

static int without_rudp(void)
{
	return rudp_clear_text_is_forbidden() ? -EACCES : RUDP_NOT_OURS;
}

int rudp_call_socket(int domain, int type)
{
	struct rudp_engine_ref engine;
	int rc = rudp_engine_find(&engine);
	int fd;

	if (rc == -ENOENT)
		return RUDP_NOT_OURS;
	if (rc < 0)
		return rc;
	fd = rudp_socket_make(domain == AF_INET6 ? RUDP_MARK_IPV6 : 0,
			      type & (SOCK_NONBLOCK | SOCK_CLOEXEC));
	/*
	 * This program may not use AF_UNIX (RestrictAddressFamilies), or the kernel cannot store a
	 * mark.
	 */
	if (fd == -EAFNOSUPPORT || fd == -EPERM || fd == -EACCES || fd == -ENOPROTOOPT)
		return without_rudp();
	return fd;
}

static int bind_to(int fd, const struct rudp_socket *s, const struct rudp_addr *addr)
{
	struct rudp_control_call call;
	int rc;

	rudp_socket_begin(s, &call, RUDP_CONTROL_BIND, fd);
	call.request.addr = *addr;
	rc = rudp_socket_call(s, &call);
	return rc < 0 ? rc : -call.reply.error;
}

/* The engine that was found at socket() has ended, and there is no other. */
static int bind_without_rudp(int fd, const struct rudp_socket *s)
{
	int rc = without_rudp();

	if (rc == RUDP_NOT_OURS && rudp_fd_replace_kernel(fd, s) < 0)
		rc = -ENOBUFS;
	return rc;
}

static int check_bind(const struct rudp_socket *s, const struct sockaddr_storage *copy,
		      socklen_t len, struct rudp_addr *addr)
{
	struct sockaddr_storage named = *copy;
	struct sockaddr_in *in4 = (struct sockaddr_in *)&named;

	/*
	 * Linux accepts AF_UNSPEC for the IPv4 any address. ip(7) does not say so, but programs use
	 * it.
	 */
	if (!(s->flags & RUDP_MARK_IPV6) && named.ss_family == AF_UNSPEC &&
	    in4->sin_addr.s_addr == htonl(INADDR_ANY))
		named.ss_family = AF_INET;
	return rudp_address_check(s, &named, len, addr);
}

/*
 * A listener that was shut down. POLLHUP tells it from one whose listen() in another thread or
 * process has not set the mark yet.
 */
static bool was_listener(int fd, const struct rudp_socket *s)
{
	int bits;

	if (s->state != RUDP_SOCKET_BOUND || rudp_raw_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return false;
	bits = rudp_raw_poll(fd, 0);
	return bits > 0 && bits & POLLHUP;
}

/*
 * TCP gives up the port when a connect attempt fails or a listener is shut down, unless bind()
 * chose it.
 */
static bool lost_its_port(int fd, const struct rudp_socket *s)
{
	struct rudp_name own;

	if (s->flags & RUDP_MARK_AUTOBOUND)
		return was_listener(fd, s);
	return s->flags & RUDP_MARK_PENDING && !rudp_socket_own_name(fd, &own) &&
	       rudp_socket_progress(fd, s) == RUDP_PROGRESS_OVER;
}

int rudp_call_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_storage copy;
	struct rudp_socket s;
	struct rudp_addr local;
	int rc;

	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	rc = rudp_address_copy_in(fd, addr, len, &copy);
	if (rc == 0)
		rc = check_bind(&s, &copy, len, &local);
	if (rc == 0 && lost_its_port(fd, &s)) {
		rc = rudp_socket_renew(fd, &s);
		rudp_socket_inspect(fd, &s);
	}
	if (rc != 0)
		return rc;
	if (s.state != RUDP_SOCKET_FRESH)
		return -EINVAL;
	if (copy.ss_family == AF_INET6 && local.family == AF_INET && s.flags & RUDP_MARK_V6ONLY)
		return -EINVAL;
	rc = bind_to(fd, &s, &local);
	if (rc == -ENOENT)
		return bind_without_rudp(fd, &s);
	/* Linux: a socket bound to an IPv6 address does not accept IPv4. */
	if (rc == 0 && local.family == AF_INET6 && !rudp_addr_is_any(&local))
		rudp_mark_change(fd, RUDP_MARK_V6ONLY, 0);
	return rc;
}

int rudp_call_bindresvport(int fd, struct sockaddr_in *addr)
{
	unsigned count = RESERVED_PORT_MAX - RESERVED_PORT_MIN + 1;
	unsigned first = (unsigned)getpid() % count;
	struct rudp_socket s;
	struct rudp_addr local;
	int rc = -EADDRINUSE;

	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	if (addr && addr->sin_family != AF_INET)
		return -EAFNOSUPPORT;
	if (s.state != RUDP_SOCKET_FRESH)
		return -EINVAL;
	memset(&local, 0, sizeof local);
	local.in4.sin_family = AF_INET;
	if (addr)
		local.in4.sin_addr = addr->sin_addr;
	for (unsigned i = 0; i < count && rc == -EADDRINUSE; i++) {
		rudp_addr_set_port(&local, (uint16_t)(RESERVED_PORT_MIN + (first + i) % count));
		rc = bind_to(fd, &s, &local);
	}
	if (rc == 0 && addr)
		addr->sin_port = local.in4.sin_port;
	return rc;
}

int rudp_socket_renew(int fd, const struct rudp_socket *s)
{
	struct rudp_name own;
	struct rudp_socket fresh;
	/* An accepted socket has the name of its listener, but the port is not its own. */
	bool bound = !(s->flags & (RUDP_MARK_ACCEPTED | RUDP_MARK_AUTOBOUND)) &&
		     rudp_socket_own_name(fd, &own);
	int rc = rudp_fd_replace_fresh(fd, s);

	if (rc < 0 || !bound || !rudp_socket_inspect(fd, &fresh))
		return rc;
	rc = bind_to(fd, &fresh, &own.local);
	/* The engine may still hold the port for the old connection: keep at least the address. */
	if (rc == -EADDRINUSE) {
		rudp_addr_set_port(&own.local, 0);
		rc = bind_to(fd, &fresh, &own.local);
	}
	return rc;
}

int rudp_socket_abort(int fd, const struct rudp_socket *s)
{
	int rc = rudp_socket_renew(fd, s);

	rudp_mark_change(fd, RUDP_MARK_ABORTED, 0);
	return rc;
}

int rudp_socket_renew_listener(int fd, struct rudp_socket *s)
{
	int rc;

	if (!was_listener(fd, s))
		return 0;
	rc = rudp_socket_renew(fd, s);
	if (rc == 0)
		rudp_socket_inspect(fd, s);
	return rc;
}

int rudp_call_listen(int fd, int backlog)
{
	unsigned marks = RUDP_MARK_LISTENING;
	struct rudp_control_call call;
	struct rudp_socket s;
	int rc;

	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	if (s.state == RUDP_SOCKET_CONNECTED)
		return -EINVAL;
	rc = rudp_socket_renew_listener(fd, &s);
	if (rc < 0)
		return rc;
	if (s.state == RUDP_SOCKET_FRESH)
		marks |= RUDP_MARK_AUTOBOUND;
	rudp_socket_begin(&s, &call, RUDP_CONTROL_LISTEN, fd);
	call.request.number = backlog;
	rc = rudp_socket_call(&s, &call);
	if (rc == 0)
		rc = -call.reply.error;
	if (rc == 0)
		rc = rudp_mark_change(fd, marks, 0);
	return rc;
}
