/* SPDX-License-Identifier: MIT */
/* client - a client of the server (server.h) over TCP, for a thread of its own. */
#ifndef RUDP_TESTS_THREADS_CLIENT_H
#define RUDP_TESTS_THREADS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define PATIENCE_S 300
#define LINE_SIZE 1024

struct client {
	int fd;
	char bytes[LINE_SIZE];
	size_t len;
};

/* The test has failed: the server is killed, the process ends. */
__attribute__((format(printf, 1, 2))) _Noreturn void fail(const char *format, ...);

/* false: there is no listener. */
bool open_client(struct client *client);
__attribute__((format(printf, 2, 3))) bool say(struct client *client, const char *format, ...);
bool say_bytes(struct client *client, const char *bytes, size_t len);
/* A line without its end; false: the stream has ended. */
bool hear(struct client *client, char line[LINE_SIZE]);
bool hear_until(struct client *client, const char *what);
/* Connected, named, and in the channel. */
bool enter(struct client *client, const char *nick, const char *channel);
void close_client(struct client *client);

#endif
