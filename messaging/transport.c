/* SPDX-License-Identifier: MIT */
#include "messaging/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG 4096
#define KEEP_IDLE_S 30 /* a dead peer is noticed after at most a minute ... */
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 3
#define USER_TIMEOUT_MS 60000 /* ... also while bytes are unacknowledged */

static int tcp_socket(int family, int flags)
{
	return socket(family, SOCK_STREAM | flags, 0);
}

static int tcp_accept(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
	return accept4(listener, address, length, flags);
}

const struct rudpmsg_transport_ops rudpmsg_transport_tcp = {
	tcp_socket, bind,    listen, tcp_accept,         connect, setsockopt, getsockopt,
	recv,       sendmsg, close,  rudp_peer_identity,
};

/* A descriptor of rudp is a kernel socket, so the kernel's sendmsg can be used directly. */
const struct rudpmsg_transport_ops rudpmsg_transport_rudp = {
	rudp_socket,     rudp_bind, rudp_listen, rudp_accept, rudp_connect,       rudp_set_option,
	rudp_get_option, rudp_recv, sendmsg,     rudp_close,  rudp_peer_identity,
};

static void set(const struct rudpmsg_transport_ops *transport, int fd, int level, int option,
		int value)
{
	/* Without these options a break is noticed later, or an address stays in use longer. */
	(void)transport->set_option(fd, level, option, &value, sizeof value);
}

static void set_up(const struct rudpmsg_transport_ops *transport, int fd)
{
	/* The node combines small messages itself. */
	set(transport, fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(transport, fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(transport, fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set(transport, fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set(transport, fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	set(transport, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

int rudpmsg_transport_listen(const struct rudpmsg_transport_ops *transport,
			     const struct sockaddr *address, socklen_t length)
{
	int fd = transport->socket(address->sa_family, FLAGS), error;

	if (fd < 0)
		return -errno;
	set(transport, fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (address->sa_family == AF_INET6)
		set(transport, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (transport->bind(fd, address, length) == 0 && transport->listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	transport->close(fd);
	return error;
}

int rudpmsg_transport_accept(const struct rudpmsg_transport_ops *transport, int listener)
{
	int fd = transport->accept(listener, NULL, NULL, FLAGS);

	if (fd < 0)
		return -errno;
	set_up(transport, fd);
	return fd;
}

int rudpmsg_transport_dial(const struct rudpmsg_transport_ops *transport,
			   const struct sockaddr *address, socklen_t length, int *fd)
{
	int error;

	*fd = transport->socket(address->sa_family, FLAGS);
	if (*fd < 0)
		return -errno;
	set_up(transport, *fd);
	if (transport->connect(*fd, address, length) == 0)
		return 0;
	error = -errno;
	if (error != -EINPROGRESS) {
		transport->close(*fd);
		*fd = -1;
	}
	return error;
}

int rudpmsg_transport_dial_result(const struct rudpmsg_transport_ops *transport, int fd)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (transport->get_option(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

_Static_assert(sizeof((struct rudp_peer_identity *)0)->public_key == RUDPMSG_KEY_BYTES,
	       "a key of an identity");

bool rudpmsg_transport_key(const struct rudpmsg_transport_ops *transport, int fd,
			   uint8_t key[RUDPMSG_KEY_BYTES])
{
	struct rudp_peer_identity identity;

	if (!transport->peer_identity ||
	    transport->peer_identity(fd, &identity, sizeof identity) < 0)
		return false;
	memcpy(key, identity.public_key, RUDPMSG_KEY_BYTES);
	return true;
}

ssize_t rudpmsg_transport_read(const struct rudpmsg_transport_ops *transport, int fd, void *bytes,
			       size_t length)
{
	ssize_t n = transport->recv(fd, bytes, length, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

ssize_t rudpmsg_transport_write(const struct rudpmsg_transport_ops *transport, int fd,
				const struct iovec *iov, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	ssize_t n = transport->sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}
