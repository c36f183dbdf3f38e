/* SPDX-License-Identifier: MIT */
#include "behaviour/check.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1024
#define WAIT_MS_MAX 60000
#define EXIT_SETUP_FAILED 3

void say(const char *format, ...)
{
	char line[LINE_BYTES_MAX];
	int saved = errno;
	va_list args;
	va_start(args, format);
	int len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (len < 0)
		len = 0;
	if ((size_t)len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(RESULT_FD, line, (size_t)len) != len)
		_exit(EXIT_SETUP_FAILED);
	errno = saved;
}

static void give_up(const char *why)
{
	say("%s (%s)", why, errno ? strerrorname_np(errno) : "no errno");
	_exit(EXIT_SETUP_FAILED);
}

long say_result(const char *what, long rc)
{
	if (rc != -1)
		say("%s: %ld", what, rc);
	else
		say("%s: -1 %s", what, strerrorname_np(errno));
	return rc;
}

static const struct {
	short bit;
	const char *name;
} poll_bits[] = {
	{POLLIN, "IN"},         {POLLPRI, "PRI"},       {POLLOUT, "OUT"},
	{POLLERR, "ERR"},       {POLLHUP, "HUP"},       {POLLNVAL, "NVAL"},
	{POLLRDNORM, "RDNORM"}, {POLLRDBAND, "RDBAND"}, {POLLWRNORM, "WRNORM"},
	{POLLRDHUP, "RDHUP"},
};

#define POLL_BITS (sizeof(poll_bits) / sizeof(poll_bits[0]))

void say_poll(const char *what, int fd)
{
	struct pollfd entry = {.fd = fd};
	int saved = errno;
	for (size_t i = 0; i < POLL_BITS; i++)
		entry.events |= poll_bits[i].bit;
	char names[128] = "";
	size_t used = 0;
	if (poll(&entry, 1, 0) < 0)
		give_up("poll");
	for (size_t i = 0; i < POLL_BITS; i++) {
		if (entry.revents & poll_bits[i].bit)
			used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
						 poll_bits[i].name);
	}
	say("%s:%s", what, used > 0 ? names : " nothing");
	errno = saved;
}

long ms_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

bool wait_for(int fd, short events)
{
	long deadline = ms_now() + WAIT_MS_MAX;
	for (;;) {
		struct pollfd entry = {.fd = fd, .events = events};
		if (poll(&entry, 1, 100) < 0 && errno != EINTR)
			give_up("poll");
		if ((entry.revents & events) == events)
			return true;
		if (ms_now() > deadline)
			break;
		/* Some of the events are already there, so poll() returns at once. */
		if (entry.revents)
			nap();
	}
	say_poll("what was waited for never came, there is", fd);
	_exit(EXIT_SETUP_FAILED);
}

void wait_true(bool (*condition)(void *), void *argument)
{
	long deadline = ms_now() + WAIT_MS_MAX;
	while (!condition(argument)) {
		if (ms_now() > deadline) {
			errno = ETIMEDOUT;
			give_up("a condition that was waited for never came");
		}
		nap();
	}
}

void must(bool held, const char *step)
{
	if (!held)
		give_up(step);
}

socklen_t address_len(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					   : sizeof(struct sockaddr_in);
}

static void loopback(int family, struct sockaddr_storage *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->ss_family = (sa_family_t)family;
	if (family == AF_INET6)
		((struct sockaddr_in6 *)addr)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *)addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

int listener(int family, struct sockaddr_storage *addr)
{
	struct sockaddr_storage own;
	if (!addr)
		addr = &own;
	loopback(family, addr);
	int fd = socket(family, SOCK_STREAM, 0);
	must(fd >= 0, "socket for a listener");
	must(bind(fd, (struct sockaddr *)addr, address_len(addr)) == 0, "bind of a listener");
	must(listen(fd, 128) == 0, "listen");
	socklen_t len = sizeof(*addr);
	must(getsockname(fd, (struct sockaddr *)addr, &len) == 0, "getsockname of a listener");
	return fd;
}

struct trio make_trio(int family)
{
	struct sockaddr_storage addr;
	struct trio trio = {.listening = listener(family, &addr)};
	trio.client = socket(family, SOCK_STREAM, 0);
	must(trio.client >= 0, "socket for a client");
	must(connect(trio.client, (struct sockaddr *)&addr, address_len(&addr)) == 0,
	     "connect of a pair");
	trio.server = accept(trio.listening, NULL, NULL);
	must(trio.server >= 0, "accept of a pair");
	return trio;
}

int connected_pair(int family, int *client, int *server)
{
	struct trio trio = make_trio(family);
	*client = trio.client;
	*server = trio.server;
	must(close(trio.listening) == 0, "close of a pair's listener");
	return 0;
}
