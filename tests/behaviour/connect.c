/* SPDX-License-Identifier: MIT */
/* Blocking connect(): success, refusal, timeout, and the state of the socket afterwards. */
#include "behaviour/setup.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void connect_blocking(int family)
{
	struct sockaddr_storage addr, peer;
	int server = listener(family, &addr);
	int fd = fresh(family, 0);
	say_poll("fresh", fd);
	say_result("connect", connect_to(fd, &addr));
	say_poll("connected", fd);
	say_error("SO_ERROR", fd);
	peer_of(fd, &peer);
	say("peer is the listener: %d", same_address(&peer, &addr));
	int accepted = accept(server, NULL, NULL);
	say_poll("accepted", accepted);
	must(send(accepted, "hello", 5, 0) == 5, "send");
	wait_for(fd, POLLIN);
	say_poll("after data came", fd);
	say_bytes("recv", fd);
}

CHECK(blocking_connect_succeeds)
{
	connect_blocking(AF_INET);
}

CHECK(blocking_connect_succeeds_over_ipv6)
{
	connect_blocking(AF_INET6);
}

static void connect_refused(int family)
{
	struct sockaddr_storage addr, name;
	socklen_t len = sizeof(name);
	refusing(family, &addr);
	int fd = fresh(family, 0);
	say_result("connect", connect_to(fd, &addr));
	say_error("SO_ERROR", fd);
	say_poll("refused", fd);
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&name, &len));
	say_result("connect again", connect_to(fd, &addr));
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_bytes("recv", fd);
}

CHECK(blocking_connect_is_refused)
{
	connect_refused(AF_INET);
}

CHECK(blocking_connect_is_refused_over_ipv6)
{
	connect_refused(AF_INET6);
}

CHECK(refused_socket_connects_to_another_address)
{
	struct sockaddr_storage refuses, listens;
	refusing(AF_INET, &refuses);
	int server = listener(AF_INET, &listens);
	int fd = fresh(AF_INET, 0);
	say_result("refused", connect_to(fd, &refuses));
	say_result("accepted", connect_to(fd, &listens));
	say_error("SO_ERROR", fd);
	say_poll("connected", fd);
	int accepted = accept(server, NULL, NULL);
	must(send(fd, "hello", 5, 0) == 5, "send");
	say_bytes("server", accepted);
}

CHECK(refused_socket_can_listen)
{
	struct sockaddr_storage refuses, name;
	refusing(AF_INET, &refuses);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &refuses));
	say_result("listen", listen(fd, 5));
	name_of(fd, &name);
	say("port is set: %d", port_of(&name) != 0);
	say_poll("listening", fd);
}

CHECK(refused_socket_keeps_its_bound_name)
{
	struct sockaddr_storage refuses, listens, before, after;
	refusing(AF_INET, &refuses);
	listener(AF_INET, &listens);
	int fd = fresh(AF_INET, 0);
	address(&before, "127.0.0.1", 2002);
	must(bind_to(fd, &before) == 0, "bind");
	name_of(fd, &before);
	say_result("refused", connect_to(fd, &refuses));
	name_of(fd, &after);
	say("same name after the refusal: %d", same_address(&before, &after));
	say_result("connect", connect_to(fd, &listens));
	name_of(fd, &after);
	say("same name when connected: %d", same_address(&before, &after));
}

CHECK(refused_socket_is_refused_every_time)
{
	struct sockaddr_storage addr;
	char what[32];
	refusing(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	for (int i = 0; i < 5; i++) {
		snprintf(what, sizeof(what), "connect %d", i);
		say_result(what, connect_to(fd, &addr));
	}
}

CHECK(connect_twice_is_eisconn)
{
	struct sockaddr_storage addr, other;
	listener(AF_INET, &addr);
	listener(AF_INET, &other);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &addr));
	say_result("the same again", connect_to(fd, &addr));
	say_result("another", connect_to(fd, &other));
	say_poll("still connected", fd);
}

CHECK(connect_on_an_accepted_socket_is_eisconn)
{
	struct sockaddr_storage addr;
	int client, server;
	listener(AF_INET, &addr);
	connected_pair(AF_INET, &client, &server);
	say_result("connect", connect_to(server, &addr));
}

CHECK(connect_on_a_listener_is_eisconn)
{
	struct sockaddr_storage addr, own;
	listener(AF_INET, &addr);
	int fd = listener(AF_INET, &own);
	say_result("connect", connect_to(fd, &addr));
	say_poll("still listening", fd);
	int client = fresh(AF_INET, 0);
	say_result("connect to it", connect_to(client, &own));
}

CHECK(connect_gives_up_after_so_sndtimeo)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	set_timeout(fd, SO_SNDTIMEO, 100);
	say_result("connect", connect_to(fd, &addr));
	say_poll("after the time-out", fd);
	say_error("SO_ERROR", fd);
	say_result("connect again", connect_to(fd, &addr));
	say_poll("after the second", fd);
}

CHECK(connect_gives_up_after_so_sndtimeo_over_ipv6)
{
	struct sockaddr_storage addr;
	silent(AF_INET6, &addr);
	int fd = fresh(AF_INET6, 0);
	set_timeout(fd, SO_SNDTIMEO, 100);
	say_result("connect", connect_to(fd, &addr));
	say_result("connect again", connect_to(fd, &addr));
}

CHECK(connect_does_not_care_for_so_rcvtimeo)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	set_timeout(fd, SO_RCVTIMEO, 1);
	say_result("connect", connect_to(fd, &addr));
	say_bytes("recv", fd);
}

CHECK(connect_gives_up_after_tcp_user_timeout)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	say_result("connect", connect_to(fd, &addr));
	say_error("SO_ERROR", fd);
	say_poll("after", fd);
}

CHECK(connect_gives_up_after_tcp_syncnt)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	set_option(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
	say_result("connect", connect_to(fd, &addr));
	say_error("SO_ERROR", fd);
}

CHECK(connect_without_a_route_is_enetunreach)
{
	struct sockaddr_storage addr;
	address(&addr, "198.51.100.1", 80);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &addr));
	say_poll("after", fd);
	say_error("SO_ERROR", fd);
	address(&addr, "3fff::1", 80);
	fd = fresh(AF_INET6, 0);
	say_result("connect over IPv6", connect_to(fd, &addr));
}

CHECK(connect_to_broadcast_and_multicast_fails)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET, 0);
	address(&addr, "255.255.255.255", 80);
	say_result("broadcast", connect_to(fd, &addr));
	address(&addr, "192.0.2.255", 80);
	say_result("broadcast of the subnet", connect_to(fd, &addr));
	address(&addr, "224.0.0.1", 80);
	say_result("multicast", connect_to(fd, &addr));
	fd = fresh(AF_INET6, 0);
	address(&addr, "ff02::1", 80);
	say_result("multicast over IPv6", connect_to(fd, &addr));
}

struct attempt {
	int fd;
	struct sockaddr_storage addr;
	_Atomic pid_t tid;
	int rc, error;
};

static void *try_connect(void *argument)
{
	struct attempt *attempt = argument;
	attempt->tid = gettid();
	attempt->rc = connect_to(attempt->fd, &attempt->addr);
	attempt->error = errno;
	return NULL;
}

static bool has_begun(void *argument)
{
	return ((struct attempt *)argument)->tid != 0;
}

/* Under the shim a first connect() starts the engine, and waits for that as for an answer. */
static void start_engine(void)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	close(client);
	close(server);
}

static pthread_t begin_silent(struct attempt *attempt)
{
	start_engine();
	silent(AF_INET, &attempt->addr);
	attempt->fd = fresh(AF_INET, 0);
	pthread_t thread = spawn(try_connect, attempt);
	wait_true(has_begun, attempt);
	wait_in_syscall(getpid(), attempt->tid, SYS_connect);
	return thread;
}

CHECK(shutdown_by_another_thread_ends_a_blocking_connect)
{
	struct attempt attempt = {0};
	pthread_t thread = begin_silent(&attempt);
	say_result("shutdown", shutdown(attempt.fd, SHUT_RDWR));
	finish(thread);
	errno = attempt.error;
	say_result("connect", attempt.rc);
	say_error("SO_ERROR", attempt.fd);
	say_poll("after", attempt.fd);
}

CHECK(shutdown_for_reading_by_another_thread_ends_a_blocking_connect)
{
	struct attempt attempt = {0};
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	pthread_t thread = begin_silent(&attempt);
	say_result("shutdown", shutdown(attempt.fd, SHUT_RD));
	finish(thread);
	errno = attempt.error;
	say_result("connect", attempt.rc);
	say_result("AF_UNSPEC afterwards", connect(attempt.fd, &nowhere, sizeof(nowhere)));
}

CHECK(shutdown_for_writing_by_another_thread_ends_a_blocking_connect)
{
	struct attempt attempt = {0};
	pthread_t thread = begin_silent(&attempt);
	say_poll("meanwhile", attempt.fd);
	say_result("shutdown", shutdown(attempt.fd, SHUT_WR));
	finish(thread);
	errno = attempt.error;
	say_result("connect", attempt.rc);
}

CHECK(connect_of_a_dup_of_the_descriptor)
{
	struct sockaddr_storage addr, a, b;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	int copy = dup(fd);
	say_result("connect", connect_to(copy, &addr));
	name_of(fd, &a);
	name_of(copy, &b);
	say("one name: %d", same_address(&a, &b));
	say_result("connect of the original", connect_to(fd, &addr));
	close(copy);
	say_poll("original", fd);
}

CHECK(connect_before_the_server_accepts_carries_data)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	say_result("send", send(fd, "early", 5, 0));
	say_result("shutdown", shutdown(fd, SHUT_WR));
	int accepted = accept(server, NULL, NULL);
	wait_for(accepted, POLLIN | POLLRDHUP);
	say_bytes("recv", accepted);
	say_bytes("recv", accepted);
}

/*
 * A UDP socket, and a TCP socket with its number. The kernel gives a free UDP number, whose TCP
 * number can still be that of a connection in TIME_WAIT: another number is free in both, while a
 * number refused because of the UDP socket would be refused each time.
 */
static int bind_both(int family, const char *host, int tcp, struct sockaddr_storage *addr)
{
	enum { DRAWS = 8 };

	for (int i = 0; i < DRAWS; i++) {
		int udp = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		address(addr, host, 0);
		must(bind_to(udp, addr) == 0, "bind UDP");
		name_of(udp, addr);
		if (bind_to(tcp, addr) == 0)
			return udp;
		must(errno == EADDRINUSE, "bind TCP");
		close(udp);
	}
	must(false, "a number free in both");
	return -1;
}

/* rudp's SYN would come to this socket, and its reader would see data that no program has sent. */
static void say_untouched(int family, const char *host)
{
	struct sockaddr_storage addr;
	int listening = fresh(family, 0), client = fresh(family, 0);
	int udp = bind_both(family, host, listening, &addr);
	int server;
	char byte;

	must(listen(listening, 1) == 0, "listener");
	say_result("connect", connect_to(client, &addr));
	server = accept(listening, NULL, NULL);
	must(server >= 0 && send(server, "1", 1, 0) == 1, "serve");
	say_bytes("recv", client);
	say_result("UDP", recv(udp, &byte, 1, MSG_DONTWAIT));
}

CHECK(a_udp_socket_with_the_number_of_a_listener_gets_nothing)
{
	say_untouched(AF_INET, "127.0.0.1");
	say_untouched(AF_INET6, "::1");
	say_untouched(AF_INET, "192.0.2.1");
}

CHECK(a_udp_socket_of_another_process_gets_nothing)
{
	struct sockaddr_storage addr;
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char byte;

	address(&addr, "127.0.0.1", 0);
	must(bind_to(udp, &addr) == 0, "bind UDP");
	name_of(udp, &addr);
	say_result("connect", connect_to(fresh(AF_INET, 0), &addr));
	say_result("UDP", recv(udp, &byte, 1, MSG_DONTWAIT));
}
