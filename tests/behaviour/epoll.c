/* SPDX-License-Identifier: MIT */
/* Epoll entries that were made before the socket changes its state. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK 0x123456789abcdefull

static void say_events(const char *what, uint32_t events)
{
	say("%s:%s%s%s%s%s%s", what, events & EPOLLIN ? " IN" : "", events & EPOLLOUT ? " OUT" : "",
	    events & EPOLLERR ? " ERR" : "", events & EPOLLHUP ? " HUP" : "",
	    events & EPOLLRDHUP ? " RDHUP" : "",
	    events & ~(uint32_t)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP) ? " other"
											: "");
}

static int watch(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = MARK};
	int ep = epoll_create1(EPOLL_CLOEXEC);
	must(ep >= 0, "epoll_create1");
	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0, "EPOLL_CTL_ADD");
	return ep;
}

/* The events of one epoll_wait. ms is 0 if no more events may come. */
static void say_wait(const char *what, int ep, int ms)
{
	struct epoll_event events[4];
	int n = epoll_wait(ep, events, 4, ms);
	say("%s: %d events", what, n);
	for (int i = 0; i < n; i++) {
		say_events("  event", events[i].events);
		say("  data is kept: %d", events[i].data.u64 == MARK);
	}
}

/*
 * Whether the kernel holds no bytes of a refused socket any more. The engine's connect gate, which
 * kept it unwritable, is freed piece by piece, and each piece causes an epoll event. A program that
 * was woken by the first may see a second edge, as epoll(7) allows. The shim answers SIOCOUTQ
 * itself, so the kernel is asked directly. TCP counts the refused SYN.
 */
static bool holds_nothing(void *fd)
{
	int held = 2;
	must(syscall(SYS_ioctl, *(int *)fd, SIOCOUTQ, &held) == 0, "SIOCOUTQ of the kernel");
	return held <= 1;
}

static void connect_watched(uint32_t events)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	int ep = watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | events);
	say_wait("fresh", ep, 0);
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLOUT);
	say_wait("connected", ep, 0);
	say_wait("once more", ep, 0);
	int accepted = accept(server, NULL, NULL);
	must(send(accepted, "hello", 5, 0) == 5, "send");
	wait_for(fd, POLLIN);
	say_wait("after data", ep, 0);
	say_wait("once more", ep, 0);
}

CHECK(epoll_level_before_connect)
{
	connect_watched(0);
}

CHECK(epoll_edge_before_connect)
{
	connect_watched(EPOLLET);
}

CHECK(epoll_oneshot_before_connect)
{
	connect_watched(EPOLLONESHOT);
}

static void refused_watched(uint32_t events)
{
	struct sockaddr_storage addr;
	refusing(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	int ep = watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | events);
	say_wait("fresh", ep, 0);
	say_result("connect", connect_to(fd, &addr));
	wait_for(fd, POLLHUP);
	wait_true(holds_nothing, &fd);
	say_wait("refused", ep, 0);
	say_wait("once more", ep, 0);
	say_error("SO_ERROR", fd);
	say_wait("after SO_ERROR", ep, 0);
}

CHECK(epoll_level_and_a_refusal)
{
	refused_watched(0);
}

CHECK(epoll_edge_and_a_refusal)
{
	refused_watched(EPOLLET);
}

CHECK(epoll_oneshot_and_a_refusal)
{
	refused_watched(EPOLLONESHOT);
}

CHECK(epoll_entry_survives_a_second_attempt)
{
	struct sockaddr_storage addr;
	refusing(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	int ep = watch(fd, EPOLLIN | EPOLLOUT);
	connect_to(fd, &addr);
	wait_for(fd, POLLHUP);
	say_wait("refused", ep, 0);
	say_error("SO_ERROR", fd);
	int server = listener(AF_INET, &addr);
	connect_to(fd, &addr);
	say_result("connect elsewhere", connect_to(fd, &addr) == 0 || errno == EISCONN ||
						errno == EINPROGRESS || errno == EALREADY);
	wait_for(fd, POLLOUT);
	say_wait("connected", ep, 0);
	int accepted = accept(server, NULL, NULL);
	must(send(accepted, "hello", 5, 0) == 5, "send");
	wait_for(fd, POLLIN);
	say_wait("after data", ep, 0);
	struct epoll_event event = {.events = EPOLLIN};
	say_result("EPOLL_CTL_MOD", epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
	say_result("EPOLL_CTL_DEL", epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	say_result("EPOLL_CTL_DEL again", epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
}

CHECK(epoll_edge_only_for_writing)
{
	struct sockaddr_storage addr;
	listener(AF_INET, &addr);
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	connect_to(fd, &addr);
	int ep = watch(fd, EPOLLOUT | EPOLLET);
	say_wait("connected", ep, 10000);
	say_wait("once more", ep, 0);
	struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.u64 = MARK};
	must(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event) == 0, "EPOLL_CTL_MOD");
	say_wait("after MOD", ep, 0);
	say_wait("once more", ep, 0);
}

CHECK(epoll_before_bind_and_listen)
{
	struct sockaddr_storage addr;
	int server = fresh(AF_INET, SOCK_NONBLOCK);
	int ep = watch(server, EPOLLIN);
	say_wait("fresh", ep, 0);
	address(&addr, "127.0.0.1", 0);
	must(bind_to(server, &addr) == 0, "bind");
	name_of(server, &addr);
	say_wait("bound", ep, 0);
	must(listen(server, 5) == 0, "listen");
	say_wait("listening", ep, 0);
	int fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	say_wait("a client", ep, 10000);
	say_wait("level", ep, 0);
	int accepted = accept(server, NULL, NULL);
	say("accepted: %d", accepted >= 0);
	say_wait("taken", ep, 0);
}

CHECK(epoll_edge_before_listen)
{
	struct sockaddr_storage addr;
	int server = fresh(AF_INET, SOCK_NONBLOCK);
	int ep = watch(server, EPOLLIN | EPOLLET);
	say_wait("fresh", ep, 0);
	must(listen(server, 5) == 0, "listen");
	say_wait("listening", ep, 0);
	name_of(server, &addr);
	address(&addr, "127.0.0.1", port_of(&addr));
	for (int i = 0; i < 3; i++)
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	say_wait("clients", ep, 10000);
	int accepted = 0;
	while (accepted < 3) {
		wait_for(server, POLLIN);
		while (accept(server, NULL, NULL) >= 0)
			accepted++;
	}
	say_result("accept", accept(server, NULL, NULL));
	say("accepted: %d", accepted);
}

CHECK(epoll_of_a_listener_that_is_shut_down)
{
	int server = listener(AF_INET, NULL);
	int ep = watch(server, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	say_wait("listening", ep, 0);
	say_result("shutdown", shutdown(server, SHUT_RDWR));
	wait_for(server, POLLHUP);
	say_wait("shut down", ep, 0);
}

CHECK(epoll_sees_the_peer_close)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	int ep = watch(client, EPOLLIN | EPOLLRDHUP | EPOLLET);
	say_wait("idle", ep, 0);
	close(server);
	say_wait("closed", ep, 10000);
	say_bytes("recv", client);
	say_wait("once more", ep, 0);
}
