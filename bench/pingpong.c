/* SPDX-License-Identifier: MIT */
/*
 * Request and response, each with its own size, over several connections at once; each connection
 * sends the next request when it has its answer. Losses are rare and each answer takes a round
 * trip, so a single connection would need minutes for a meaningful 99th percentile.
 */
#include "plain.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, SIZE_MAX_BYTES = 65536, COUNT_MAX = 1000000 };

struct sizes {
	size_t request_bytes, response_bytes;
};

struct exchange {
	double asked_at_s;
	size_t received_bytes;
	size_t left; /* requests still to send */
};

static struct pollfd polled[CONNECTIONS_MAX + 1];
static struct exchange exchanges[CONNECTIONS_MAX + 1];
static char message[SIZE_MAX_BYTES];

/* Returns whether a whole message has arrived. *open becomes false at the end of the stream. */
static bool receive(int fd, struct exchange *x, size_t size_bytes, bool *open)
{
	ssize_t n = recv(fd, message, size_bytes - x->received_bytes, 0);

	*open = n > 0;
	if (n <= 0)
		return false;
	x->received_bytes += (size_t)n;
	if (x->received_bytes < size_bytes)
		return false;
	x->received_bytes = 0;
	return true;
}

static void wait_for_input(size_t count)
{
	while (poll(polled, count, -1) < 0)
		if (errno != EINTR)
			die("poll");
}

static void answer(size_t i, size_t request_bytes, size_t response_bytes)
{
	bool open;

	if (receive(polled[i].fd, &exchanges[i], request_bytes, &open))
		send_all(polled[i].fd, message, response_bytes);
	if (open)
		return;
	close(polled[i].fd);
	polled[i].fd = -1;
	exchanges[i].received_bytes = 0;
}

static void take_in(int fd)
{
	for (size_t i = 1; i <= CONNECTIONS_MAX; i++)
		if (polled[i].fd < 0) {
			polled[i].fd = fd;
			return;
		}
	close(fd);
}

static _Noreturn void serve(const char *port, size_t request_bytes, size_t response_bytes)
{
	for (size_t i = 0; i <= CONNECTIONS_MAX; i++)
		polled[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	polled[0].fd = serve_at(port);
	for (;;) {
		wait_for_input(CONNECTIONS_MAX + 1);
		for (size_t i = 1; i <= CONNECTIONS_MAX; i++)
			if (polled[i].fd >= 0 && polled[i].revents)
				answer(i, request_bytes, response_bytes);
		if (polled[0].revents)
			take_in(accept_at(polled[0].fd));
	}
}

static void ask(size_t i, size_t size_bytes)
{
	exchanges[i].left--;
	exchanges[i].asked_at_s = now_s();
	send_all(polled[i].fd, message, size_bytes);
}

/* Returns true if there is a new sample, in milliseconds. */
static bool on_input(size_t i, const struct sizes *sizes, double *sample)
{
	bool open;

	if (!receive(polled[i].fd, &exchanges[i], sizes->response_bytes, &open)) {
		if (!open)
			die("connection ended early");
		return false;
	}
	*sample = (now_s() - exchanges[i].asked_at_s) * 1e3;
	if (exchanges[i].left > 0)
		ask(i, sizes->request_bytes);
	return true;
}

static void exchange_all(size_t connections, size_t each, const struct sizes *sizes,
			 double *samples)
{
	size_t done = 0;

	for (size_t i = 0; i < connections; i++) {
		exchanges[i].left = each;
		ask(i, sizes->request_bytes);
	}
	while (done < connections * each) {
		wait_for_input(connections);
		for (size_t i = 0; i < connections; i++)
			if (polled[i].revents && on_input(i, sizes, &samples[done]))
				done++;
	}
}

static void run(char **argument)
{
	struct sizes sizes = {count_from(argument[2], SIZE_MAX_BYTES),
			      count_from(argument[3], SIZE_MAX_BYTES)};
	size_t each = count_from(argument[4], COUNT_MAX);
	size_t connections = count_from(argument[5], CONNECTIONS_MAX);
	double *samples = calloc(each * connections, sizeof *samples);
	double start_s;

	if (!samples)
		die("memory");
	for (size_t i = 0; i < connections; i++)
		polled[i] = (struct pollfd){.fd = dial(argument[0], argument[1], argument[6]),
					    .events = POLLIN};
	start_s = now_s();
	exchange_all(connections, each, &sizes, samples);
	printf("{\"requests\": %zu, \"elapsed_s\": %.6f, \"client_cpu_s\": %.6f, ",
	       each * connections, now_s() - start_s, cpu_s());
	print_quantiles("latency_ms", samples, each * connections);
	fputs(", ", stdout);
	print_percentiles("percentiles_ms", samples, each * connections);
	puts("}");
	free(samples);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"pingpong serve PORT REQUEST-BYTES RESPONSE-BYTES",
		"pingpong ask HOST PORT REQUEST-BYTES RESPONSE-BYTES COUNT-EACH CONNECTIONS "
		"[CONGESTION-CONTROL]",
		NULL,
	};

	if (argc == 5 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], count_from(argv[3], SIZE_MAX_BYTES),
		      count_from(argv[4], SIZE_MAX_BYTES));
	if ((argc != 8 && argc != 9) || strcmp(argv[1], "ask") != 0)
		usage(lines);
	run(argv + 2);
	return 0;
}
