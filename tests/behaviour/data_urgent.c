/* SPDX-License-Identifier: MIT */
/* Urgent data. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

static void say_mark(const char *what, int fd)
{
	int at = -1;
	long rc = ioctl(fd, SIOCATMARK, &at);
	if (rc < 0)
		say_result(what, rc);
	else
		say("%s: %d", what, at);
}

CHECK(an_urgent_byte_comes_beside_the_stream)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("none yet", recv(server, &byte, 1, MSG_OOB));
	put(client, "abc");
	wait_unread(server, 3);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	say_poll("poll", server);
	say_mark("at the mark", server);
	say_data("urgent", &byte, recv(server, &byte, 1, MSG_OOB));
	say_result("urgent again", recv(server, &byte, 1, MSG_OOB));
	say_poll("after it", server);
	say_bytes("stream", server);
	say_mark("at the mark", server);
	put(client, "def");
	wait_for(server, POLLIN);
	say_bytes("stream", server);
	say_mark("at the mark", server);
}

CHECK(of_several_urgent_bytes_the_last_counts)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, "abc", 3, MSG_OOB));
	wait_for(server, POLLPRI);
	say_data("urgent", &byte, recv(server, &byte, 1, MSG_OOB));
	say_bytes("stream", server);
}

CHECK(reading_stops_at_the_urgent_mark)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "before");
	wait_unread(server, 6);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	put(client, "after");
	say_mark("at the mark", server);
	say_bytes("stream", server);
	say_mark("at the mark", server);
	wait_for(server, POLLIN);
	say_bytes("stream", server);
	say_mark("at the mark", server);
}

CHECK(urgent_data_in_line)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	set_option(server, SOL_SOCKET, SO_OOBINLINE, 1);
	put(client, "ab");
	wait_unread(server, 2);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	say_poll("poll", server);
	say_result("urgent", recv(server, &byte, 1, MSG_OOB));
	wait_unread(server, 3);
	say_bytes("stream", server);
	say_mark("at the mark", server);
	say_bytes("stream", server);
	say_mark("at the mark", server);
}

CHECK(the_urgent_byte_may_be_peeked_at)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	say_data("peek", &byte, recv(server, &byte, 1, MSG_OOB | MSG_PEEK));
	say_data("urgent", &byte, recv(server, &byte, 1, MSG_OOB));
	say_result("again", recv(server, &byte, 1, MSG_OOB | MSG_PEEK));
}

CHECK(an_unread_urgent_byte_is_left_out_of_the_stream)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	put(client, "ab");
	wait_unread(server, 2);
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_for(server, POLLPRI);
	put(client, "cd");
	say_bytes("stream", server);
	wait_for(server, POLLIN);
	say_bytes("stream", server);
	say_poll("poll", server);
}

CHECK(urgent_data_goes_both_ways)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	say_result("send", send(server, "?", 1, MSG_OOB));
	wait_for(client, POLLPRI);
	say_data("urgent", &byte, recv(client, &byte, 1, MSG_OOB));
	put(server, "x");
	wait_for(client, POLLIN);
	say_bytes("stream", client);
}

static bool was_signalled(void *argument)
{
	(void)argument;
	return signal_count() > 0;
}

CHECK(the_owner_gets_a_signal_for_urgent_data)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	count_signal(SIGURG);
	say_result("F_SETOWN", fcntl(server, F_SETOWN, getpid()));
	say("F_GETOWN is me: %d", fcntl(server, F_GETOWN) == getpid());
	put(client, "x");
	wait_unread(server, 1);
	say("signals for plain data %d", signal_count());
	say_result("send", send(client, "!", 1, MSG_OOB));
	wait_true(was_signalled, NULL);
	say("signals %d", signal_count());
}

CHECK(urgent_data_on_a_socket_without_a_connection)
{
	int fd = fresh(AF_INET, 0);
	char byte;
	say_result("recv", recv(fd, &byte, 1, MSG_OOB));
	say_result("send", send(fd, "x", 1, MSG_OOB | MSG_NOSIGNAL));
	say_mark("at the mark", fd);
	int listening = listener(AF_INET, NULL);
	say_result("recv of a listener", recv(listening, &byte, 1, MSG_OOB));
	say_mark("listener at the mark", listening);
}

static int signals_of_io;

static bool has_come(void *argument)
{
	(void)argument;
	return signal_count() > signals_of_io;
}

CHECK(the_owner_gets_a_signal_for_data_when_asked)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	count_signal(SIGIO);
	say_result("F_SETOWN", fcntl(server, F_SETOWN, getpid()));
	int on = 1;
	say_result("FIOASYNC", ioctl(server, FIOASYNC, &on));
	say("O_ASYNC: %d", (fcntl(server, F_GETFL) & O_ASYNC) != 0);
	signals_of_io = signal_count();
	put(client, "x");
	wait_true(has_come, NULL);
	say_bytes("recv", server);
	signals_of_io = signal_count();
	put(client, "y");
	wait_true(has_come, NULL);
	say_bytes("recv", server);
	on = 0;
	say_result("FIOASYNC off", ioctl(server, FIOASYNC, &on));
	signals_of_io = signal_count();
	put(client, "z");
	wait_unread(server, 1);
	say("signals when off: %d", signal_count() - signals_of_io);
}

/* In every way of asking. A listener reports ENOTCONN before it looks for urgent data. */
static void ask_for_urgent(int fd, int flags)
{
	char byte;
	struct iovec iov = {&byte, 1};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;

	flags |= MSG_OOB;
	say_result("recv", recv(fd, &byte, 1, flags));
	say_result("recvfrom", recvfrom(fd, &byte, 1, flags, NULL, NULL));
	say_result("recvfrom, name", recvfrom(fd, &byte, 1, flags, (void *)&addr, &len));
	say_result("recvmsg", recvmsg(fd, &message.msg_hdr, flags));
	say_result("recvmmsg", recvmmsg(fd, &message, 1, flags, NULL));
}

CHECK(every_way_of_asking_for_an_urgent_byte_that_is_not_there)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	for (int flags = 0;; flags = MSG_TRUNC) {
		say("flags %d", flags);
		ask_for_urgent(fresh(AF_INET, 0), flags);
		ask_for_urgent(client, flags);
		ask_for_urgent(listener(AF_INET, NULL), flags);
		if (flags)
			break;
	}
}
