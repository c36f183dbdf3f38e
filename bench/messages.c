/* SPDX-License-Identifier: MIT */
/*
 * Small messages one way at an even rate, like those of games, meters and terminals. Each carries
 * its sending time; the receiving program reads the same clock, since both are on one machine.
 */
#include "plain.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 64,
	SIZE_MAX_BYTES = 4096,
	RATE_MAX = 10000,
	SECONDS_MAX = 600,
	SAMPLES_MAX = 1000000,
};

static char message[SIZE_MAX_BYTES];
static double samples[SAMPLES_MAX];
static size_t samples_count;

struct stream {
	size_t received_bytes;
	char data[SIZE_MAX_BYTES];
};

static struct stream streams[CONNECTIONS_MAX];

static void on_message(const char *data)
{
	double sent_at_s;

	memcpy(&sent_at_s, data, sizeof sent_at_s);
	if (samples_count < SAMPLES_MAX)
		samples[samples_count++] = (now_s() - sent_at_s) * 1e3;
}

/* Returns 0 at the end of the stream. */
static int receive(int fd, struct stream *stream, size_t size_bytes)
{
	ssize_t n = recv(fd, stream->data + stream->received_bytes,
			 size_bytes - stream->received_bytes, 0);

	if (n < 0)
		die("receive");
	stream->received_bytes += (size_t)n;
	if (stream->received_bytes == size_bytes) {
		on_message(stream->data);
		stream->received_bytes = 0;
	}
	return n > 0;
}

static void report(void)
{
	printf("{\"messages\": %zu, ", samples_count);
	print_quantiles("latency_ms", samples, samples_count);
	fputs(", ", stdout);
	print_percentiles("percentiles_ms", samples, samples_count);
	puts("}");
}

static void serve(const char *port, size_t size_bytes, size_t connections)
{
	struct pollfd polled[CONNECTIONS_MAX];
	int listener = serve_at(port);
	size_t open = connections;

	for (size_t i = 0; i < connections; i++)
		polled[i] = (struct pollfd){.fd = accept_at(listener), .events = POLLIN};
	while (open > 0) {
		if (poll(polled, connections, -1) < 0 && errno != EINTR)
			die("poll");
		for (size_t i = 0; i < connections; i++)
			if (polled[i].fd >= 0 && polled[i].revents &&
			    !receive(polled[i].fd, &streams[i], size_bytes)) {
				close(polled[i].fd);
				polled[i].fd = -1;
				open--;
			}
	}
	report();
}

/* The connections take turns within a period, so that their packets are not sent together. */
static void run(char **argument)
{
	size_t size_bytes = count_from(argument[2], SIZE_MAX_BYTES);
	size_t rate = count_from(argument[3], RATE_MAX);
	size_t periods = count_from(argument[4], SECONDS_MAX) * rate;
	size_t connections = count_from(argument[5], CONNECTIONS_MAX);
	int fd[CONNECTIONS_MAX];
	double start_s;

	for (size_t i = 0; i < connections; i++)
		fd[i] = dial(argument[0], argument[1], argument[6]);
	start_s = now_s();
	for (size_t i = 0; i < periods * connections; i++) {
		double sent_at_s;

		sleep_until(start_s + (double)i / (double)(rate * connections));
		sent_at_s = now_s();
		memcpy(message, &sent_at_s, sizeof sent_at_s);
		send_all(fd[i % connections], message, size_bytes);
	}
	for (size_t i = 0; i < connections; i++)
		close(fd[i]);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"messages serve PORT SIZE CONNECTIONS",
		"messages send HOST PORT SIZE A-SECOND SECONDS CONNECTIONS [CONGESTION-CONTROL]",
		NULL,
	};

	if (argc == 5 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], count_from(argv[3], SIZE_MAX_BYTES),
		      count_from(argv[4], CONNECTIONS_MAX));
	else if ((argc == 8 || argc == 9) && strcmp(argv[1], "send") == 0)
		run(argv + 2);
	else
		usage(lines);
	return 0;
}
