/* SPDX-License-Identifier: MIT */
#include "messaging/unix_transport.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un name_of(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const void *)address;
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "rudpmsg-test.%d.%d", (int)getpid(),
		 ntohs(in->sin_port));
	return name;
}

/* Sockets with small buffers, whatever this machine's defaults are. */
static int unix_socket(int family, int flags)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0), bytes = 64 * 1024;

	(void)family;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	return fd;
}

static int unix_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_un name = name_of(address);

	(void)length;
	return bind(fd, (const void *)&name, sizeof name);
}

static int unix_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return accept4(fd, address, length, flags);
}

static int unix_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_un name = name_of(address);

	(void)length;
	return connect(fd, (const void *)&name, sizeof name);
}

struct rudpmsg_transport_ops unix_transport = {
	unix_socket, unix_bind, listen,  unix_accept, unix_connect, setsockopt,
	getsockopt,  recv,      sendmsg, close,       NULL,
};
