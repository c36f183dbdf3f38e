/* SPDX-License-Identifier: MIT */
/*
 * Many connections through one listener, all open at once. Each carries a byte each way when it is
 * made. Then nothing happens until the client reads on its standard input how many requests to send
 * and over how many of the connections; it sends them one after the other, over each connection in
 * turn. The caller measures before, between and after; the program ends when its standard input
 * does.
 */
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 100000, REQUESTS_MAX = 1000000, BATCH = 64, SIZE = 64, LINE_SIZE = 64 };

static int fds[CONNECTIONS_MAX];

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void echo(int fd)
{
	char data[SIZE];
	ssize_t n = recv(fd, data, sizeof data, 0);

	if (n <= 0)
		close(fd);
	else
		send_all(fd, data, (size_t)n);
}

static _Noreturn void serve(const char *port)
{
	int epoll = epoll_create1(0), listener = serve_at(port);
	struct epoll_event events[BATCH];

	watch(epoll, listener);
	for (;;) {
		int n = epoll_wait(epoll, events, BATCH, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				watch(epoll, accept_at(listener));
			else
				echo(events[i].data.fd);
	}
}

static void ask(int fd, size_t size)
{
	char data[SIZE] = {0};

	send_all(fd, data, size);
	recv_all(fd, data, size);
}

static size_t common_divisor(size_t a, size_t b)
{
	while (b) {
		size_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A stride that visits every connection, without visiting neighbours one after the other. */
static size_t stride_for(size_t connections)
{
	size_t stride = connections / 3 + 1;

	while (common_divisor(stride, connections) != 1)
		stride++;
	return stride;
}

static void ask_all(size_t connections, size_t requests)
{
	double *samples = calloc(requests, sizeof *samples);
	size_t stride = stride_for(connections), at = 0;
	double start_s = now_s(), cpu = cpu_s();

	if (!samples)
		die("memory");
	for (size_t i = 0; i < requests; i++, at = (at + stride) % connections) {
		double asked_at_s = now_s();

		ask(fds[at], SIZE);
		samples[i] = (now_s() - asked_at_s) * 1e3;
	}
	printf("{\"requests\": %zu, \"elapsed_s\": %.6f, \"client_cpu_s\": %.6f, ", requests,
	       now_s() - start_s, cpu_s() - cpu);
	print_quantiles("latency_ms", samples, requests);
	puts("}");
	fflush(stdout);
	free(samples);
}

/* The byte shows that the server has accepted the connection. */
static void open_all(const char *host, const char *port, size_t connections)
{
	double start_s = now_s();

	for (size_t i = 0; i < connections; i++) {
		fds[i] = dial(host, port, NULL);
		ask(fds[i], 1);
	}
	printf("{\"connections\": %zu, \"elapsed_s\": %.6f}\n", connections, now_s() - start_s);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"crowd serve PORT",
		"crowd open HOST PORT CONNECTIONS <LINES_OF_REQUESTS_AND_CONNECTIONS",
		NULL,
	};
	char line[LINE_SIZE];
	size_t connections;

	raise_descriptor_limit();
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc != 5 || strcmp(argv[1], "open") != 0)
		usage(lines);
	connections = count_from(argv[4], CONNECTIONS_MAX);
	open_all(argv[2], argv[3], connections);
	while (fgets(line, sizeof line, stdin)) {
		char *over = strchr(line, ' ');

		if (!over)
			usage(lines);
		*over++ = 0;
		over[strcspn(over, "\n")] = 0;
		ask_all(count_from(over, connections), count_from(line, REQUESTS_MAX));
	}
	return 0;
}
