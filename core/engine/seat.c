/* SPDX-License-Identifier: MIT */
#include "engine/seat.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/names.h"

static socklen_t name_seat(uint16_t port, unsigned number, struct sockaddr_un *un)
{
	const struct rudp_name name = {.kind = RUDP_NAME_SEAT,
				       .uid = geteuid(),
				       .port = port,
				       .seat = (uint16_t)number};

	return rudp_name_write(&name, un);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* number: which one. Returns its socket, or -1. */
static int take(uint16_t port, unsigned *number)
{
	int fd = make_socket();

	for (*number = 0; fd >= 0 && *number < RUDP_SEATS_MAX; ++*number) {
		struct sockaddr_un un;
		socklen_t len = name_seat(port, *number, &un);

		if (bind(fd, (struct sockaddr *)&un, len) == 0)
			return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A datagram socket can be connected to every name that somebody has. */
static bool is_somebody_else_there(uint16_t port, unsigned own)
{
	int fd = make_socket();
	bool found = false;

	for (unsigned i = 0; fd >= 0 && !found && i < RUDP_SEATS_MAX; i++) {
		struct sockaddr_un un;
		socklen_t len = name_seat(port, i, &un);

		found = i != own && connect(fd, (struct sockaddr *)&un, len) == 0;
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static void nap(void)
{
	const struct timespec millisecond = {0, 1000000};

	nanosleep(&millisecond, NULL);
}

/* Alone it is had alone, and opened for others; else it is joined, once the first has opened it. */
static int open_alone_or_join(struct rudp_engine *engine, const struct rudp_addr *local,
			      struct rudp_udp_options options, unsigned own,
			      struct rudp_udp **out)
{
	int on = 1, rc = -EADDRINUSE;

	for (int i = 0; i < RUDP_SEAT_TRIES_MAX; i++) {
		options.reuse_port = false;
		rc = rudp_udp_open(engine, local, &options, out);
		if (rc == 0)
			setsockopt((*out)->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
		if (rc != -EADDRINUSE || !is_somebody_else_there(rudp_addr_port(local), own))
			return rc;
		options.reuse_port = true;
		rc = rudp_udp_open(engine, local, &options, out);
		if (rc != -EADDRINUSE)
			return rc;
		nap();
	}
	return rc;
}

int rudp_seat_open_udp(struct rudp_engine *engine, const struct rudp_addr *local,
		       const struct rudp_udp_options *options, struct rudp_udp **out)
{
	unsigned own;
	int seat = take(rudp_addr_port(local), &own);
	int rc = open_alone_or_join(engine, local, *options, own, out);

	if (rc == 0)
		(*out)->seat_fd = seat;
	else if (seat >= 0)
		close(seat);
	return rc;
}
