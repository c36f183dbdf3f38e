/* SPDX-License-Identifier: MIT */
/* Sockets passed over unix sockets (SCM_RIGHTS) and by pidfd_getfd. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

CHECK(a_connection_handed_on_lives_with_the_receiver)
{
	int client, server, ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int fd = receive_fd(ends[1]);

		say("child reads: %zd", read(fd, &(char){0}, 1));
		must(pattern_write(fd, 100000), "write");
		_exit(0);
	}
	connected_pair(AF_INET, &client, &server);
	send_fd(ends[0], client);
	close(client);
	must(send(server, "x", 1, 0) == 1, "send");
	say_rest("peer", server);
	say_end("child", pid);
}

CHECK(both_hold_a_connection_that_was_handed_on)
{
	int client, server, ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int fd = receive_fd(ends[1]);
		struct sockaddr_storage addr;
		socklen_t len = sizeof(addr);

		say_result("child: getpeername", getpeername(fd, (struct sockaddr *)&addr, &len));
		say("child: family %d", addr.ss_family);
		_exit(send(fd, "c", 1, 0) != 1);
	}
	connected_pair(AF_INET6, &client, &server);
	send_fd(ends[0], client);
	say_end("child", pid);
	say("peer reads: %zd", read(server, &(char){0}, 1));
	say_alive("the sender's", client, server);
	close(client);
	say_rest("peer", server);
}

CHECK(a_listener_handed_on_accepts_there)
{
	struct sockaddr_storage addr;
	int ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int server = accept(receive_fd(ends[1]), NULL, NULL);

		must(pattern_write(server, 1000), "write");
		_exit(0);
	}
	int waiting = listener(AF_INET, &addr);
	send_fd(ends[0], waiting);
	close(waiting);
	say_rest("client", dial(&addr));
	say_end("child", pid);
	say_result("connect when the child has ended", dial(&addr));
}

CHECK(a_fresh_socket_handed_on_is_connected_there)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int ends[2], fd;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0)
		_exit(connect(receive_fd(ends[1]), (struct sockaddr *)&addr, address_len(&addr)));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	send_fd(ends[0], fd);
	say_end("child", pid);
	say_alive("the sender's", fd, accept(waiting, NULL, NULL));
}

CHECK(a_fresh_socket_handed_on_listens_there)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int ends[2], fd;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0)
		_exit(listen(receive_fd(ends[1]), 5));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	send_fd(ends[0], fd);
	say_end("child", pid);
	say_result("getsockname", getsockname(fd, (struct sockaddr *)&addr, &len));
	int client = dial(&addr);
	must(client >= 0, "connect");
	say_alive("the sender's", client, accept(fd, NULL, NULL));
}

CHECK(a_connecting_socket_is_handed_on)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int received = receive_fd(ends[1]);
		int error = -1;
		socklen_t len = sizeof(error);

		wait_for(received, POLLOUT);
		getsockopt(received, SOL_SOCKET, SO_ERROR, &error, &len);
		say("child: error %d", error);
		_exit(send(received, "x", 1, 0) != 1);
	}
	connect(fd, (struct sockaddr *)&addr, address_len(&addr));
	send_fd(ends[0], fd);
	close(fd);
	int server = accept(waiting, NULL, NULL);
	say_rest("server", server);
	say_end("child", pid);
}

CHECK(a_connection_on_its_way_ends_with_the_channel)
{
	int client, server, ends[2];

	make_channel(ends);
	connected_pair(AF_INET, &client, &server);
	send_fd(ends[0], client);
	close(client);
	close(ends[0]);
	say_alive("taken out of the channel", receive_fd(ends[1]), server);
	connected_pair(AF_INET, &client, &server);
	make_channel(ends);
	send_fd(ends[0], client);
	close(client);
	close(ends[0]);
	close(ends[1]);
	say_rest("peer when nobody has taken it", server);
}

PART(takes_a_connection_and_answers)
{
	int connection = receive_fd(fd);
	char text[6] = "";

	must(recv(connection, text, 5, MSG_WAITALL) == 5, "read of the part");
	must(send(connection, text, 5, 0) == 5, "write of the part");
	must(pattern_write(connection, 300000), "write of the part");
}

PART(takes_a_listener_and_accepts)
{
	int connection = accept(receive_fd(fd), NULL, NULL);

	must(pattern_write(connection, 300000), "write of the part");
}

PART(makes_a_connection_and_a_listener)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int client = dial(&addr);
	int server = accept(waiting, NULL, NULL);
	char byte;

	send_fd(fd, waiting);
	send_fd(fd, server);
	must(recv(client, &byte, 1, 0) == 1, "read of the part");
	must(pattern_write(client, 1000), "write of the part");
}

static pid_t begin_plain_part(const char *name, int *channel)
{
	int ends[2];
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	pid = begin_child();
	if (pid == 0) {
		close(ends[0]);
		become_plain_part(name, ends[1]);
	}
	close(ends[1]);
	*channel = ends[0];
	return pid;
}

CHECK(a_plain_program_gets_a_connection)
{
	int client, server, channel;
	pid_t pid = begin_plain_part("takes_a_connection_and_answers", &channel);
	char text[6] = "";

	connected_pair(AF_INET, &client, &server);
	send_fd(channel, client);
	close(client);
	must(send(server, "hello", 5, 0) == 5, "send");
	must(recv(server, text, 5, MSG_WAITALL) == 5, "read");
	say("came back: %s", text);
	say_rest("then", server);
	say_end("plain program", pid);
}

CHECK(a_plain_program_gets_a_listener)
{
	struct sockaddr_storage addr;
	int channel;
	pid_t pid = begin_plain_part("takes_a_listener_and_accepts", &channel);
	int waiting = listener(AF_INET, &addr);

	send_fd(channel, waiting);
	close(waiting);
	say_rest("client", dial(&addr));
	say_end("plain program", pid);
}

CHECK(a_plain_program_gives_its_sockets)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int channel;
	pid_t pid = begin_plain_part("makes_a_connection_and_a_listener", &channel);
	int waiting = receive_fd(channel);
	int server = receive_fd(channel);
	int one = 1;

	say_result("getpeername", getpeername(server, (struct sockaddr *)&addr, &len));
	say("family %d", addr.ss_family);
	say_result("setsockopt", setsockopt(server, IPPROTO_TCP, 1, &one, sizeof(one)));
	say_result("getsockname", getsockname(waiting, (struct sockaddr *)&addr, &len));
	must(send(server, "x", 1, 0) == 1, "send");
	say_rest("connection", server);
	say_result("shutdown of the listener", shutdown(waiting, SHUT_RDWR));
	say_end("plain program", pid);
}

CHECK(a_connection_is_fetched_out_of_another_process)
{
	int client, server, fetched;
	pid_t pid;
	int process;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0)
		pause();
	close(client);
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	must(process >= 0, "pidfd_open");
	fetched = (int)syscall(SYS_pidfd_getfd, process, client, 0);
	must(fetched >= 0, "pidfd_getfd");
	kill(pid, SIGKILL);
	say_end("child", pid);
	say_alive("fetched", fetched, server);
	close(fetched);
	say_rest("peer", server);
}
