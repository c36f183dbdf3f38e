/* SPDX-License-Identifier: MIT */
/*
 * Three calls of shutdown() in every order, with what the peer does before the first, second or
 * third of them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

#define CALLS 3
#define WAYS 3 /* SHUT_RD, SHUT_WR, SHUT_RDWR */

static const char *const names[WAYS] = {"RD", "WR", "RDWR"};

enum peer_step { STAYS, ENDS_ITS_HALF, CLOSES, RESETS };

static void peer_does(enum peer_step step, int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	if (step == RESETS)
		must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0,
		     "SO_LINGER");
	if (step == ENDS_ITS_HALF)
		must(shutdown(fd, SHUT_WR) == 0, "shutdown of the peer");
	else if (step != STAYS)
		close(fd);
}

/* Over loopback, getpeername sees what the peer did before. */
static void see_the_peer(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;

	(void)getpeername(fd, (struct sockaddr *)&addr, &len);
}

/* Returns whether the program itself has shut both directions by the first calls of an order. */
static bool has_shut_both(int order, int calls)
{
	unsigned shut = 0;

	for (int i = 0; i < calls; i++, order /= WAYS)
		shut |= (unsigned)(order % WAYS) + 1; /* as RCV_SHUTDOWN and SEND_SHUTDOWN */
	return shut == 3;
}

/* A call after both the program and the peer have ended differs from TCP, and is left out. */
static void one_order(enum peer_step step, int before, int order)
{
	char line[128] = "";
	size_t used = 0;
	int client, server, rest = order;

	connected_pair(AF_INET, &client, &server);
	for (int i = 0; i < CALLS; i++, rest /= WAYS) {
		const char *result;

		if (i == before)
			peer_does(step, server);
		if (i >= before && step != STAYS && has_shut_both(order, i))
			break;
		if (i == before)
			see_the_peer(client);
		result = shutdown(client, rest % WAYS) == 0 ? "0" : strerrorname_np(errno);
		used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %s",
					 i == before ? " | " : ", ", names[rest % WAYS], result);
	}
	say("%s", line);
	close(client);
	if (step == STAYS || step == ENDS_ITS_HALF)
		close(server);
}

static void all_orders(enum peer_step step)
{
	for (int before = 0; before < CALLS; before++)
		for (int order = 0; order < WAYS * WAYS * WAYS; order++)
			one_order(step, before, order);
}

CHECK(shutdown_in_every_order_of_a_connection_whose_peer_stays)
{
	all_orders(STAYS);
}

CHECK(shutdown_in_every_order_of_a_connection_whose_peer_ends_its_half)
{
	all_orders(ENDS_ITS_HALF);
}

CHECK(shutdown_in_every_order_of_a_connection_whose_peer_closes)
{
	all_orders(CLOSES);
}

CHECK(shutdown_in_every_order_of_a_connection_whose_peer_resets)
{
	all_orders(RESETS);
}

CHECK(shutdown_again_when_the_peer_has_ended_too)
{
	for (int how = 0; how < WAYS; how++) {
		int client, server;

		connected_pair(AF_INET, &client, &server);
		must(shutdown(client, SHUT_RDWR) == 0, "shutdown");
		close(server);
		say_result(names[how], shutdown(client, how));
		close(client);
	}
}
