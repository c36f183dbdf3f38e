/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

_Noreturn void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
	if (server > 0)
		kill(server, SIGKILL);
	exit(1);
}

bool open_client(struct client *client)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = PATIENCE_S};

	client->len = 0;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		fail("socket: %s", strerror(errno));
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0)
		return true;
	close(client->fd);
	return false;
}

bool say(struct client *client, const char *format, ...)
{
	char text[LINE_SIZE];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return send(client->fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

bool say_bytes(struct client *client, const char *bytes, size_t len)
{
	return send(client->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* A line without its end; false: the stream has ended. */
bool hear(struct client *client, char line[LINE_SIZE])
{
	char *end;
	ssize_t n;

	while (!(end = memchr(client->bytes, '\n', client->len))) {
		if (client->len == sizeof client->bytes)
			fail("a line is too long");
		n = recv(client->fd, client->bytes + client->len,
			 sizeof client->bytes - client->len, 0);
		if (n < 0 && errno == EAGAIN)
			fail("nothing was heard for %d s", PATIENCE_S);
		if (n <= 0)
			return false;
		client->len += (size_t)n;
	}
	*end = 0;
	memcpy(line, client->bytes, (size_t)(end - client->bytes) + 1);
	line[strcspn(line, "\r")] = 0;
	client->len -= (size_t)(end - client->bytes) + 1;
	memmove(client->bytes, end + 1, client->len);
	return true;
}

bool hear_until(struct client *client, const char *what)
{
	char line[LINE_SIZE];

	while (hear(client, line))
		if (strstr(line, what))
			return true;
	return false;
}

bool enter(struct client *client, const char *nick, const char *channel)
{
	return open_client(client) && say(client, "NICK %s\r\nUSER %s 0 * :x\r\n", nick, nick) &&
	       hear_until(client, " 001 ") && say(client, "JOIN %s\r\n", channel) &&
	       hear_until(client, " 366 ");
}

void close_client(struct client *client)
{
	close(client->fd);
	client->fd = -1;
}
