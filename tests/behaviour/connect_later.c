/* SPDX-License-Identifier: MIT */
/* Non-blocking connect(): errno, SO_ERROR and poll events before it, during it and after it. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <unistd.h>

static void begin_refused(int family, int *fd, struct sockaddr_storage *addr)
{
	refusing(family, addr);
	*fd = fresh(family, SOCK_NONBLOCK);
	say_result("connect", connect_to(*fd, addr));
	/*
	 * The kernel wakes the other end of an AF_UNIX pair before it frees the unread bytes there.
	 */
	wait_for(*fd, POLLHUP | POLLOUT);
}

CHECK(later_connect_succeeds)
{
	struct sockaddr_storage addr, name;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLOUT);
	say_poll("connected", fd);
	say_error("SO_ERROR", fd);
	say_result("connect again", connect_to(fd, &addr));
	say_result("and again", connect_to(fd, &addr));
	peer_of(fd, &name);
	say("peer is the listener: %d", same_address(&name, &addr));
	int accepted = accept(server, NULL, NULL);
	say_bytes("nothing yet", fd);
	must(send(accepted, "hello", 5, 0) == 5, "send");
	wait_for(fd, POLLIN);
	say_bytes("recv", fd);
	must(send(fd, "answer", 6, 0) == 6, "send");
	say_bytes("recv", accepted);
}

CHECK(later_connect_over_ipv6_succeeds)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET6, &addr);
	int fd = fresh(AF_INET6, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLOUT);
	say_poll("connected", fd);
	say_error("SO_ERROR", fd);
	int accepted = accept(server, NULL, NULL);
	must(send(fd, "answer", 6, 0) == 6, "send");
	say_bytes("recv", accepted);
}

CHECK(later_connect_is_refused_and_so_error_says_so_once)
{
	struct sockaddr_storage addr, name;
	socklen_t len = sizeof(name);
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	say_poll("refused", fd);
	say_error("SO_ERROR", fd);
	say_error("SO_ERROR again", fd);
	say_poll("after SO_ERROR", fd);
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&name, &len));
	say_result("connect again", connect_to(fd, &addr));
	say_result("and again", connect_to(fd, &addr));
}

CHECK(later_connect_over_ipv6_is_refused)
{
	struct sockaddr_storage addr;
	int fd;
	begin_refused(AF_INET6, &fd, &addr);
	say_poll("refused", fd);
	say_error("SO_ERROR", fd);
}

CHECK(refusal_is_told_by_the_second_connect)
{
	struct sockaddr_storage addr;
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	say_result("connect again", connect_to(fd, &addr));
	say_error("SO_ERROR", fd);
	say_poll("after", fd);
}

CHECK(refusal_is_told_by_recv)
{
	struct sockaddr_storage addr;
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	say_bytes("recv", fd);
	say_bytes("recv again", fd);
	say_error("SO_ERROR", fd);
	say_poll("after", fd);
}

CHECK(refusal_is_told_by_read)
{
	struct sockaddr_storage addr;
	char byte;
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	say_result("read", read(fd, &byte, 1));
	say_result("read again", read(fd, &byte, 1));
	say_error("SO_ERROR", fd);
}

CHECK(refusal_is_told_by_readv)
{
	struct sockaddr_storage addr;
	char byte;
	struct iovec iov = {&byte, 1};
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	say_result("readv", readv(fd, &iov, 1));
	say_result("readv again", readv(fd, &iov, 1));
}

CHECK(refusal_is_told_by_send)
{
	struct sockaddr_storage addr;
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_result("send again", send(fd, "x", 1, MSG_NOSIGNAL));
	say_error("SO_ERROR", fd);
}

/* Programs without SO_ERROR call getpeername, and then read to get the error. */
CHECK(error_is_found_by_getpeername_and_read)
{
	struct sockaddr_storage addr, name;
	socklen_t len = sizeof(name);
	char byte;
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	if (say_result("getpeername", getpeername(fd, (struct sockaddr *)&name, &len)) < 0)
		say_result("read", read(fd, &byte, 1));
}

CHECK(refused_later_connect_is_tried_again_elsewhere)
{
	struct sockaddr_storage addr;
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	say_error("SO_ERROR", fd);
	int server = listener(AF_INET, &addr);
	say_result("connect elsewhere", connect_to(fd, &addr));
	say_result("connect elsewhere again", connect_to(fd, &addr));
	wait_for(fd, POLLOUT);
	say_poll("connected", fd);
	say_error("SO_ERROR", fd);
	int accepted = accept(server, NULL, NULL);
	must(send(fd, "hello", 5, 0) == 5, "send");
	say_bytes("recv", accepted);
}

CHECK(refused_later_connect_is_tried_again_without_asking)
{
	struct sockaddr_storage addr;
	int fd;
	begin_refused(AF_INET, &fd, &addr);
	listener(AF_INET, &addr);
	say_result("second connect", connect_to(fd, &addr));
	say_result("third connect", connect_to(fd, &addr));
	wait_for(fd, POLLOUT);
	say_poll("connected", fd);
	say_error("SO_ERROR", fd);
}

CHECK(reset_before_the_second_connect_of_a_bound_socket)
{
	struct sockaddr_storage addr, own;
	int listening = listener(AF_INET, &addr), fd = fresh(AF_INET, SOCK_NONBLOCK);
	address(&own, "127.0.0.2", 0);
	say_result("bind", bind_to(fd, &own));
	(void)connect_to(fd, &addr);
	wait_for(fd, POLLOUT);
	wait_for(listening, POLLIN);
	close(listening);
	wait_for(fd, POLLHUP);
	listening = listener(AF_INET, &addr);
	say_result("connect", connect_to(fd, &addr));
	say_result("connect again", connect_to(fd, &addr));
	wait_for(fd, POLLOUT);
	name_of(fd, &own);
	say_address("own", &own, address_len(&own));
}

CHECK(refused_later_connect_keeps_the_bound_name)
{
	struct sockaddr_storage addr, name, after;
	refusing(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	address(&name, "127.0.0.1", 2023);
	must(bind_to(fd, &name) == 0, "bind");
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLHUP);
	name_of(fd, &after);
	say("same name when refused: %d", same_address(&name, &after));
	say_result("second connect", connect_to(fd, &addr));
	name_of(fd, &after);
	say("same name when told: %d", same_address(&name, &after));
	listener(AF_INET, &addr);
	say_result("third connect", connect_to(fd, &addr));
	wait_for(fd, POLLOUT);
	name_of(fd, &after);
	say("same name when connected: %d", same_address(&name, &after));
}

CHECK(silent_peer_leaves_the_connect_under_way)
{
	struct sockaddr_storage addr, name;
	socklen_t len = sizeof(name);
	char byte;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_poll("before", fd);
	say_result("connect", connect_to(fd, &addr));
	say_poll("under way", fd);
	say_error("SO_ERROR", fd);
	say_result("connect again", connect_to(fd, &addr));
	say_result("getpeername", getpeername(fd, (struct sockaddr *)&name, &len));
	name_of(fd, &name);
	say_address("own", &name, address_len(&name));
	say_result("recv", recv(fd, &byte, 1, 0));
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_result("listen", listen(fd, 1));
	say_result("bind", bind_to(fd, &name));
	say_result("accept", accept(fd, NULL, NULL));
	say_poll("still under way", fd);
}

CHECK(silent_peer_and_later_blocking)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	set_timeout(fd, SO_SNDTIMEO, 50);
	must(fcntl(fd, F_SETFL, 0) == 0, "F_SETFL");
	say_result("blocking connect", connect_to(fd, &addr));
	set_timeout(fd, SO_RCVTIMEO, 50);
	say_bytes("recv", fd);
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_poll("under way", fd);
}

CHECK(shutdown_ends_a_connect_under_way)
{
	static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	for (int i = 0; i < 3; i++) {
		int fd = fresh(AF_INET, SOCK_NONBLOCK);
		say("how %d", i);
		say_result("connect", connect_to(fd, &addr));
		say_result("shutdown", shutdown(fd, hows[i]));
		say_poll("after", fd);
		say_error("SO_ERROR", fd);
		say_result("shutdown again", shutdown(fd, hows[i]));
		say_result("connect again", connect_to(fd, &addr));
		close(fd);
	}
}

CHECK(close_ends_a_connect_under_way)
{
	struct sockaddr_storage addr, name;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	address(&name, "192.0.2.1", 0);
	must(bind_to(fd, &name) == 0, "bind");
	name_of(fd, &name);
	say_result("connect", connect_to(fd, &addr));
	say_result("close", close(fd));
	fd = fresh(AF_INET, 0);
	say_result("bind to the same name", bind_to(fd, &name));
	say_result("listen", listen(fd, 1));
}

CHECK(later_connect_times_out_by_tcp_user_timeout)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLERR | POLLHUP | POLLOUT);
	say_poll("after", fd);
	say_error("SO_ERROR", fd);
}

static void say_select(const char *what, int fd)
{
	fd_set readable, writable, special;
	struct timeval soon = {0, 0};
	FD_ZERO(&readable);
	FD_SET(fd, &readable);
	writable = special = readable;
	int n = select(fd + 1, &readable, &writable, &special, &soon);
	say("%s: %d,%s%s%s", what, n, FD_ISSET(fd, &readable) ? " readable" : "",
	    FD_ISSET(fd, &writable) ? " writable" : "", FD_ISSET(fd, &special) ? " special" : "");
}

CHECK(select_shows_the_way_of_a_connect)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_select("fresh", fd);
	silent(AF_INET, &addr);
	connect_to(fd, &addr);
	say_select("under way", fd);
	close(fd);
	listener(AF_INET, &addr);
	fd = fresh(AF_INET, SOCK_NONBLOCK);
	connect_to(fd, &addr);
	wait_for(fd, POLLOUT);
	say_select("connected", fd);
	begin_refused(AF_INET, &fd, &addr);
	say_select("refused", fd);
	say_error("SO_ERROR", fd);
	say_select("after SO_ERROR", fd);
}

CHECK(select_wakes_for_writing_when_connected)
{
	struct sockaddr_storage addr;
	fd_set writable, special;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	connect_to(fd, &addr);
	FD_ZERO(&writable);
	FD_SET(fd, &writable);
	special = writable;
	int n = select(fd + 1, NULL, &writable, &special, &(struct timeval){10, 0});
	say("select: %d, writable %d, special %d", n, FD_ISSET(fd, &writable),
	    FD_ISSET(fd, &special));
}

CHECK(blocking_mode_after_a_later_connect)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	must(fcntl(fd, F_SETFL, 0) == 0, "F_SETFL");
	say_result("send waits for the connection", send(fd, "hello", 5, 0));
	int accepted = accept(server, NULL, NULL);
	say_bytes("recv", accepted);
}

CHECK(recv_waits_for_the_connection)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("connect", connect_to(fd, &addr));
	must(fcntl(fd, F_SETFL, 0) == 0, "F_SETFL");
	int accepted = accept(server, NULL, NULL);
	must(send(accepted, "hello", 5, 0) == 5, "send");
	say_bytes("recv", fd);
}

CHECK(fast_open_connect_option)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	say_result("connect", connect_to(fd, &addr));
	say_result("send", send(fd, "early", 5, 0));
	int accepted = accept(server, NULL, NULL);
	say_bytes("recv", accepted);
	say_error("SO_ERROR", fd);
}

CHECK(fast_open_by_sendto)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_result("sendto", sendto(fd, "early", 5, MSG_FASTOPEN, (struct sockaddr *)&addr,
				    address_len(&addr)));
	int accepted = accept(server, NULL, NULL);
	say_bytes("recv", accepted);
	must(send(accepted, "answer", 6, 0) == 6, "send");
	say_bytes("answer", fd);
}

CHECK(fast_open_by_sendto_is_refused)
{
	struct sockaddr_storage addr;
	refusing(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_result("sendto", sendto(fd, "early", 5, MSG_FASTOPEN | MSG_NOSIGNAL,
				    (struct sockaddr *)&addr, address_len(&addr)));
	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
}

CHECK(sendto_with_a_name_but_no_connection)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	say_result("sendto",
		   sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&addr, address_len(&addr)));
	must(connect_to(fd, &addr) == 0, "connect");
	say_result("sendto a connected one",
		   sendto(fd, "x", 1, 0, (struct sockaddr *)&addr, address_len(&addr)));
}

CHECK(many_connects_at_once)
{
	struct sockaddr_storage addr;
	struct pollfd fds[64];
	int done = 0, accepted = 0;
	int server = listener(AF_INET, &addr);
	fcntl(server, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 64; i++) {
		fds[i] = (struct pollfd){.fd = fresh(AF_INET, SOCK_NONBLOCK), .events = POLLOUT};
		int rc = connect_to(fds[i].fd, &addr);
		must(rc == 0 || errno == EINPROGRESS, "connect");
	}
	for (int i = 0; i < 64; i++) {
		wait_for(fds[i].fd, POLLOUT);
		done++;
	}
	while (accepted < 64) {
		wait_for(server, POLLIN);
		while (accept4(server, NULL, NULL, 0) >= 0)
			accepted++;
	}
	say("%d connected, %d accepted", done, accepted);
	say_result("accept", accept(server, NULL, NULL));
}

/*
 * Programs tell their connections apart by this order, ZeroMQ's tests among them. Relayed TCP
 * connections begin when each UDP socket has been refused.
 */
CHECK(rudp_later_connects_arrive_in_the_order_of_the_calls)
{
	struct sockaddr_storage addr, own, peer;
	int later[5], in_order = 0;
	for (int round = 0; round < 20; round++) {
		int listening = listener(AF_INET, &addr);
		for (int i = 0; i < 5; i++) {
			later[i] = fresh(AF_INET, SOCK_NONBLOCK);
			(void)connect_to(later[i], &addr);
		}
		for (int i = 0; i < 5; i++) {
			socklen_t len = sizeof(peer);
			int server = accept(listening, (struct sockaddr *)&peer, &len);
			wait_for(later[i], POLLOUT);
			name_of(later[i], &own);
			in_order += same_address(&own, &peer);
			close(server);
		}
		for (int i = 0; i < 5; i++)
			close(later[i]);
		close(listening);
	}
	say("in order: %d", in_order);
}

CHECK(a_refusal_over_loopback_is_known_at_once)
{
	for (int i = 0; i < 10; i++) {
		struct sockaddr_storage addr;
		refusing(AF_INET, &addr);
		int fd = fresh(AF_INET, SOCK_NONBLOCK);
		say_result("connect", connect_to(fd, &addr));
		say_error("SO_ERROR", fd);
		close(fd);
	}
}
