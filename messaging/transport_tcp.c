/* SPDX-License-Identifier: MIT */
/* Plain sockets. Under the shim they are rudp's, too. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "messaging/transport.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define KEEP_IDLE_S 30 /* a peer that is gone is found after at most a minute ... */
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 3
#define USER_TIMEOUT_MS 60000u

static void set(int fd, int level, int option, int value)
{
	/* What is refused only makes a break known later. */
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

static void set_up(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* messages are gathered here already */
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)USER_TIMEOUT_MS);
}

static int tcp_listen(const struct sockaddr *address, socklen_t length)
{
	int fd = socket(address->sa_family, SOCK_STREAM | FLAGS, 0), error;

	if (fd < 0)
		return -errno;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (address->sa_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, address, length) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int tcp_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, FLAGS);

	if (fd < 0)
		return -errno;
	set_up(fd);
	return fd;
}

static int tcp_dial(const struct sockaddr *address, socklen_t length, int *fd)
{
	int error;

	*fd = socket(address->sa_family, SOCK_STREAM | FLAGS, 0);
	if (*fd < 0)
		return -errno;
	set_up(*fd);
	if (connect(*fd, address, length) == 0)
		return 0;
	error = -errno;
	if (error != -EINPROGRESS) {
		close(*fd);
		*fd = -1;
	}
	return error;
}

static int tcp_dial_result(int fd)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

static ssize_t tcp_read(int fd, void *bytes, size_t length)
{
	ssize_t n = recv(fd, bytes, length, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t tcp_write(int fd, const struct iovec *iov, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static void tcp_close(int fd)
{
	close(fd);
}

const struct rudpmsg_transport_ops rudpmsg_transport_tcp = {
	"tcp", tcp_listen, tcp_accept, tcp_dial, tcp_dial_result, tcp_read, tcp_write, tcp_close,
};
