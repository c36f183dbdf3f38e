/* SPDX-License-Identifier: MIT */
/* librudp's own sockets: encrypted, over UDP. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "messaging/transport.h"
#include "rudp/rudp.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG 4096
#define KEEP_IDLE_S 30 /* a peer that is gone is found after at most a minute ... */
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 3
#define USER_TIMEOUT_MS 60000

static void set(int fd, int level, int option, int value)
{
	/* What is refused only makes a break known later. */
	(void)rudp_set_option(fd, level, option, &value, sizeof value);
}

static void set_up(int fd)
{
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static int over_rudp_listen(const struct sockaddr *address, socklen_t length)
{
	int fd = rudp_socket(address->sa_family, FLAGS), error;

	if (fd < 0)
		return -errno;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (address->sa_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rudp_bind(fd, address, length) == 0 && rudp_listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	rudp_close(fd);
	return error;
}

static int over_rudp_accept(int listener)
{
	int fd = rudp_accept(listener, NULL, NULL, FLAGS);

	if (fd < 0)
		return -errno;
	set_up(fd);
	return fd;
}

static int over_rudp_dial(const struct sockaddr *address, socklen_t length, int *fd)
{
	int error;

	*fd = rudp_socket(address->sa_family, FLAGS);
	if (*fd < 0)
		return -errno;
	set_up(*fd);
	if (rudp_connect(*fd, address, length) == 0)
		return 0;
	error = -errno;
	if (error != -EINPROGRESS) {
		rudp_close(*fd);
		*fd = -1;
	}
	return error;
}

static int over_rudp_dial_result(int fd)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (rudp_get_option(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

static ssize_t over_rudp_read(int fd, void *bytes, size_t length)
{
	ssize_t n = rudp_recv(fd, bytes, length, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t over_rudp_write(int fd, const struct iovec *iov, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static void over_rudp_close(int fd)
{
	rudp_close(fd);
}

const struct rudpmsg_transport_ops rudpmsg_transport_rudp = {
	"rudp",         over_rudp_listen, over_rudp_accept, over_rudp_dial, over_rudp_dial_result,
	over_rudp_read, over_rudp_write,  over_rudp_close,
};
