/* SPDX-License-Identifier: MIT */
/*
 * All ways in which a program can end, and what its peer sees: after writing nothing, little or
 * much, and with unread input.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/data.h"
#include "behaviour/exit_ways.h"
#include "behaviour/traffic.h"

#define PATIENCE_S 5
#define LITTLE_BYTES 10240
#define MUCH_BYTES (10 << 20)

/* An environment variable tells the started program what to do. */
static long number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? atol(text) : 0;
}

static void write_and_end(int fd)
{
	must(pattern_write(fd, (size_t)number_of("WRITES")), "write of the part");
	end_by((enum exit_way)number_of("ENDS_BY"));
}

static void end_with_something_unread(int fd)
{
	wait_unread(fd, 1);
	end_by((enum exit_way)number_of("ENDS_BY"));
}

static void set_number(const char *name, long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", number);
	setenv(name, text, 1);
}

/* A separate program with its own connection, because its whole life is tested. */
PART(connects_to_a_port_and_ends)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)fd),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int client = socket(AF_INET, SOCK_STREAM, 0);

	must(connect(client, (struct sockaddr *)&addr, sizeof(addr)) == 0, "connect of the part");
	must(read(client, &(char){0}, 1) == 1, "read of the part");
	if (number_of("UNREAD"))
		end_with_something_unread(client);
	else
		write_and_end(client);
}

static pid_t start(int waiting, const struct sockaddr_storage *addr, enum exit_way way)
{
	pid_t pid;

	set_number("ENDS_BY", way);
	pid = begin_child();
	if (pid == 0) {
		close(waiting);
		become_part("connects_to_a_port_and_ends",
			    ntohs(((const struct sockaddr_in *)addr)->sin_port));
	}
	return pid;
}

/* The program waits for the greeting, so that the connection exists at both ends. */
static int take(int waiting)
{
	int server = accept(waiting, NULL, NULL);

	must(server >= 0 && write(server, "x", 1) == 1, "accept");
	return server;
}

/* Everything that was written arrives, followed by an orderly end, soon. */
static bool got_everything(int fd, size_t bytes)
{
	static const struct timeval patience = {PATIENCE_S, 0};
	static char chunk[65536], right[65536];
	size_t len = 0;
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		pattern_fill(right, len, (size_t)n);
		if (memcmp(chunk, right, (size_t)n) != 0)
			return false;
		len += (size_t)n;
	}
	return n == 0 && len == bytes;
}

/* Returns false if the peer did not get it. */
static bool written_before(enum exit_way way, const char *what, long bytes)
{
	bool whole;

	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	pid_t pid;
	int server;

	set_number("WRITES", bytes);
	pid = start(waiting, &addr, way);
	server = take(waiting);
	/*
	 * The buffers do not hold so much, so the program can end only when the peer has read it.
	 */
	if (bytes <= LITTLE_BYTES)
		say_end(what, pid);
	whole = got_everything(server, (size_t)bytes);
	say("%s: peer gets %s", what, whole ? "all of it, and end of file" : "less, or no end");
	if (bytes > LITTLE_BYTES)
		say_end(what, pid);
	close(server);
	close(waiting);
	return whole;
}

static void unread_before(enum exit_way way)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	struct pollfd entry = {.events = POLLRDHUP};
	pid_t pid;
	int server;

	set_number("UNREAD", 1);
	pid = start(waiting, &addr, way);
	server = take(waiting);
	must(write(server, "unread", 6) == 6, "write");
	entry.fd = server;
	say_end("program", pid);
	/*
	 * If engine and program are killed together, nothing is sent. The peer notices when it
	 * sends.
	 */
	poll(&entry, 1, PATIENCE_S * 1000);
	if (!(entry.revents & POLLHUP))
		send(server, "x", 1, MSG_NOSIGNAL);
	wait_for(server, POLLHUP);
	say_rest("peer", server);
}

#define EXITS(way)                                                                                 \
	CHECK(the_peer_of_a_program_that_ends_by_##way)                                            \
	{                                                                                          \
		if (written_before(EXIT_BY_##way, "nothing written", 0) &&                         \
		    written_before(EXIT_BY_##way, "10 KB written", LITTLE_BYTES))                  \
			written_before(EXIT_BY_##way, "10 MB written", MUCH_BYTES);                \
	}                                                                                          \
	CHECK(the_peer_of_a_program_with_unread_data_that_ends_by_##way)                           \
	{                                                                                          \
		unread_before(EXIT_BY_##way);                                                      \
	}
EXIT_WAYS(EXITS)
