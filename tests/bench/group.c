/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARRIVES_WITHIN_MS 5000 /* a failure, not a delay: on loopback it is there at once */

static struct rudp_addr parse(const char *host, uint16_t port)
{
	char text[RUDP_ADDR_TEXT_SIZE];
	struct rudp_addr addr;

	snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
	cr_assert(eq(int, rudp_addr_parse(&addr, text), 0));
	return addr;
}

static void set(int fd, int level, int option, int value)
{
	cr_assert(eq(int, setsockopt(fd, level, option, &value, sizeof value), 0));
}

/* The first of a group brings the program along. One that has a program cannot join others. */
static int open_bound(struct rudp_addr *addr, bool shared, const struct steer *program)
{
	int fd = socket(addr->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = rudp_addr_len(addr);

	cr_assert(ge(int, fd, 0));
	if (addr->family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	set(fd, SOL_SOCKET, SO_REUSEPORT, shared);
	/* Before bind: no datagram ever goes another way. */
	if (program)
		cr_assert(eq(int, steer_attach(fd, program), 0));
	cr_assert(eq(int, bind(fd, &addr->sa, len), 0));
	cr_assert(eq(int, getsockname(fd, &addr->sa, &len), 0));
	return fd;
}

void group_open(struct group *group, const char *host, unsigned engines, uint32_t random)
{
	steer_init(&group->steer, engines, random);
	group->addr = parse(host, 0);
	for (unsigned i = 0; i < engines; i++)
		group->fds[i] = open_bound(&group->addr, true, i == 0 ? &group->steer : NULL);
}

void group_close(struct group *group)
{
	for (unsigned i = 0; i < group->steer.engines; i++)
		close(group->fds[i]);
}

int group_speaker(const char *host)
{
	struct rudp_addr addr = parse(host, 0);

	return open_bound(&addr, false, NULL);
}

void group_send(const struct group *group, int speaker, const void *bytes, size_t len)
{
	struct rudp_addr own, to = group->addr;
	socklen_t own_len = sizeof own;

	cr_assert(eq(int, getsockname(speaker, &own.sa, &own_len), 0));
	if (rudp_addr_is_any(&to))
		to = parse(own.family == AF_INET ? "127.0.0.1" : "::1", rudp_addr_port(&to));
	cr_assert(
		eq(i64, sendto(speaker, bytes, len, 0, &to.sa, rudp_addr_len(&to)), (ssize_t)len));
}

unsigned group_receiver(const struct group *group)
{
	struct pollfd polled[STEER_ENGINES_MAX];
	unsigned receiver = STEER_ENGINES_MAX;
	char byte;

	for (unsigned i = 0; i < group->steer.engines; i++)
		polled[i] = (struct pollfd){.fd = group->fds[i], .events = POLLIN};
	cr_assert(eq(int, poll(polled, group->steer.engines, ARRIVES_WITHIN_MS), 1));
	for (unsigned i = 0; i < group->steer.engines; i++)
		if (polled[i].revents)
			receiver = i;
	cr_assert(ge(i64, recv(group->fds[receiver], &byte, 1, 0), 0));
	return receiver;
}

unsigned group_steered(const struct group *group, int speaker, const void *bytes, size_t len)
{
	group_send(group, speaker, bytes, len);
	return group_receiver(group);
}
