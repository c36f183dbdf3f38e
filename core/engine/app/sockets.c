/* SPDX-License-Identifier: MIT */
#include "engine/app/sockets.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int make(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int rudp_sockets_take(struct rudp_sockets *sockets)
{
	return sockets->count > 0 ? sockets->fds[--sockets->count] : make();
}

bool rudp_sockets_make(struct rudp_sockets *sockets)
{
	int fd;

	if (sockets->scarce || sockets->count == RUDP_SOCKETS_MAX)
		return false;
	fd = make();
	if (fd >= 0)
		sockets->fds[sockets->count++] = fd;
	return fd >= 0;
}

void rudp_sockets_on_scarce(struct rudp_sockets *sockets, bool scarce)
{
	sockets->scarce = scarce;
	if (scarce)
		rudp_sockets_close(sockets);
}

void rudp_sockets_close(struct rudp_sockets *sockets)
{
	while (sockets->count > 0)
		close(sockets->fds[--sockets->count]);
}
