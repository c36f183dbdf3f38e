/* SPDX-License-Identifier: MIT */
/* poll and FIONREAD in special cases: urgent bytes, half-closed connections, resets after them. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

static const struct linger at_once = {.l_onoff = 1};

static void say_count(const char *what, int fd, unsigned long request)
{
	int count = -1;
	long rc = ioctl(fd, request, &count);
	if (rc < 0)
		say_result(what, rc);
	else
		say("%s: %d", what, count);
}

static void say_all(const char *what, int fd)
{
	say_poll(what, fd);
	say_count("  unread", fd, FIONREAD);
	say_count("  at the mark", fd, SIOCATMARK);
}

/* Whether AF_UNIX still counts a skipped urgent byte depends on the kernel. */
static void say_passed(const char *what, int fd)
{
	say_poll(what, fd);
	say_count("  at the mark", fd, SIOCATMARK);
}

static void say_next(const char *what, int fd, int flags)
{
	char bytes[32];
	say_data(what, bytes, recv(fd, bytes, sizeof(bytes), flags | MSG_DONTWAIT));
}

static void reset_by(int fd)
{
	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0, "SO_LINGER");
	must(close(fd) == 0, "close");
}

CHECK(a_lone_urgent_byte)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	say_all("there", server);
	say_next("stream", server, 0);
	say_passed("stream asked", server);
	say_next("urgent", server, MSG_OOB);
	say_passed("taken", server);
	say_next("stream", server, 0);
	say_passed("stream asked again", server);
	put(client, "x");
	wait_for(server, POLLIN);
	say_passed("more", server);
	say_next("stream", server, 0);
	say_passed("read", server);
}

static bool has_stream(void *argument)
{
	char byte;
	return recv(*(int *)argument, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

CHECK(a_lone_urgent_byte_that_nobody_takes)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	say_next("peek", server, MSG_PEEK);
	say_next("stream", server, 0);
	put(client, "abc");
	wait_true(has_stream, &server);
	say_next("peek", server, MSG_PEEK);
	say_next("stream", server, 0);
	say_next("urgent", server, MSG_OOB);
}

CHECK(counts_around_an_urgent_byte)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "ab");
	wait_unread(server, 2);
	say_result("send", send(client, "c!", 2, MSG_OOB));
	wait_for(server, POLLPRI);
	say_all("before", server);
	say_next("peek", server, MSG_PEEK);
	say_next("stream", server, 0);
	say_all("at the mark", server);
	say_next("urgent", server, MSG_OOB);
	put(client, "de");
	wait_true(has_stream, &server);
	say_next("stream", server, 0);
	say_passed("behind", server);
}

CHECK(an_urgent_byte_and_the_end)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_all("ended", server);
	say_next("stream", server, 0);
	say_passed("read", server);
	say_next("urgent", server, MSG_OOB);
	say_next("stream", server, 0);
	say_passed("all read", server);
}

CHECK(an_urgent_byte_and_a_reset)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	reset_by(client);
	wait_for(server, POLLERR);
	say_poll("reset", server);
	say_next("stream", server, 0);
	say_next("stream again", server, 0);
	say_poll("told", server);
}

CHECK(a_reset_behind_the_end)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_all("ended", server);
	reset_by(client);
	wait_for(server, POLLERR);
	say_poll("reset", server);
	say_next("stream", server, 0);
	say_poll("read", server);
	say_error("SO_ERROR", server);
	say_poll("asked", server);
	say_result("send", send(server, "x", 1, MSG_NOSIGNAL));
	say_error("SO_ERROR", server);
}

CHECK(a_reset_behind_data_and_the_end)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "abc");
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
	say_all("ended", server);
	reset_by(client);
	wait_for(server, POLLERR);
	say_poll("reset", server);
	say_error("SO_ERROR", server);
	say_poll("asked", server);
	say_next("stream", server, 0);
	say_next("stream", server, 0);
}

CHECK(a_reset_behind_unread_data)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "abc");
	wait_unread(server, 3);
	reset_by(client);
	wait_for(server, POLLERR);
	say_all("reset", server);
	say_error("SO_ERROR", server);
	say_poll("asked", server);
	say_next("stream", server, 0);
	say_next("stream", server, 0);
	say_poll("read", server);
}

CHECK(a_reset_of_a_socket_that_has_ended_its_half)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	shutdown(server, SHUT_WR);
	wait_for(client, POLLRDHUP);
	reset_by(client);
	wait_for(server, POLLERR);
	say_poll("reset", server);
	say_next("stream", server, 0);
	say_next("stream", server, 0);
	say_error("SO_ERROR", server);
	say_poll("told", server);
	say_result("send", send(server, "x", 1, MSG_NOSIGNAL));
	say_result("shutdown", shutdown(server, SHUT_RDWR));
}

CHECK(a_reset_of_a_socket_that_reads_no_more)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	shutdown(server, SHUT_RD);
	reset_by(client);
	wait_for(server, POLLERR);
	say_poll("reset", server);
	say_next("stream", server, 0);
	say_next("stream", server, 0);
	say_error("SO_ERROR", server);
	say_poll("told", server);
}

CHECK(readiness_of_every_half_closed_state)
{
	static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	for (int mine = 0; mine < 3; mine++)
		for (int peers = 0; peers < 3; peers++) {
			int client, server;
			connected_pair(AF_INET, &client, &server);
			say("own %d, peer's %d", hows[mine], hows[peers]);
			shutdown(server, hows[mine]);
			if (hows[mine] != SHUT_RD)
				wait_for(client, POLLRDHUP);
			shutdown(client, hows[peers]);
			if (hows[peers] != SHUT_RD)
				wait_for(server, POLLRDHUP);
			if (hows[mine] != SHUT_RD && hows[peers] != SHUT_RD) {
				wait_for(client, POLLHUP);
				wait_for(server, POLLHUP);
			}
			say_all("own", server);
			say_all("peer's", client);
			say_next("own recv", server, 0);
			say_next("peer's recv", client, 0);
			close(client);
			close(server);
		}
}

CHECK(data_that_comes_when_nobody_reads_any_more)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	shutdown(server, SHUT_RD);
	put(client, "late");
	wait_acknowledged(client);
	say_all("late", server);
	say_next("stream", server, 0);
	say_next("stream again", server, 0);
	say_all("read", server);
	put(client, "later");
	wait_acknowledged(client);
	put(server, "answer");
	wait_for(client, POLLIN);
	say_next("answer", client, 0);
	close(server);
	wait_for(client, POLLRDHUP);
	say_next("the client at the end", client, 0);
}

CHECK(data_behind_what_was_there_when_reading_ended)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "early");
	wait_unread(server, 5);
	shutdown(server, SHUT_RD);
	put(client, "late");
	wait_acknowledged(client);
	say_count("unread", server, FIONREAD);
	say_next("stream", server, 0);
	say_next("stream again", server, 0);
}
