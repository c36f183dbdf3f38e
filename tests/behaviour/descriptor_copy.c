/* SPDX-License-Identifier: MIT */
/* dup and similar calls: several descriptors of one socket. */
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"
#include "behaviour/traffic.h"

CHECK(dup_shares_the_connection)
{
	int client, server, copy;

	connected_pair(AF_INET, &client, &server);
	copy = dup(client);
	say_alive("the copy", copy, server);
	say_alive("the original", client, server);
	close(client);
	say_alive("the copy alone", copy, server);
	say_poll("peer", server);
	close(copy);
	say_rest("after the last close", server);
}

CHECK(only_the_last_close_ends_the_connection)
{
	int client, server, copies[3];

	connected_pair(AF_INET, &client, &server);
	copies[0] = dup(client);
	copies[1] = fcntl(client, F_DUPFD, 120);
	copies[2] = fcntl(client, F_DUPFD_CLOEXEC, 150);
	say("F_DUPFD: %d", copies[1]);
	say("F_DUPFD_CLOEXEC: %d, flags %d", copies[2], fcntl(copies[2], F_GETFD));
	close(client);
	close(copies[0]);
	close(copies[1]);
	say_alive("the last copy", copies[2], server);
	close(copies[2]);
	say_rest("peer", server);
}

CHECK(dup2_over_a_live_socket_ends_its_connection)
{
	int client, server, other;

	connected_pair(AF_INET, &client, &server);
	other = open("/dev/null", O_RDWR);
	say("dup2: %d", dup2(other, client) == client);
	say_rest("peer", server);
}

CHECK(dup2_of_one_socket_over_another_moves_it)
{
	int first[2], second[2];

	connected_pair(AF_INET, &first[0], &first[1]);
	connected_pair(AF_INET, &second[0], &second[1]);
	say("dup2: %d", dup2(first[0], second[0]) == second[0]);
	say_rest("peer of the second", second[1]);
	say_alive("the first under the second's number", second[0], first[1]);
}

struct reader {
	int fd;
	_Atomic pid_t tid;
	char data[16];
	ssize_t rc;
};

static void *read_seven(void *argument)
{
	struct reader *reader = argument;

	reader->tid = gettid();
	reader->rc = recv(reader->fd, reader->data, 7, MSG_WAITALL);
	return NULL;
}

static bool has_begun(void *argument)
{
	return ((struct reader *)argument)->tid != 0;
}

static bool has_three(void *argument)
{
	const volatile struct reader *reader = argument;

	return reader->data[2] != 0;
}

/* The thread waits for the first bytes, or for the rest, when its number gets another socket. */
static void replace_while_it_waits(bool for_the_rest)
{
	struct trio one = make_trio(AF_INET), two = make_trio(AF_INET);
	struct reader reader = {.fd = one.server};
	pthread_t thread;

	must(dup(one.server) >= 0, "dup"); /* so that the connection stays open */
	if (for_the_rest) {
		put(one.client, "one");
		wait_unread(one.server, 3);
	}
	thread = spawn(read_seven, &reader);
	wait_true(has_begun, &reader);
	wait_in_syscall(getpid(), reader.tid, ANY_SYSCALL);
	must(dup2(two.server, one.server) == one.server, "dup2");
	put(two.client, "two");
	wait_unread(two.server, 3);
	if (!for_the_rest)
		put(one.client, "one");
	wait_true(has_three, &reader);
	put(one.client, "more");
	finish(thread);
	say_data("the thread", reader.data, reader.rc);
	say_bytes("under its number", one.server);
}

CHECK(dup2_over_a_socket_of_which_a_thread_wants_all)
{
	replace_while_it_waits(true);
	replace_while_it_waits(false);
}

CHECK(dup2_of_a_socket_to_itself_changes_nothing)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	say("dup2: %d", dup2(client, client) == client);
	say_result("dup3", dup3(client, client, 0));
	say_alive("still", client, server);
}

CHECK(dup3_sets_close_on_exec)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	say_result("dup3", dup3(client, 250, O_CLOEXEC));
	say_result("its flags", fcntl(250, F_GETFD));
	say_result("the original's", fcntl(client, F_GETFD));
}

CHECK(a_copy_of_a_fresh_socket_is_connected_with_it)
{
	struct sockaddr_storage addr, peer;
	socklen_t len = sizeof peer;
	int waiting = listener(AF_INET, &addr);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int copy = dup(client);
	int server;

	say_result("connect", connect(copy, (struct sockaddr *)&addr, address_len(&addr)));
	server = accept(waiting, NULL, NULL);
	say_result("getpeername of the other", getpeername(client, (struct sockaddr *)&peer, &len));
	close(copy);
	say_alive("by the original", client, server);
}

CHECK(a_copy_of_a_bound_socket_listens)
{
	struct sockaddr_storage addr = {.ss_family = AF_INET};
	socklen_t len = sizeof(struct sockaddr_in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int copy, client, server;

	say_result("bind", bind(fd, (struct sockaddr *)&addr, len));
	copy = dup(fd);
	say_result("listen", listen(copy, 5));
	getsockname(fd, (struct sockaddr *)&addr, &len);
	client = dial(&addr);
	server = accept(fd, NULL, NULL);
	say_alive("accepted by the original", client, server);
}

CHECK(a_copy_of_a_listener_accepts_when_the_original_is_closed)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int copy = dup(waiting);
	int client, server;

	close(waiting);
	client = dial(&addr);
	server = accept(copy, NULL, NULL);
	say_alive("connection", client, server);
	close(copy);
	say_result("connect after the last close", dial(&addr));
}

CHECK(copies_share_file_status_flags)
{
	int client, server, copy;

	connected_pair(AF_INET, &client, &server);
	copy = dup(client);
	fcntl(client, F_SETFL, O_NONBLOCK);
	say("copy is non-blocking: %d", (fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
	say_result("read of the copy", read(copy, (char[1]){0}, 1));
}

CHECK(shutdown_of_a_copy_is_for_all)
{
	int client, server, copy;

	connected_pair(AF_INET, &client, &server);
	copy = dup(client);
	say_result("shutdown", shutdown(copy, SHUT_WR));
	say_result("send by the original", send(client, "x", 1, MSG_NOSIGNAL));
	say_rest("peer", server);
}

CHECK(a_closed_number_is_ebadf_everywhere)
{
	struct sockaddr_storage addr = {.ss_family = AF_INET};
	socklen_t len = sizeof addr;
	int value = 0;
	socklen_t value_len = sizeof value;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say_result("close", close(fd));
	say_result("close again", close(fd));
	say_result("bind", bind(fd, (struct sockaddr *)&addr, len));
	say_result("connect", connect(fd, (struct sockaddr *)&addr, len));
	say_result("listen", listen(fd, 1));
	say_result("accept", accept(fd, NULL, NULL));
	say_result("accept4", accept4(fd, NULL, NULL, 0));
	say_result("shutdown", shutdown(fd, SHUT_RDWR));
	say_result("getsockname", getsockname(fd, (struct sockaddr *)&addr, &len));
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&addr, &len));
	say_result("getsockopt", getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &value_len));
	say_result("setsockopt", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, value_len));
	say_result("send", send(fd, "x", 1, 0));
	say_result("recv", recv(fd, &value, 1, 0));
}

CHECK(what_is_no_socket_is_enotsock_everywhere)
{
	struct sockaddr_storage addr = {.ss_family = AF_INET};
	socklen_t len = sizeof addr;
	int value = 0;
	socklen_t value_len = sizeof value;
	int fd = open("/dev/null", O_RDWR);

	say_result("bind", bind(fd, (struct sockaddr *)&addr, len));
	say_result("connect", connect(fd, (struct sockaddr *)&addr, len));
	say_result("listen", listen(fd, 1));
	say_result("accept", accept(fd, NULL, NULL));
	say_result("shutdown", shutdown(fd, SHUT_RDWR));
	say_result("getsockname", getsockname(fd, (struct sockaddr *)&addr, &len));
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&addr, &len));
	say_result("getsockopt", getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &value_len));
	say_result("setsockopt", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, value_len));
	say_result("send", send(fd, "x", 1, 0));
	say_result("recv", recv(fd, &value, 1, 0));
}
