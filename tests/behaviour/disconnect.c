/* SPDX-License-Identifier: MIT */
/* connect() with AF_UNSPEC: its effect on a socket in each state. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static long disconnect(const char *what, int fd)
{
	struct sockaddr_storage nowhere = {.ss_family = AF_UNSPEC};
	return say_result(what,
			  connect(fd, (struct sockaddr *)&nowhere, sizeof(struct sockaddr_in)));
}

static void say_names(int fd)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	memset(&name, 0, sizeof(name));
	if (say_result("getsockname", getsockname(fd, (struct sockaddr *)&name, &len)) == 0)
		say_address("own", &name, len);
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&name, &len));
}

CHECK(disconnect_of_a_fresh_socket)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET, 0);
	listener(AF_INET, &addr);
	disconnect("AF_UNSPEC", fd);
	say_poll("after", fd);
	say_names(fd);
	say_result("connect", connect_to(fd, &addr));
}

static volatile sig_atomic_t signalled_fd = -1;

static void note_descriptor(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	signalled_fd = info->si_fd;
}

static bool is_signalled(void *unused)
{
	(void)unused;
	return signalled_fd >= 0;
}

CHECK(disconnect_keeps_the_owner_for_sigio)
{
	struct sigaction action = {.sa_sigaction = note_descriptor, .sa_flags = SA_SIGINFO};
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), fd = fresh(AF_INET, 0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL); /* it would interrupt connect() */
	sigaction(SIGRTMIN, &action, NULL);
	say_result("connect", connect_to(fd, &addr));
	close(accept(listening, NULL, NULL));
	say_result("F_SETOWN", fcntl(fd, F_SETOWN, getpid()));
	say_result("F_SETSIG", fcntl(fd, F_SETSIG, SIGRTMIN));
	say_result("F_SETFL", fcntl(fd, F_SETFL, O_ASYNC));
	disconnect("AF_UNSPEC", fd);
	say_result("connect", connect_to(fd, &addr));
	say("F_GETOWN is we: %d", fcntl(fd, F_GETOWN) == getpid());
	say("F_GETSIG is ours: %d", fcntl(fd, F_GETSIG) == SIGRTMIN);
	int server = accept(listening, NULL, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signalled_fd = -1;
	must(write(server, "x", 1) == 1, "write");
	wait_true(is_signalled, NULL);
	say("names the socket: %d", signalled_fd == fd);
}

CHECK(disconnect_with_a_short_address)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	int fd = fresh(AF_INET, 0);
	say_result("length 2", connect(fd, &nowhere, 2));
	say_result("length 1", connect(fd, &nowhere, 1));
	say_result("length 16", connect(fd, &nowhere, 16));
	fd = fresh(AF_INET6, 0);
	say_result("IPv6, length 2", connect(fd, &nowhere, 2));
	say_result("IPv6, length 16", connect(fd, &nowhere, 16));
}

CHECK(disconnect_of_a_connected_socket)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	int accepted = accept(server, NULL, NULL);
	disconnect("AF_UNSPEC", fd);
	say_poll("after", fd);
	say_names(fd);
	wait_for(accepted, POLLIN | POLLHUP);
	say_poll("the other end", accepted);
	say_bytes("recv there", accepted);
	say_result("send here", send(fd, "x", 1, MSG_NOSIGNAL));
	say_result("connect again", connect_to(fd, &addr));
	accepted = accept(server, NULL, NULL);
	must(send(fd, "second", 6, 0) == 6, "send");
	say_bytes("second", accepted);
}

CHECK(disconnect_of_a_bound_and_connected_socket)
{
	struct sockaddr_storage addr, name;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	address(&name, "127.0.0.1", 2022);
	must(bind_to(fd, &name) == 0, "bind");
	must(connect_to(fd, &addr) == 0, "connect");
	disconnect("AF_UNSPEC", fd);
	name_of(fd, &addr);
	say_address("own", &addr, address_len(&addr));
	say("port is the same: %d", port_of(&addr) == port_of(&name));
}

CHECK(disconnect_of_a_bound_socket)
{
	struct sockaddr_storage name, after;
	int fd = fresh(AF_INET, 0);
	address(&name, "127.0.0.1", 0);
	must(bind_to(fd, &name) == 0, "bind");
	name_of(fd, &name);
	disconnect("AF_UNSPEC", fd);
	name_of(fd, &after);
	say("name is the same: %d", same_address(&name, &after));
	say_result("listen", listen(fd, 1));
}

CHECK(disconnect_of_a_connecting_socket)
{
	struct sockaddr_storage addr, other;
	silent(AF_INET, &addr);
	listener(AF_INET, &other);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	disconnect("AF_UNSPEC", fd);
	say_poll("after", fd);
	say_error("SO_ERROR", fd);
	say_result("connect", connect_to(fd, &other));
	wait_for(fd, POLLOUT);
	say_poll("connected", fd);
	say_error("SO_ERROR", fd);
}

CHECK(disconnect_of_a_listener)
{
	struct sockaddr_storage addr, name;
	int fd = fresh(AF_INET, 0);
	address(&addr, "127.0.0.1", 2021);
	must(bind_to(fd, &addr) == 0 && listen(fd, 5) == 0, "listener");
	disconnect("AF_UNSPEC", fd);
	say_poll("after", fd);
	int client = fresh(AF_INET, 0);
	say_result("connect to it", connect_to(client, &addr));
	name_of(fd, &name);
	say("port is the same: %d", port_of(&addr) == port_of(&name));
	say_result("accept", accept(fd, NULL, NULL));
	say_result("listen again", listen(fd, 5));
	client = fresh(AF_INET, 0);
	say_result("connect to it", connect_to(client, &addr));
}

CHECK(disconnect_of_a_refused_socket)
{
	struct sockaddr_storage addr;
	refusing(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &addr));
	disconnect("AF_UNSPEC", fd);
	say_poll("after", fd);
	listener(AF_INET, &addr);
	say_result("connect", connect_to(fd, &addr));
}

CHECK(disconnect_of_an_accepted_socket)
{
	struct sockaddr_storage addr, other;
	int server = fresh(AF_INET, 0), fd = fresh(AF_INET, 0);
	int second = listener(AF_INET, &other);
	must(listen(server, 1) == 0, "listen");
	name_of(server, &addr);
	must(connect_to(fd, &addr) == 0, "connect");
	int accepted = accept(server, NULL, NULL);
	disconnect("AF_UNSPEC", accepted);
	wait_for(fd, POLLHUP);
	say_result("connect", connect_to(accepted, &other));
	say_result("accept", accept(second, NULL, NULL) > 0);
}

CHECK(disconnect_of_a_listener_that_was_not_bound)
{
	struct sockaddr_storage any;
	int fd = fresh(AF_INET, 0);
	must(listen(fd, 1) == 0, "listen");
	disconnect("AF_UNSPEC", fd);
	address(&any, "127.0.0.1", 0);
	say_result("bind", bind_to(fd, &any));
	say_result("listen", listen(fd, 1));
	say_result("bind again", bind_to(fd, &any));
}

CHECK(a_listener_that_was_not_bound_listens_again_beside_its_connection)
{
	struct sockaddr_storage addr;
	int server = fresh(AF_INET, 0), fd = fresh(AF_INET, 0);
	must(listen(server, 1) == 0, "listen");
	name_of(server, &addr);
	must(connect_to(fd, &addr) == 0, "connect");
	int accepted = accept(server, NULL, NULL);
	say_result("shutdown", shutdown(server, SHUT_RD));
	say_result("listen", listen(server, 1));
	say_result("shutdown", shutdown(server, SHUT_RD));
	address(&addr, "127.0.0.1", 0);
	say_result("bind", bind_to(server, &addr));
	close(accepted);
}

CHECK(bind_after_a_failed_connect)
{
	struct sockaddr_storage addr, any;
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	refusing(AF_INET, &addr);
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLHUP);
	say_error("SO_ERROR", fd);
	address(&any, "127.0.0.1", 0);
	say_result("bind", bind_to(fd, &any));
	say_result("bind again", bind_to(fd, &any));
}

CHECK(disconnect_keeps_a_reset_that_was_not_seen)
{
	static const struct linger at_once = {.l_onoff = 1};
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr), fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	int accepted = accept(server, NULL, NULL);
	must(setsockopt(accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0, "linger");
	close(accepted);
	wait_for(fd, POLLHUP);
	disconnect("AF_UNSPEC", fd);
	say_bytes("recv", fd);
	say_bytes("recv again", fd);
}

CHECK(disconnect_of_a_socket_that_listens_then)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr), fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	must(accept(server, NULL, NULL) >= 0, "accept");
	disconnect("AF_UNSPEC", fd);
	say_result("listen", listen(fd, 1));
	say_bytes("recv", fd);
}

CHECK(disconnect_of_a_listener_that_was_shut_down)
{
	struct sockaddr_storage addr;
	int fd = listener(AF_INET, &addr);
	must(shutdown(fd, SHUT_RD) == 0, "shutdown");
	disconnect("AF_UNSPEC", fd);
	say_poll("after", fd);
}

CHECK(a_listener_that_was_shut_down_connects)
{
	struct sockaddr_storage addr;
	int other = listener(AF_INET, &addr), fd = fresh(AF_INET, 0);
	must(listen(fd, 1) == 0, "listen");
	say_result("shutdown", shutdown(fd, SHUT_RDWR));
	say_result("connect", connect_to(fd, &addr));
	int accepted = accept(other, NULL, NULL);
	must(send(fd, "word", 4, 0) == 4, "send");
	say_bytes("recv", accepted);
}
