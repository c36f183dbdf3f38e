/* SPDX-License-Identifier: MIT */
/*
 * The number of events that an epoll server gets for each request: each needless wake-up costs a
 * busy server time. The client is pingpong. In edge mode connections are registered once, for all
 * events, and read until nothing is left, like in nginx and netty; in level mode they are
 * registered for input. Prints its counts when the last connection has ended.
 */
#include "plain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, SIZE_MAX_BYTES = 65536, DESCRIPTORS_MAX = 4096 };

static char message[SIZE_MAX_BYTES];
static size_t received_bytes[DESCRIPTORS_MAX];

static struct {
	size_t requests, events, waits, open;
} count;

static void watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (fd >= DESCRIPTORS_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void take_in(int epoll, int listener, bool edge)
{
	int fd = accept_at(listener);

	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
	received_bytes[fd] = 0;
	count.open++;
	watch(epoll, fd, edge ? EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET : EPOLLIN);
}

/* Returns whether there may be more. */
static bool receive(int fd, size_t size_bytes)
{
	ssize_t n = recv(fd, message, sizeof message, 0);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		die("recv");
	if (n == 0) {
		close(fd);
		count.open--;
		return false;
	}
	received_bytes[fd] += (size_t)n;
	for (; received_bytes[fd] >= size_bytes; received_bytes[fd] -= size_bytes) {
		send_all(fd, message, size_bytes);
		count.requests++;
	}
	return true;
}

static void on_event(int fd, size_t size_bytes, bool edge)
{
	count.events++;
	while (receive(fd, size_bytes) && edge)
		;
}

static void serve(const char *port, size_t size_bytes, bool edge)
{
	int epoll = epoll_create1(0);
	int listener = serve_at(port);

	watch(epoll, listener, EPOLLIN);
	while (count.open > 0 || count.requests == 0) {
		struct epoll_event events[BATCH];
		int n = epoll_wait(epoll, events, BATCH, -1);

		count.waits++;
		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				take_in(epoll, listener, edge);
			else
				on_event(events[i].data.fd, size_bytes, edge);
	}
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {"events serve PORT SIZE edge|level", NULL};
	bool edge = argc == 5 && strcmp(argv[4], "edge") == 0;

	if (argc != 5 || strcmp(argv[1], "serve") != 0 || (!edge && strcmp(argv[4], "level") != 0))
		usage(lines);
	serve(argv[2], count_from(argv[3], SIZE_MAX_BYTES), edge);
	printf("{\"requests\": %zu, \"events\": %zu, \"waits\": %zu}\n", count.requests,
	       count.events, count.waits);
	return 0;
}
