/* SPDX-License-Identifier: MIT */
/* accept() in one thread: its arguments, its errors, and what the accepted socket inherits. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A client that is connected, and that the listener already knows. */
static int call(int server, const struct sockaddr_storage *addr)
{
	int fd = fresh(addr->ss_family, 0);
	must(connect_to(fd, addr) == 0, "connect");
	wait_for(server, POLLIN);
	return fd;
}

static void say_accept(const char *what, int rc)
{
	say_result(what, rc < 0 ? -1 : 0);
}

CHECK(accept_waits_for_a_client)
{
	struct sockaddr_storage addr, name;
	socklen_t len = sizeof(name);
	int server = listener(AF_INET, &addr);
	say_poll("idle listener", server);
	int fd = call(server, &addr);
	say_poll("with a client", server);
	int accepted = accept(server, (struct sockaddr *)&name, &len);
	say_accept("accept", accepted);
	say_address("client", &name, len);
	struct sockaddr_storage own;
	name_of(fd, &own);
	say("it is the client's name: %d", same_address(&own, &name));
	name_of(accepted, &name);
	say("own name is the listener's: %d", same_address(&addr, &name));
	say_poll("listener afterwards", server);
}

CHECK(accept_without_a_client_is_eagain)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	must(fcntl(server, F_SETFL, O_NONBLOCK) == 0, "F_SETFL");
	say_accept("accept", accept(server, NULL, NULL));
	call(server, &addr);
	say_accept("accept", accept(server, NULL, NULL));
	say_accept("accept", accept(server, NULL, NULL));
}

CHECK(accept_times_out_by_so_rcvtimeo)
{
	int server = listener(AF_INET, NULL);
	set_timeout(server, SO_RCVTIMEO, 50);
	say_accept("accept", accept(server, NULL, NULL));
}

static void say_flags(const char *what, int fd)
{
	say("%s: nonblocking %d, cloexec %d", what, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
	    fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

CHECK(accept_flags_are_not_inherited)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	must(fcntl(server, F_SETFL, O_NONBLOCK) == 0 && fcntl(server, F_SETFD, FD_CLOEXEC) == 0,
	     "fcntl");
	for (int i = 0; i < 5; i++)
		call(server, &addr);
	say_flags("accept", accept(server, NULL, NULL));
	say_flags("accept4, 0", accept4(server, NULL, NULL, 0));
	say_flags("accept4, nonblocking", accept4(server, NULL, NULL, SOCK_NONBLOCK));
	say_flags("accept4, cloexec", accept4(server, NULL, NULL, SOCK_CLOEXEC));
	say_accept("accept4, unknown", accept4(server, NULL, NULL, 1));
	say_accept("accept4, unknown and known", accept4(server, NULL, NULL, SOCK_CLOEXEC | 0x40));
	say_flags("both", accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

static const struct {
	const char *name;
	int level, option, value;
} inherited[] = {
	{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
	{"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1},
	{"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1},
	{"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, 3},
	{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 7},
	{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1},
	{"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 77},
	{"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 7},
	{"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 5},
	{"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 33333},
	{"IP_TOS", IPPROTO_IP, IP_TOS, 0x10},
	{"IP_TTL", IPPROTO_IP, IP_TTL, 33},
};

#define INHERITED (sizeof(inherited) / sizeof(inherited[0]))

CHECK(accept_inherits_the_options_of_the_listener)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	for (size_t i = 0; i < INHERITED; i++)
		set_option(server, inherited[i].level, inherited[i].option, inherited[i].value);
	call(server, &addr);
	int accepted = accept(server, NULL, NULL);
	for (size_t i = 0; i < INHERITED; i++) {
		int value = -1;
		socklen_t len = sizeof(value);
		getsockopt(accepted, inherited[i].level, inherited[i].option, &value, &len);
		say("%s: %d", inherited[i].name, value);
	}
	struct linger linger = {1, 5}, got = {0};
	socklen_t len = sizeof(got);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	call(server, &addr);
	accepted = accept(server, NULL, NULL);
	getsockopt(accepted, SOL_SOCKET, SO_LINGER, &got, &len);
	say("SO_LINGER: %d %d", got.l_onoff, got.l_linger);
}

CHECK(accept_inherits_the_time_outs)
{
	struct sockaddr_storage addr;
	struct timeval time;
	socklen_t len = sizeof(time);
	int server = listener(AF_INET, &addr);
	set_timeout(server, SO_RCVTIMEO, 2000);
	set_timeout(server, SO_SNDTIMEO, 3000);
	call(server, &addr);
	int accepted = accept(server, NULL, NULL);
	getsockopt(accepted, SOL_SOCKET, SO_RCVTIMEO, &time, &len);
	say("SO_RCVTIMEO: %ld s", (long)time.tv_sec);
	getsockopt(accepted, SOL_SOCKET, SO_SNDTIMEO, &time, &len);
	say("SO_SNDTIMEO: %ld s", (long)time.tv_sec);
}

CHECK(accept_cuts_the_address_but_tells_its_length)
{
	static const socklen_t sizes[] = {0, 1, 2, 8, 15, 16, 17, 128};
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char name[128];
		socklen_t len = sizes[i];
		bool untouched = true;
		memset(name, 0xee, sizeof(name));
		call(server, &addr);
		say_accept("accept", accept(server, (struct sockaddr *)name, &len));
		for (size_t k = sizes[i]; k < sizeof(name); k++)
			untouched &= name[k] == 0xee;
		say("room for %u: length %u, nothing beyond: %d", sizes[i], len, untouched);
	}
}

CHECK(accept_cuts_the_address_over_ipv6)
{
	static const socklen_t sizes[] = {0, 4, 16, 28, 128};
	struct sockaddr_storage addr;
	int server = listener(AF_INET6, &addr);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sockaddr_storage name;
		socklen_t len = sizes[i];
		call(server, &addr);
		say_accept("accept", accept(server, (struct sockaddr *)&name, &len));
		say("room for %u: length %u", sizes[i], len);
	}
}

CHECK(accept_with_wrong_pointers)
{
	struct sockaddr_storage addr, name;
	socklen_t negative = (socklen_t)-1, len = sizeof(name);
	int server = listener(AF_INET, &addr);
	must(fcntl(server, F_SETFL, O_NONBLOCK) == 0, "F_SETFL");
	say_accept("nobody there, wrong pointers",
		   accept(server, (struct sockaddr *)1, (socklen_t *)1));
	call(server, &addr);
	say_accept("address without length", accept(server, (struct sockaddr *)&name, NULL));
	say_accept("the client is gone with that", accept(server, NULL, NULL));
	call(server, &addr);
	say_accept("length negative", accept(server, (struct sockaddr *)&name, &negative));
	say_accept("the client is gone with that", accept(server, NULL, NULL));
	call(server, &addr);
	say_accept("address 1", accept(server, (struct sockaddr *)1, &len));
	say_accept("the client is gone with that", accept(server, NULL, NULL));
	call(server, &addr);
	say_accept("length without address", accept(server, NULL, &len));
	call(server, &addr);
	say_accept("no address, wrong length", accept(server, NULL, (socklen_t *)1));
}

CHECK(accept_on_what_does_not_listen)
{
	struct sockaddr_storage addr;
	int client, server, pipes[2];
	say_accept("fresh", accept(fresh(AF_INET, 0), NULL, NULL));
	say_accept("fresh, wrong pointers", accept(fresh(AF_INET, 0), (void *)1, (void *)1));
	say_accept("bound", accept(refusing(AF_INET, &addr), NULL, NULL));
	connected_pair(AF_INET, &client, &server);
	say_accept("connected", accept(client, NULL, NULL));
	say_accept("accepted", accept(server, NULL, NULL));
	must(pipe(pipes) == 0, "pipe");
	say_accept("a pipe", accept(pipes[0], NULL, NULL));
	say_accept("closed", accept(-1, NULL, NULL));
}

CHECK(accept_of_a_client_that_has_closed)
{
	struct sockaddr_storage addr, name;
	socklen_t len = sizeof(name);
	int server = listener(AF_INET, &addr);
	int fd = call(server, &addr);
	must(send(fd, "bye", 3, 0) == 3, "send");
	close(fd);
	int accepted = accept(server, (struct sockaddr *)&name, &len);
	say_accept("accept", accepted);
	say_address("client", &name, len);
	wait_for(accepted, POLLIN | POLLRDHUP);
	say_poll("accepted", accepted);
	say_bytes("recv", accepted);
	say_bytes("recv", accepted);
}

CHECK(accept_of_a_client_that_has_reset)
{
	struct sockaddr_storage addr;
	struct linger now = {1, 0};
	int server = listener(AF_INET, &addr);
	int fd = call(server, &addr);
	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0, "SO_LINGER");
	close(fd);
	int accepted = accept(server, NULL, NULL);
	say_accept("accept", accepted);
	wait_for(accepted, POLLIN | POLLHUP);
	say_poll("accepted", accepted);
	say_bytes("recv", accepted);
	say_bytes("recv", accepted);
}

CHECK(data_from_before_accept_is_there_in_order)
{
	struct sockaddr_storage addr;
	char text[8] = "";
	int server = listener(AF_INET, &addr);
	int fd = call(server, &addr);
	for (int i = 0; i < 5; i++)
		must(send(fd, &"abcde"[i], 1, 0) == 1, "send");
	int accepted = accept(server, NULL, NULL);
	say_result("recv all", recv(accepted, text, 5, MSG_WAITALL));
	say("%s", text);
}

CHECK(so_acceptconn_tells_listeners)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int fds[] = {fresh(AF_INET, 0), listener(AF_INET, NULL), client, server};
	for (int i = 0; i < 4; i++) {
		int value = -1;
		socklen_t len = sizeof(value);
		getsockopt(fds[i], SOL_SOCKET, SO_ACCEPTCONN, &value, &len);
		say("socket %d: %d", i, value);
	}
	int one = 1;
	say_result("set", setsockopt(fds[1], SOL_SOCKET, SO_ACCEPTCONN, &one, sizeof(one)));
}

CHECK(listen_makes_a_listener_of_what_it_can)
{
	struct sockaddr_storage addr;
	int client, server, pipes[2];
	int fd = fresh(AF_INET, 0);
	say_result("unbound", listen(fd, 5));
	name_of(fd, &addr);
	say_address("its name", &addr, address_len(&addr));
	say_result("again", listen(fd, 10));
	say_result("again with 0", listen(fd, 0));
	address(&addr, "127.0.0.1", port_of(&addr));
	say_result("connect", connect_to(fresh(AF_INET, 0), &addr));
	connected_pair(AF_INET, &client, &server);
	say_result("connected", listen(client, 5));
	say_result("accepted", listen(server, 5));
	must(pipe(pipes) == 0, "pipe");
	say_result("a pipe", listen(pipes[0], 5));
	say_result("closed", listen(-1, 5));
	fd = fresh(AF_INET6, 0);
	say_result("unbound IPv6", listen(fd, 5));
	name_of(fd, &addr);
	say_address("its name", &addr, address_len(&addr));
}

CHECK(reading_and_writing_a_listener_is_enotconn)
{
	char byte;
	int server = listener(AF_INET, NULL);
	say_result("recv", recv(server, &byte, 1, 0));
	say_result("read", read(server, &byte, 1));
	say_result("send", send(server, "x", 1, MSG_NOSIGNAL));
	say_result("shutdown for writing", shutdown(server, SHUT_WR));
	say_poll("still listening", server);
}

CHECK(shutdown_of_a_listener)
{
	struct sockaddr_storage addr;
	int server = fresh(AF_INET, 0);
	address(&addr, "127.0.0.1", 2001);
	must(bind_to(server, &addr) == 0 && listen(server, 5) == 0, "listener");
	int fd = call(server, &addr);
	say_result("shutdown", shutdown(server, SHUT_RD));
	say_accept("accept", accept(server, NULL, NULL));
	say_result("shutdown again", shutdown(server, SHUT_RD));
	wait_for(fd, POLLIN | POLLHUP);
	say_bytes("the client that waited", fd);
	say_result("connect", connect_to(fresh(AF_INET, 0), &addr));
	say_result("listen again", listen(server, 5));
	fd = fresh(AF_INET, 0);
	struct sockaddr_storage name;
	name_of(server, &name);
	say("the same name: %d", same_address(&addr, &name));
	say_result("connect", connect_to(fd, &addr));
	say_accept("accept", accept(server, NULL, NULL));
}

CHECK(close_of_a_listener_resets_who_waits_in_its_queue)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = call(server, &addr);
	close(server);
	wait_for(fd, POLLIN | POLLHUP);
	say_poll("client", fd);
	say_bytes("recv", fd);
	say_result("connect", connect_to(fresh(AF_INET, 0), &addr));
}

CHECK(close_of_a_listener_leaves_its_connections)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = call(server, &addr);
	int accepted = accept(server, NULL, NULL);
	close(server);
	must(send(fd, "still", 5, 0) == 5, "send");
	say_bytes("recv", accepted);
	must(send(accepted, "here", 4, 0) == 4, "send");
	say_bytes("recv", fd);
}
