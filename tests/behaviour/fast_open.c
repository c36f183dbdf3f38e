/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open with a known peer: what calls return, what poll shows, which bytes arrive. The
 * names begin with fast_open: run.sh runs these checks again with early data switched on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"
#include "behaviour/traffic.h"

#define QUEUE 8
#define LARGE 100000

struct met {
	struct sockaddr_storage addr;
	int listening;
};

static long send_fast(int fd, const void *data, size_t len, const struct sockaddr_storage *addr)
{
	return sendto(fd, data, len, MSG_FASTOPEN | MSG_NOSIGNAL, (const struct sockaddr *)addr,
		      address_len(addr));
}

/* A first connection gets the cookie, or rudp's equivalent. */
static struct met meet_over(int family)
{
	struct met met;
	met.listening = listener(family, &met.addr);
	set_option(met.listening, IPPROTO_TCP, TCP_FASTOPEN, QUEUE);
	int client = fresh(family, 0);
	must(send_fast(client, "question", 8, &met.addr) == 8, "first sendto");
	int server = accept(met.listening, NULL, NULL);
	swallow(server, 8);
	put(server, "answer");
	swallow(client, 6);
	put(client, "again");
	swallow(server, 5);
	close(client);
	close(server);
	return met;
}

static struct met meet(void)
{
	return meet_over(AF_INET);
}

static int client_of(int flags)
{
	int fd = fresh(AF_INET, flags);
	set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	return fd;
}

static void say_info(const char *what, int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0, "TCP_INFO");
	say("%s: state %d, data with the SYN %d", what, info.tcpi_state,
	    (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0);
}

/* Waits if the connection was not established at once. */
static void finish_connect(int fd, long result)
{
	if (result < 0 && errno == EINPROGRESS)
		wait_for(fd, POLLOUT);
}

static void talk(int client, int listening)
{
	int server = accept(listening, NULL, NULL);
	must(server >= 0, "accept");
	say_bytes("server", server);
	put(server, "answer");
	wait_unread(client, 6);
	say_bytes("client", client);
	say_info("client", client);
	say_info("server", server);
}

CHECK(fast_open_sends_the_first_bytes_with_the_syn)
{
	struct met met = meet();
	int client = fresh(AF_INET, SOCK_NONBLOCK);
	long result = say_result("sendto", send_fast(client, "first", 5, &met.addr));
	finish_connect(client, result);
	if (result < 0)
		put(client, "first");
	talk(client, met.listening);
}

CHECK(fast_open_waits_where_it_may)
{
	struct met met = meet();
	int client = fresh(AF_INET, 0);
	say_result("sendto", send_fast(client, "first", 5, &met.addr));
	say_result("connect", connect_to(client, &met.addr));
	talk(client, met.listening);
}

CHECK(fast_open_over_ipv6)
{
	struct met met = meet_over(AF_INET6);
	int client = fresh(AF_INET6, 0);
	say_result("sendto", send_fast(client, "first", 5, &met.addr));
	talk(client, met.listening);
}

CHECK(fast_open_from_an_ipv6_socket_to_ipv4)
{
	struct met met = meet();
	struct sockaddr_storage mapped;
	int client = fresh(AF_INET6, 0);
	address(&mapped, "::ffff:127.0.0.1", port_of(&met.addr));
	say_result("sendto", send_fast(client, "first", 5, &mapped));
	talk(client, met.listening);
}

CHECK(fast_open_from_a_bound_socket)
{
	struct met met = meet();
	struct sockaddr_storage own, seen;
	int client = fresh(AF_INET, 0), later = client_of(0);
	address(&own, "127.0.0.1", 0);
	must(bind_to(client, &own) == 0 && bind_to(later, &own) == 0, "bind");
	name_of(client, &own);
	say_result("sendto", send_fast(client, "first", 5, &met.addr));
	talk(client, met.listening);
	name_of(client, &seen);
	say("its name has stayed: %d", same_address(&own, &seen));
	say_result("connect", connect_to(later, &met.addr));
	say_result("write", write(later, "later", 5));
	talk(later, met.listening);
}

CHECK(fast_open_with_msg_dontwait_does_not_wait)
{
	struct met met = meet();
	int client = fresh(AF_INET, 0);
	long result =
		say_result("sendto", sendto(client, "first", 5, MSG_FASTOPEN | MSG_DONTWAIT,
					    (struct sockaddr *)&met.addr, address_len(&met.addr)));
	finish_connect(client, result);
	if (result < 0)
		put(client, "first");
	talk(client, met.listening);
}

CHECK(fast_open_takes_more_than_a_syn_holds)
{
	struct met met = meet();
	int client = fresh(AF_INET, 0);
	unsigned char *data = malloc(LARGE);
	pattern_fill(data, 0, LARGE);
	say_result("sendto", send_fast(client, data, LARGE, &met.addr));
	int server = accept(met.listening, NULL, NULL);
	shutdown(client, SHUT_WR);
	say_rest("server", server);
}

CHECK(fast_open_sends_pieces_in_their_order)
{
	struct met met = meet();
	struct iovec pieces[20];
	unsigned char data[20 * 150];
	int client = fresh(AF_INET, 0);
	pattern_fill(data, 0, sizeof(data));
	for (int i = 0; i < 20; i++)
		pieces[i] = (struct iovec){data + i * 150, 150};
	pieces[2].iov_len = 300;
	pieces[3].iov_len = 0;
	struct msghdr message = {.msg_name = &met.addr,
				 .msg_namelen = address_len(&met.addr),
				 .msg_iov = pieces,
				 .msg_iovlen = 20};
	say_result("sendmsg", sendmsg(client, &message, MSG_FASTOPEN));
	int server = accept(met.listening, NULL, NULL);
	shutdown(client, SHUT_WR);
	say_rest("server", server);
}

CHECK(fast_open_is_for_the_first_of_several_messages)
{
	struct met met = meet();
	struct iovec piece = {"first", 5};
	struct mmsghdr messages[2];
	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < 2; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_name = &met.addr,
						      .msg_namelen = address_len(&met.addr),
						      .msg_iov = &piece,
						      .msg_iovlen = 1};
	int client = fresh(AF_INET, 0);
	say_result("sendmmsg", sendmmsg(client, messages, 2, MSG_FASTOPEN));
	say("bytes of the first: %u", messages[0].msg_len);
	talk(client, met.listening);
}

CHECK(fast_open_without_data_connects)
{
	struct met met = meet();
	int client = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("sendto", send_fast(client, "", 0, &met.addr));
	wait_for(client, POLLOUT);
	put(client, "first");
	talk(client, met.listening);
}

CHECK(fast_open_on_sockets_in_other_states)
{
	struct met met = meet();
	struct sockaddr_storage nobody, nowhere = {.ss_family = AF_UNSPEC};
	silent(AF_INET, &nobody);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	say_result("of a stranger", send_fast(fd, "x", 1, &nobody));
	say_result("while it connects", send_fast(fd, "x", 1, &nobody));
	say_result("of a listener", send_fast(met.listening, "x", 1, &met.addr));
	fd = fresh(AF_INET, 0);
	must(connect_to(fd, &met.addr) == 0, "connect");
	say_result("of a connected one", send_fast(fd, "x", 1, &met.addr));
	fd = fresh(AF_INET, 0);
	say_result("to AF_UNSPEC", sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
					  (struct sockaddr *)&nowhere, sizeof(struct sockaddr_in)));
	say_result("a length of 1", sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
					   (struct sockaddr *)&met.addr, 1));
	say_result("a length of 8", sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
					   (struct sockaddr *)&met.addr, 8));
	say_result("a wrong pointer", sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, forbidden(),
					     sizeof(struct sockaddr_in)));
	met.addr.ss_family = AF_INET6;
	say_result("another family",
		   sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&met.addr,
			  sizeof(struct sockaddr_in6)));
}

CHECK(fast_open_can_be_switched_off)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	must(unshare(CLONE_NEWNET) == 0, "a network namespace");
	int setting = open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY);
	must(setting >= 0 && write(setting, "0", 1) == 1, "net.ipv4.tcp_fastopen");
	int fd = fresh(AF_INET, 0);
	say_result("sendto", send_fast(fd, "x", 1, &addr));
	say_result("TCP_FASTOPEN_CONNECT",
		   setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){1}, sizeof(int)));
	say_result("TCP_FASTOPEN",
		   setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){1}, sizeof(int)));
}

CHECK(fast_open_connect_waits_for_the_first_write)
{
	struct met met = meet();
	struct sockaddr_storage name;
	int client = client_of(SOCK_NONBLOCK);
	finish_connect(client, say_result("connect", connect_to(client, &met.addr)));
	say_poll("connected", client);
	say_info("connected", client);
	name_of(client, &name);
	say("it has a port: %d", port_of(&name) != 0);
	say_error("SO_ERROR", client);
	say_result("connect", connect_to(client, &met.addr));
	say_result("send", send(client, "first", 5, 0));
	talk(client, met.listening);
}

CHECK(fast_open_connect_has_no_peer_yet)
{
	struct met met = meet();
	int client = client_of(0);
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	say_result("connect", connect_to(client, &met.addr));
	say_result("getpeername", getpeername(client, (struct sockaddr *)&name, &len));
	say_result("write", write(client, "first", 5));
	talk(client, met.listening);
	len = sizeof(name);
	say_result("getpeername", getpeername(client, (struct sockaddr *)&name, &len));
}

CHECK(fast_open_connect_and_a_large_write)
{
	struct met met = meet();
	int client = client_of(0);
	say_result("connect", connect_to(client, &met.addr));
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		must(pattern_write(client, LARGE), "write");
		_exit(0);
	}
	close(client);
	say_rest("server", accept(met.listening, NULL, NULL));
	reap(child);
}

CHECK(fast_open_connect_and_close_after_the_first_write)
{
	struct met met = meet();
	int client = client_of(0);
	say_result("connect", connect_to(client, &met.addr));
	say_result("write", write(client, "last words", 10));
	close(client);
	int server = accept(met.listening, NULL, NULL);
	say_bytes("server", server);
	say_bytes("server", server);
}

CHECK(fast_open_connect_without_a_write_reaches_nobody)
{
	struct met met = meet();
	int silent_one = client_of(0), other = fresh(AF_INET, 0);
	say_result("connect", connect_to(silent_one, &met.addr));
	close(silent_one);
	must(connect_to(other, &met.addr) == 0, "connect");
	put(other, "other");
	say_bytes("the first that comes", accept(met.listening, NULL, NULL));
}

CHECK(fast_open_connect_and_only_an_end)
{
	struct met met = meet();
	int client = client_of(0);
	struct pollfd entry = {.fd = met.listening, .events = POLLIN};
	say_result("connect", connect_to(client, &met.addr));
	say_result("shutdown", shutdown(client, SHUT_WR));
	say_result("send", send(client, "x", 1, MSG_NOSIGNAL));
	say_result("somebody comes", poll(&entry, 1, 10000));
}

CHECK(fast_open_connect_and_a_read_before_the_write)
{
	struct met met = meet();
	int client = client_of(0);
	say_result("connect", connect_to(client, &met.addr));
	set_timeout(client, SO_RCVTIMEO, 50);
	say_bytes("recv", client);
	set_timeout(client, SO_RCVTIMEO, 0);
	say_result("write", write(client, "first", 5));
	talk(client, met.listening);
}

CHECK(fast_open_to_a_listener_that_has_gone)
{
	struct met met = meet();
	int client = fresh(AF_INET, 0);
	close(met.listening);
	say_result("sendto", send_fast(client, "first", 5, &met.addr));
	say_error("SO_ERROR", client);
	say_poll("afterwards", client);
}

CHECK(fast_open_connect_to_a_listener_that_has_gone)
{
	struct met met = meet();
	int client = client_of(0);
	close(met.listening);
	say_result("connect", connect_to(client, &met.addr));
	say_result("send", send(client, "first", 5, MSG_NOSIGNAL));
	say_bytes("recv", client);
	say_poll("afterwards", client);
}

CHECK(fast_open_queue_of_a_listener)
{
	struct met met = meet();
	int value = 0;
	socklen_t len = sizeof(value);
	say_result("get", getsockopt(met.listening, IPPROTO_TCP, TCP_FASTOPEN, &value, &len));
	say("%d", value);
	say_result("off",
		   setsockopt(met.listening, IPPROTO_TCP, TCP_FASTOPEN, &(int){0}, sizeof(int)));
	int client = fresh(AF_INET, 0);
	say_result("sendto", send_fast(client, "first", 5, &met.addr));
	talk(client, met.listening);
	say_result("negative",
		   setsockopt(met.listening, IPPROTO_TCP, TCP_FASTOPEN, &(int){-1}, sizeof(int)));
	say_result("of a connection",
		   setsockopt(client, IPPROTO_TCP, TCP_FASTOPEN, &(int){1}, sizeof(int)));
}
