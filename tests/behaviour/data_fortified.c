/* SPDX-License-Identifier: MIT */
/* The calls as a fortified build makes them: with lengths that are not known at compile time. */
#undef _FORTIFY_SOURCE
#ifdef __OPTIMIZE__
#define _FORTIFY_SOURCE 2
#endif
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

static volatile size_t eight = 8, nine = 9;

CHECK(fortified_calls_receive)
{
	int client, server;
	char data[8];
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	connected_pair(AF_INET, &client, &server);
	put(client, "aaaabbbbccccdddd");
	wait_unread(server, 16);
	say_data("read", data, read(server, data, eight / 2));
	say_data("recv", data, recv(server, data, eight / 2, 0));
	say_data("recv PEEK", data, recv(server, data, eight, MSG_PEEK | MSG_WAITALL));
	say_data("recvfrom", data,
		 recvfrom(server, data, eight / 2, 0, (struct sockaddr *)&addr, &len));
	say("length %u", (unsigned)len);
	say_result("recv TRUNC", recv(server, data, eight / 2, MSG_TRUNC));
	struct pollfd entry = {.fd = server, .events = POLLIN};
	say_result("poll", poll(&entry, eight / 8, 0));
	int fd = fresh(AF_INET, 0);
	say_result("read", read(fd, data, eight));
	say_result("recv", recv(fd, data, eight, 0));
}

/* Without optimization there is no fortification, so no length is too long. */
CHECK(fortified_calls_end_a_program_that_gives_too_little_room)
{
	int client, server;
	char data[8];
	connected_pair(AF_INET, &client, &server);
	put(client, "aaaabbbb");
	wait_unread(server, 8);
	for (int i = 0; i < 3; i++) {
		int status;
		pid_t child = fork();
		must(child >= 0, "fork");
		if (child == 0) {
			close(STDERR_FILENO);
			if (i == 0)
				_exit(read(server, data, nine) > 0);
			if (i == 1)
				_exit(recv(server, data, nine, MSG_PEEK) > 0);
			_exit(recvfrom(server, data, nine, MSG_PEEK, NULL, NULL) > 0);
		}
		must(waitpid(child, &status, 0) == child, "waitpid");
		say("%d: killed %d", i, WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}
