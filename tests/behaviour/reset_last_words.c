/* SPDX-License-Identifier: MIT */
/*
 * A server answers and closes with the request unread. The client reads the answer, then the reset.
 * tests/proto/conn/test_conn_close.c tests answers that do not leave at once.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

#define ROUNDS 25 /* whether the engine sees the write and the close together is chance */

static const struct linger at_once = {.l_onoff = 1};

/* Returns true if the whole answer and then the reset was read. */
static bool reads_it_all(int fd, size_t size)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
		size -= (size_t)n;
	return size == 0 && n < 0 && errno == ECONNRESET;
}

static void answer_and_close(size_t size, bool lingers)
{
	static const char answer[30000];
	int whole = 0;

	for (int i = 0; i < ROUNDS; i++) {
		int client, server;

		connected_pair(AF_INET, &client, &server);
		put(client, "request");
		wait_unread(server, 7);
		if (lingers) {
			swallow(server, 7);
			must(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) ==
				     0,
			     "SO_LINGER");
		}
		must(send(server, answer, size, 0) == (ssize_t)size, "send");
		close(server);
		whole += reads_it_all(client, size);
		close(client);
	}
	say("of %d: %d", ROUNDS, whole);
}

CHECK(an_answer_before_a_close_with_unread_data_arrives)
{
	answer_and_close(70, false);
}

CHECK(a_long_answer_before_a_close_with_unread_data_arrives)
{
	answer_and_close(30000, false);
}

CHECK(an_answer_before_a_lingering_close_arrives)
{
	answer_and_close(70, true);
}
