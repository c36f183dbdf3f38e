/* SPDX-License-Identifier: MIT */
/* Opens outgoing kernel TCP connections and chooses their socket and port. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/raw_syscall.h"
#include "engine/carrier/tcp_private.h"
#include "engine/udp/udp.h"

static void set_reuse(int fd, int on)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

/*
 * Binds the port that getsockname() has already shown to the program, if it is free in TCP, too. It
 * is not free if another program is connected from it without SO_REUSEADDR. Then the peer sees
 * another port.
 */
static void bind_shown_port(int fd, const struct rudp_addr *local)
{
	set_reuse(fd, 1);
	if (bind(fd, &local->sa, rudp_addr_len(local)) < 0)
		set_reuse(fd, 0);
}

static int open_socket_for(const struct rudp_addr *local, const struct rudp_addr *remote)
{
	int fd = socket(remote->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (local && rudp_addr_port(local) != 0)
		bind_shown_port(fd, local);
	return fd;
}

static int connect_to(int fd, const struct rudp_addr *remote)
{
	struct sockaddr_in6 name;
	int family = rudp_raw_option(fd, SOL_SOCKET, SO_DOMAIN);
	socklen_t len = rudp_udp_address_for((sa_family_t)family, remote, &name);

	if (connect(fd, (struct sockaddr *)&name, len) == 0 || errno == EINPROGRESS)
		return 0;
	return -errno;
}

/*
 * After a failed attempt the kernel has released a port that it had chosen itself, so bind it
 * again. If the socket still has its port, this fails, which is harmless.
 */
static int duplicate(const struct rudp_tcp_from *from)
{
	int fd = fcntl(from->bound_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)bind(fd, &from->local->sa, rudp_addr_len(from->local));
	return fd;
}

/* Returns a connecting socket or -errno. */
static int start_connect(const struct rudp_tcp_from *from, const struct rudp_addr *remote)
{
	int fd = from->bound_fd >= 0 ? duplicate(from) : open_socket_for(from->local, remote);
	int rc;

	if (fd < 0)
		return fd;
	rudp_tcp_put_options(fd, from->stored, from->options);
	rudp_tcp_prepare(fd);
	rc = connect_to(fd, remote);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int rudp_tcp_connect(struct rudp_engine *engine, uint64_t app_id, const struct rudp_tcp_from *from,
		     const struct rudp_addr *remote, struct rudp_tcp **out)
{
	const struct rudp_tcp_from anywhere = {
		.bound_fd = -1, .stored = from->stored, .options = from->options};
	int fd = start_connect(from, remote);

	/* The kernel still knows a recent connection between these two ports: use another port. */
	if (fd == -EADDRNOTAVAIL && from->bound_fd < 0)
		fd = start_connect(&anywhere, remote);
	if (fd < 0)
		return fd;
	*out = rudp_tcp_new(engine, app_id, fd);
	if (!*out) {
		close(fd);
		return -ENOMEM;
	}
	(*out)->connecting = true;
	(*out)->shared = from->bound_fd >= 0;
	return 0;
}
