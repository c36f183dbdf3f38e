/* SPDX-License-Identifier: MIT */
#include "engine/ports/port_leaving.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "api/names.h"
#include "api/raw_syscall.h"
#include "engine/ports/binding.h"
#include "engine/ports/port_share.h"
#include "engine/udp/udp.h"

#define BACKLOG 128

_Static_assert(RUDP_PORT_SHARES_MAX <= UINT16_MAX, "no share has this number");

static struct {
	int fds[RUDP_PORTS_LEAVING_MAX];
	unsigned count;
} leaving;

static socklen_t name_port(uint16_t port, struct sockaddr_un *un)
{
	const struct rudp_name name = {
		.kind = RUDP_NAME_PORT_SHARE, .uid = geteuid(), .port = port, .share = UINT16_MAX};

	return rudp_name_write(&name, un);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/*
 * If this fails, other engines do not wait. Several bindings of one port need the name only once.
 */
static void announce(uint16_t port)
{
	struct sockaddr_un un;
	socklen_t len = name_port(port, &un);
	int fd = make_socket();

	if (fd < 0)
		return;
	if (bind(fd, (struct sockaddr *)&un, len) == 0 && listen(fd, BACKLOG) == 0)
		leaving.fds[leaving.count++] = fd;
	else
		close(fd);
}

void rudp_ports_leaving_begin(struct rudp_engine *engine)
{
	for (struct rudp_list *link = engine->bindings.next;
	     link != &engine->bindings && leaving.count < RUDP_PORTS_LEAVING_MAX; link = link->next)
		announce(rudp_addr_port(
			&RUDP_LIST_OWNER(link, struct rudp_binding, all_link)->local));
}

void rudp_ports_leaving_end(struct rudp_engine *engine)
{
	rudp_udp_close_orphans(engine);
	while (leaving.count > 0)
		close(leaving.fds[--leaving.count]);
}

/* Any user can take the name, so wait only if the holder runs as this user. */
static bool is_leaving(uint16_t port)
{
	struct sockaddr_un un;
	socklen_t len = name_port(port, &un);
	struct ucred owner;
	int fd = make_socket();
	bool leaves = fd >= 0 && connect(fd, (struct sockaddr *)&un, len) == 0 &&
		      rudp_raw_peer(fd, &owner) == 0 && owner.uid == geteuid();

	if (fd >= 0)
		close(fd);
	return leaves;
}

void rudp_port_leaving_wait(uint16_t port)
{
	const struct timespec millisecond = {0, 1000000};

	for (int i = 0; i < RUDP_PORT_LEAVING_WAIT_MS && is_leaving(port); i++)
		nanosleep(&millisecond, NULL);
}
