/* SPDX-License-Identifier: MIT */
/* The queue of established connections: its length, and what clients of a full queue see. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static int listening(int backlog, struct sockaddr_storage *addr)
{
	int server = fresh(AF_INET, SOCK_NONBLOCK);
	address(addr, "127.0.0.1", 0);
	must(bind_to(server, addr) == 0, "bind");
	say_result("listen", listen(server, backlog));
	name_of(server, addr);
	return server;
}

/* In the end all clients get through, however short the queue is. */
static void overflow(int backlog, int clients)
{
	struct sockaddr_storage addr;
	int fds[200], accepted = 0, answered = 0;
	int server = listening(backlog, &addr);
	for (int i = 0; i < clients; i++) {
		fds[i] = fresh(AF_INET, SOCK_NONBLOCK);
		int rc = connect_to(fds[i], &addr);
		must(rc == 0 || errno == EINPROGRESS, "connect");
	}
	while (accepted < clients) {
		wait_for(server, POLLIN);
		int fd = accept4(server, NULL, NULL, 0);
		if (fd < 0)
			continue;
		accepted++;
		must(send(fd, "1", 1, 0) == 1, "send");
		close(fd);
	}
	for (int i = 0; i < clients; i++) {
		char byte;
		wait_for(fds[i], POLLIN);
		answered += recv(fds[i], &byte, 1, 0) == 1;
	}
	say("%d of %d accepted, %d answered", accepted, clients, answered);
	say_result("accept", accept(server, NULL, NULL));
}

CHECK(backlog_of_zero_takes_a_client)
{
	overflow(0, 1);
}

CHECK(backlog_of_one_overflows)
{
	overflow(1, 4);
}

CHECK(backlog_of_minus_one_is_the_largest)
{
	overflow(-1, 150);
}

CHECK(backlog_of_128_takes_100)
{
	overflow(128, 100);
}

CHECK(client_of_a_full_queue_waits)
{
	struct sockaddr_storage addr;
	int server = listening(1, &addr);
	for (int i = 0; i < 2; i++)
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	wait_for(server, POLLIN);
	int fd = fresh(AF_INET, 0);
	set_timeout(fd, SO_SNDTIMEO, 200);
	say_result("the third", connect_to(fd, &addr));
	say_poll("under way", fd);
	for (int i = 0; i < 2; i++)
		say_result("accept", accept(server, NULL, NULL) < 0 ? -1 : 0);
	wait_for(fd, POLLOUT);
	say_error("SO_ERROR", fd);
	say_poll("connected", fd);
	wait_for(server, POLLIN);
	say_result("accept", accept(server, NULL, NULL) < 0 ? -1 : 0);
}

CHECK(backlog_is_changed_by_listening_again)
{
	struct sockaddr_storage addr;
	int server = listening(0, &addr);
	say_result("listen", listen(server, 20));
	for (int i = 0; i < 15; i++)
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	say("15 in the queue");
}
