/* SPDX-License-Identifier: MIT */
/* A server shuts down finished connections. That must not affect its listener. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "behaviour/setup.h"

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

CHECK(an_accepted_connection_outlives_the_shutdown_of_its_listener)
{
	for (int i = 0; i < 20; i++) {
		struct sockaddr_storage addr;
		char byte = 0;
		int server = listener(AF_INET, &addr), fd = fresh(AF_INET, 0);
		must(connect_to(fd, &addr) == 0, "connect");
		int accepted = accept(server, NULL, NULL);
		must(shutdown(server, SHUT_RD) == 0, "shutdown");
		must(send(fd, "q", 1, MSG_NOSIGNAL) == 1, "send a question");
		must(recv(accepted, &byte, 1, 0) == 1, "receive it");
		must(send(accepted, "a", 1, MSG_NOSIGNAL) == 1, "send an answer");
		must(recv(fd, &byte, 1, 0) == 1, "receive it");
		close(server);
		close(accepted);
		close(fd);
	}
	say("all were answered");
}
