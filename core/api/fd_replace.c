/* SPDX-License-Identifier: MIT */
#include "api/fd_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/syscall.h>

#include "api/address.h"
#include "api/epoll_entries.h"
#include "api/option.h"
#include "api/raw_syscall.h"

#define VALUE_BYTES_MAX 16 /* struct timeval, struct linger, or the name of an interface */

void rudp_fd_copy_native_option(int from, int to, int option)
{
	uint8_t value[VALUE_BYTES_MAX];
	socklen_t len = sizeof value;

	if (rudp_raw_getsockopt(from, SOL_SOCKET, option, value, &len) == 0)
		rudp_raw_setsockopt(to, SOL_SOCKET, option, value, len);
}

void rudp_fd_copy_native_options(int from, int to)
{
	for (size_t i = 0; i < rudp_option_native_count; i++)
		rudp_fd_copy_native_option(from, to, rudp_option_native[i]);
}

static void set_flag(int fd, int level, int option, bool on)
{
	int one = 1;

	if (on)
		rudp_raw_setsockopt(fd, level, option, &one, sizeof one);
}

/*
 * Copies the options set on a rudp socket to a kernel TCP socket. Leaves out those that it refuses.
 */
static void copy_options(int from, int to, const struct rudp_socket *s)
{
	char congestion[RUDP_CONGESTION_BYTES];
	struct rudp_stored_options stored;

	rudp_fd_copy_native_options(from, to);
	set_flag(to, IPPROTO_TCP, TCP_NODELAY, s->flags & RUDP_MARK_NODELAY);
	set_flag(to, SOL_SOCKET, SO_REUSEPORT, s->flags & RUDP_MARK_REUSEPORT);
	set_flag(to, IPPROTO_IPV6, IPV6_V6ONLY, s->flags & RUDP_MARK_V6ONLY);
	if (rudp_stored_options_get(from, &stored) < 0)
		return;
	for (int i = 0; i < stored.count; i++)
		rudp_raw_setsockopt(to, stored.options[i].level, stored.options[i].option,
				    &stored.options[i].value, sizeof stored.options[i].value);
	if (rudp_stored_options_find_congestion(&stored, congestion))
		rudp_raw_setsockopt(to, IPPROTO_TCP, TCP_CONGESTION, congestion,
				    (socklen_t)strlen(congestion));
}

/* Whom SIGIO and SIGURG reach, and with which signal. */
static void copy_owner(int from, int to)
{
	struct f_owner_ex owner = {.pid = 0};
	int number = rudp_raw_fcntl(from, F_GETSIG, 0);

	if (rudp_raw_fcntl(from, F_GETOWN_EX, (long)(uintptr_t)&owner) == 0 && owner.pid != 0)
		rudp_raw_fcntl(to, F_SETOWN_EX, (long)(uintptr_t)&owner);
	if (number > 0)
		rudp_raw_fcntl(to, F_SETSIG, number);
}

int rudp_fd_replace(int fd, int replacement)
{
	struct rudp_epoll_entries entries;
	int status = rudp_raw_fcntl(fd, F_GETFL, 0);
	int descriptor = rudp_raw_fcntl(fd, F_GETFD, 0);
	long rc;

	if (status > 0)
		rudp_raw_fcntl(replacement, F_SETFL, status & ~O_ASYNC);
	copy_owner(fd, replacement);
	rudp_epoll_entries_find(fd, &entries);
	rc = rudp_raw_syscall(SYS_dup3, replacement, fd,
			      descriptor > 0 && descriptor & FD_CLOEXEC ? O_CLOEXEC : 0, 0, 0, 0);
	rudp_raw_close(replacement);
	if (rc < 0)
		return (int)rc;
	/* The signal names the number on which O_ASYNC was set. */
	if (status > 0 && status & O_ASYNC)
		rudp_raw_fcntl(fd, F_SETFL, status);
	rudp_epoll_entries_restore(fd, &entries);
	return 0;
}

int rudp_fd_replace_fresh(int fd, const struct rudp_socket *s)
{
	unsigned kept = RUDP_MARK_IPV6 | RUDP_MARK_V6ONLY | RUDP_MARK_NODELAY |
			RUDP_MARK_REUSEPORT | RUDP_MARK_NATIVE | RUDP_MARK_REUSEADDR;
	int fresh = rudp_socket_make(s->flags & kept, SOCK_CLOEXEC);
	struct rudp_stored_options stored;

	if (fresh < 0)
		return fresh;
	rudp_fd_copy_native_options(fd, fresh);
	if (rudp_stored_options_get(fd, &stored) == 0 && stored.count)
		rudp_stored_options_write(fresh, &stored);
	return rudp_fd_replace(fd, fresh);
}

/*
 * The engine holds the port until it notices that the bound socket was closed. If the port is still
 * in use, only the address is bound.
 */
static int bind_same(int fd, const struct rudp_socket *s)
{
	struct sockaddr_in6 local;
	socklen_t len = rudp_address_present(&s->name.local, s->flags, &local);
	int rc = rudp_raw_bind(fd, (struct sockaddr *)&local, len);

	if (rc != -EADDRINUSE)
		return rc;
	local.sin6_port = 0; /* at the same place in sockaddr_in */
	return rudp_raw_bind(fd, (struct sockaddr *)&local, len);
}

int rudp_fd_replace_kernel(int fd, const struct rudp_socket *s)
{
	int kernel = rudp_raw_socket(rudp_socket_family(s), SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (kernel < 0)
		return kernel;
	copy_options(fd, kernel, s);
	if (s->state == RUDP_SOCKET_BOUND)
		rc = bind_same(kernel, s);
	if (rc < 0) {
		rudp_raw_close(kernel);
		return rc;
	}
	return rudp_fd_replace(fd, kernel);
}
