/* SPDX-License-Identifier: MIT */
/*
 * New connections one after the other, each for one request and one answer of a given size. The
 * server closes first, so that TIME-WAIT is on its side and the client does not run out of ports.
 * Times run from before socket(): until connected, until the first byte and until the last. With
 * zero bytes nothing is sent: connect, accept, close, and the next one.
 */
#include "plain.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COUNT_MAX = 1000000, REQUEST_BYTES = 200, CHUNK_SIZE = 64 * 1024, SECONDS_MAX = 600 };
enum { OBJECT_BYTES_MAX = 1 << 30, FAST_OPEN_QUEUE = 16 };

struct request {
	uint64_t answer_bytes;
	char rest[REQUEST_BYTES - sizeof(uint64_t)];
};

struct times {
	double *connect_ms, *first_byte_ms, *complete_ms;
};

static char chunk[CHUNK_SIZE];

static void answer(int fd, uint64_t bytes)
{
	while (bytes > 0) {
		size_t size = bytes < CHUNK_SIZE ? (size_t)bytes : CHUNK_SIZE;

		send_all(fd, chunk, size);
		bytes -= size;
	}
}

static _Noreturn void accept_and_close(const char *port)
{
	int listener = serve_at(port);

	for (;;)
		close(accept_at(listener));
}

static _Noreturn void serve(const char *port, bool fast_open)
{
	int listener = serve_at(port), queue = FAST_OPEN_QUEUE;
	struct request request;

	if (fast_open && setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue) < 0)
		die("TCP_FASTOPEN");
	for (;;) {
		int fd = accept_at(listener);

		recv_all(fd, &request, sizeof request);
		answer(fd, request.answer_bytes);
		close(fd);
	}
}

static void receive(int fd, uint64_t bytes)
{
	while (bytes > 0) {
		ssize_t n = recv(fd, chunk, bytes < CHUNK_SIZE ? (size_t)bytes : CHUNK_SIZE, 0);

		if (n <= 0)
			die("receive");
		bytes -= (uint64_t)n;
	}
	if (recv(fd, chunk, 1, 0) != 0)
		die("end of the stream");
}

static void one(char **name, uint64_t bytes, const char *cc, const struct times *times, size_t i)
{
	struct request request = {.answer_bytes = bytes};
	double start_s = now_s();
	int fd = dial(name[0], name[1], cc);

	times->connect_ms[i] = (now_s() - start_s) * 1e3;
	if (bytes > 0) {
		send_all(fd, &request, sizeof request);
		recv_all(fd, chunk, 1);
		bytes--;
	}
	times->first_byte_ms[i] = (now_s() - start_s) * 1e3;
	receive(fd, bytes);
	times->complete_ms[i] = (now_s() - start_s) * 1e3;
	close(fd);
}

/* The first connection is reported separately: it may have to start an engine or to fetch a
 * cookie. */
static void report(const struct times *times, size_t count, double elapsed_s)
{
	size_t first = count > 1 ? 1 : 0;

	printf("{\"connections\": %zu, \"elapsed_s\": %.6f, \"per_second\": %.1f, "
	       "\"first_connection_ms\": %.3f, ",
	       count, elapsed_s, (double)count / elapsed_s, times->first_byte_ms[0]);
	print_quantiles("connect_ms", times->connect_ms + first, count - first);
	fputs(", ", stdout);
	print_quantiles("first_byte_ms", times->first_byte_ms + first, count - first);
	fputs(", ", stdout);
	print_quantiles("complete_ms", times->complete_ms + first, count - first);
	puts("}");
}

static void run(char **argument)
{
	size_t count = count_from(argument[2], COUNT_MAX), done = 0;
	uint64_t bytes = strcmp(argument[3], "0") ? count_from(argument[3], OBJECT_BYTES_MAX) : 0;
	double start_s = now_s(), end_s = start_s + (double)count_from(argument[4], SECONDS_MAX);
	double *samples = calloc(count, 3 * sizeof *samples);
	struct times times = {samples, samples + count, samples + 2 * count};
	double last_s = start_s;

	if (!samples)
		die("memory");
	while (done < count && last_s < end_s) {
		one(argument, bytes, argument[5], &times, done++);
		last_s = now_s();
	}
	report(&times, done, last_s - start_s);
	free(samples);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"fetch serve PORT [fastopen|closing]        closing: for those who want 0 BYTES",
		"fetch run HOST PORT COUNT BYTES SECONDS-AT-MOST [CONGESTION-CONTROL]",
		"fetch fastopen HOST PORT COUNT BYTES SECONDS-AT-MOST [CONGESTION-CONTROL]",
		NULL,
	};

	fill_random(chunk, sizeof chunk);
	if (argc == 4 && strcmp(argv[1], "serve") == 0 && strcmp(argv[3], "closing") == 0)
		accept_and_close(argv[2]);
	if ((argc == 3 || (argc == 4 && strcmp(argv[3], "fastopen") == 0)) &&
	    strcmp(argv[1], "serve") == 0)
		serve(argv[2], argc == 4);
	if ((argc != 7 && argc != 8) ||
	    (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "fastopen") != 0))
		usage(lines);
	use_fast_open = strcmp(argv[1], "fastopen") == 0;
	run(argv + 2);
	return 0;
}
