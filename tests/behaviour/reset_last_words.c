/* SPDX-License-Identifier: MIT */
/*
 * A server answers and closes with the request unread. The client reads the answer, then the reset.
 * If the client reads nothing, it still learns of the reset. tests/proto/conn/test_conn_close.c
 * tests answers that do not leave at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

#define FULL_MS 300 /* without room: the peer's buffers are full, too */
#define ROUNDS 25   /* whether the engine sees the write and the close together is chance */

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

/* Writes until both buffers of the connection are full. */
static void fill(int fd)
{
	static const char bytes[65536];
	struct pollfd writable = {.fd = fd, .events = POLLOUT};

	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
	do
		while (send(fd, bytes, sizeof bytes, 0) > 0)
			;
	while (poll(&writable, 1, FULL_MS) > 0);
}

/* The client's kernel holds little, so an engine that relays kernel TCP has room for the rest. */
static void small_pair(int *client, int *server)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), size = 20000;

	*client = fresh(AF_INET, 0);
	must(setsockopt(*client, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0, "SO_RCVBUF");
	must(connect_to(*client, &addr) == 0, "connect");
	*server = accept(listening, NULL, NULL);
	must(*server >= 0, "accept");
	close(listening);
}

CHECK(a_reset_reaches_a_client_that_does_not_read)
{
	char bytes[65536];
	int client, server;
	ssize_t n;

	small_pair(&client, &server);
	put(client, "request");
	wait_unread(server, 7);
	fill(server);
	close(server);
	wait_for(client, POLLRDHUP);
	while ((n = recv(client, bytes, sizeof bytes, 0)) > 0)
		;
	say_result("in the end", n);
}

CHECK(a_reset_reaches_a_client_that_neither_reads_nor_can_write)
{
	int client, server;

	small_pair(&client, &server);
	fill(client);
	fill(server);
	close(server);
	wait_for(client, POLLOUT);
	say("it can write: %d", send(client, "more", 4, MSG_NOSIGNAL) == 4);
}
