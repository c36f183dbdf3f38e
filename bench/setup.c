/* SPDX-License-Identifier: MIT */
/*
 * How fast connections come and go: connect, one byte each way, and the server closes first, so
 * that the waiting of TIME-WAIT is on its side and the client does not run out of ports.
 */
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COUNT_MAX = 1000000 };

static _Noreturn void serve(const char *port)
{
	int listener = serve_at(port);

	for (;;) {
		int fd = accept_at(listener);
		char byte;

		recv_all(fd, &byte, 1);
		send_all(fd, &byte, 1);
		close(fd);
	}
}

static double one(const char *host, const char *port)
{
	double start_s = now_s(), connected_s;
	int fd = dial(host, port, NULL);
	char byte = 'r';

	connected_s = now_s();
	send_all(fd, &byte, 1);
	recv_all(fd, &byte, 1);
	if (recv(fd, &byte, 1, 0) != 0)
		die("end of the stream");
	close(fd);
	return connected_s - start_s;
}

static void run(const char *host, const char *port, const char *count_text)
{
	size_t count = count_from(count_text, COUNT_MAX);
	double *samples = calloc(count, sizeof *samples);
	double start_s = now_s(), elapsed_s;

	if (!samples)
		die("memory");
	for (size_t i = 0; i < count; i++)
		samples[i] = one(host, port) * 1e3;
	elapsed_s = now_s() - start_s;
	printf("{\"connections\": %zu, \"elapsed_s\": %.6f, \"per_second\": %.1f, ", count,
	       elapsed_s, (double)count / elapsed_s);
	print_quantiles("connect_ms", samples, count);
	puts("}");
	free(samples);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"setup serve PORT",
		"setup run HOST PORT COUNT",
		NULL,
	};

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc != 5 || strcmp(argv[1], "run") != 0)
		usage(lines);
	run(argv[2], argv[3], argv[4]);
	return 0;
}
