/* SPDX-License-Identifier: MIT */
/*
 * Many connections through one listener that carry one byte each and then nothing. Whoever started
 * the program measures while it waits; it ends when its standard input does.
 */
#include "plain.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 100000 };

static _Noreturn void serve(const char *port)
{
	int listener = serve_at(port);

	for (;;) {
		int fd = accept_at(listener);

		send_all(fd, "r", 1);
	}
}

static void wait_for_end_of_input(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

/* The byte says that the server, too, holds the connection. */
static void open_all(const char *host, const char *port, const char *count_text)
{
	uint64_t count = count_from(count_text, CONNECTIONS_MAX);
	double start_s = now_s();
	char byte;

	for (uint64_t i = 0; i < count; i++)
		recv_all(dial(host, port, NULL), &byte, 1);
	printf("{\"connections\": %llu, \"elapsed_s\": %.6f}\n", (unsigned long long)count,
	       now_s() - start_s);
	fflush(stdout);
	wait_for_end_of_input();
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"idle serve PORT",
		"idle open HOST PORT CONNECTIONS",
		NULL,
	};

	raise_descriptor_limit();
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc != 5 || strcmp(argv[1], "open") != 0)
		usage(lines);
	open_all(argv[2], argv[3], argv[4]);
	return 0;
}
