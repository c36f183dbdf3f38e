/* SPDX-License-Identifier: MIT */
/* A server shuts down finished connections. That must not affect its listener. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define ROUNDS 20

static void shut_down_and_close(int fd)
{
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

/* The state of another connection to the same listener shows whether the listener still works. */
static int accept_one(int listening, const struct sockaddr_storage *addr, int *client)
{
	*client = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(*client, (const struct sockaddr *)addr, address_len(addr)) == 0, "connect");
	return accept(listening, NULL, NULL);
}

CHECK(shutdown_of_a_connection_that_was_reset_leaves_the_listener)
{
	struct linger reset = {.l_onoff = 1};
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr);
	char byte;

	for (int i = 0; i < ROUNDS; i++) {
		int client, server = accept_one(listening, &addr, &client);

		must(server >= 0, "accept");
		setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(client);
		must(read(server, &byte, 1) < 0, "reset");
		shut_down_and_close(server);
	}
	say("connections: %d", ROUNDS);
}

CHECK(shutdown_of_a_connection_that_has_ended_leaves_the_listener)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr);

	for (int i = 0; i < ROUNDS; i++) {
		int client, server = accept_one(listening, &addr, &client);

		must(server >= 0, "accept");
		close(client);
		must(shutdown(server, SHUT_WR) == 0, "shutdown");
		wait_for(server, POLLHUP);
		shut_down_and_close(server);
	}
	say("connections: %d", ROUNDS);
}
