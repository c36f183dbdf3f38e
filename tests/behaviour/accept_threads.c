/* SPDX-License-Identifier: MIT */
/*
 * accept() in several threads and processes: which of them wake, and that each connection is
 * returned once.
 */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define CLIENTS 40

struct wait {
	int fd;
	_Atomic pid_t tid;
	int rc, error;
};

static void *wait_in_accept(void *argument)
{
	struct wait *wait = argument;
	wait->tid = gettid();
	wait->rc = accept(wait->fd, NULL, NULL);
	wait->error = errno;
	return NULL;
}

static bool has_begun(void *argument)
{
	return ((struct wait *)argument)->tid != 0;
}

static pthread_t begin(struct wait *wait)
{
	pthread_t thread = spawn(wait_in_accept, wait);
	wait_true(has_begun, wait);
	wait_in_syscall(getpid(), wait->tid, SYS_accept);
	return thread;
}

static void end(pthread_t thread, const struct wait *wait)
{
	finish(thread);
	errno = wait->error;
	say_result("accept", wait->rc < 0 ? -1 : 0);
}

CHECK(accept_in_a_thread_wakes_for_a_client)
{
	struct sockaddr_storage addr;
	struct wait wait = {.fd = listener(AF_INET, &addr)};
	pthread_t thread = begin(&wait);
	int fd = fresh(AF_INET, 0);
	say_result("connect", connect_to(fd, &addr));
	end(thread, &wait);
	must(send(wait.rc, "hello", 5, 0) == 5, "send");
	say_bytes("recv", fd);
}

CHECK(shutdown_wakes_accept_in_another_thread)
{
	struct wait wait = {.fd = listener(AF_INET, NULL)};
	pthread_t thread = begin(&wait);
	say_result("shutdown", shutdown(wait.fd, SHUT_RD));
	end(thread, &wait);
}

CHECK(shutdown_both_wakes_accept_in_another_thread)
{
	struct wait wait = {.fd = listener(AF_INET, NULL)};
	pthread_t thread = begin(&wait);
	say_result("shutdown", shutdown(wait.fd, SHUT_RDWR));
	end(thread, &wait);
}

CHECK(close_does_not_wake_accept_in_another_thread)
{
	struct sockaddr_storage addr;
	struct wait wait = {.fd = listener(AF_INET, &addr)};
	pthread_t thread = begin(&wait);
	say_result("close", close(wait.fd));
	say_result("connect", connect_to(fresh(AF_INET, 0), &addr));
	end(thread, &wait);
}

CHECK(threads_share_a_listener)
{
	struct sockaddr_storage addr;
	struct wait waits[WORKERS] = {0};
	pthread_t threads[WORKERS];
	int server = listener(AF_INET, &addr);
	for (int i = 0; i < WORKERS; i++) {
		waits[i].fd = server;
		threads[i] = begin(&waits[i]);
	}
	for (int i = 0; i < WORKERS; i++)
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	for (int i = 0; i < WORKERS; i++)
		end(threads[i], &waits[i]);
}

/* Answers every connection with one byte, until it is killed. */
static void serve(int server)
{
	for (;;) {
		int fd = accept(server, NULL, NULL);
		if (fd < 0)
			_exit(1);
		if (send(fd, "1", 1, MSG_NOSIGNAL) != 1)
			_exit(1);
		close(fd);
	}
}

/* Each connection is served exactly once: one byte, then the end. */
static void be_served(const struct sockaddr_storage *addr, int count)
{
	int fds[CLIENTS], good = 0;
	for (int i = 0; i < count; i++) {
		fds[i] = fresh(addr->ss_family, 0);
		must(connect_to(fds[i], addr) == 0, "connect");
	}
	for (int i = 0; i < count; i++) {
		char buffer[4];
		ssize_t n = recv(fds[i], buffer, sizeof(buffer), MSG_WAITALL);
		good += n == 1 && buffer[0] == '1';
		close(fds[i]);
	}
	say("served once: %d of %d", good, count);
}

CHECK(processes_share_a_listener)
{
	struct sockaddr_storage addr;
	pid_t children[WORKERS];
	int server = listener(AF_INET, &addr);
	for (int i = 0; i < WORKERS; i++) {
		children[i] = fork();
		must(children[i] >= 0, "fork");
		if (children[i] == 0)
			serve(server);
	}
	close(server);
	be_served(&addr, CLIENTS);
	for (int i = 0; i < WORKERS - 1; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	be_served(&addr, 5);
	kill(children[WORKERS - 1], SIGKILL);
	waitpid(children[WORKERS - 1], NULL, 0);
	say_result("connect when all are gone", connect_to(fresh(AF_INET, 0), &addr));
}

CHECK(processes_share_a_listener_by_exclusive_epoll)
{
	struct sockaddr_storage addr;
	pid_t children[WORKERS];
	int server = listener(AF_INET, &addr);
	must(fcntl(server, F_SETFL, O_NONBLOCK) == 0, "F_SETFL");
	for (int i = 0; i < WORKERS; i++) {
		children[i] = fork();
		must(children[i] >= 0, "fork");
		if (children[i] != 0)
			continue;
		struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
		int ep = epoll_create1(0);
		must(epoll_ctl(ep, EPOLL_CTL_ADD, server, &event) == 0, "EPOLLEXCLUSIVE");
		while (epoll_wait(ep, &event, 1, -1) == 1) {
			int fd = accept(server, NULL, NULL);
			if (fd < 0 && errno == EAGAIN)
				continue;
			must(fd >= 0 && send(fd, "1", 1, MSG_NOSIGNAL) == 1, "serve");
			close(fd);
		}
		_exit(1);
	}
	be_served(&addr, CLIENTS);
	for (int i = 0; i < WORKERS; i++)
		kill(children[i], SIGKILL);
}

CHECK(fork_child_accepts_what_the_parent_listens_on)
{
	struct sockaddr_storage addr, name;
	int server = listener(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	must(connect_to(fd, &addr) == 0, "connect");
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		int accepted = accept(server, NULL, NULL);
		must(accepted >= 0, "accept");
		peer_of(accepted, &name);
		say_address("client", &name, address_len(&name));
		say_result("send", send(accepted, "child", 5, 0));
		_exit(0);
	}
	reap(child);
	say_bytes("recv", fd);
	say_bytes("recv", fd);
}

CHECK(accepted_in_the_child_of_a_child_of_a_worker)
{
	struct sockaddr_storage addr;
	int server = listener(AF_INET, &addr);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		pid_t grandchild = fork();
		must(grandchild >= 0, "fork");
		if (grandchild == 0)
			serve(server);
		_exit(0);
	}
	reap(child);
	close(server);
	be_served(&addr, 5);
}

CHECK(listener_made_in_a_child_and_used_there)
{
	int ready[2];
	struct sockaddr_storage addr;
	must(pipe(ready) == 0, "pipe");
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		int server = listener(AF_INET, &addr);
		must(write(ready[1], &addr, sizeof(addr)) == sizeof(addr), "write");
		serve(server);
	}
	must(read(ready[0], &addr, sizeof(addr)) == sizeof(addr), "read");
	be_served(&addr, 5);
	kill(child, SIGKILL);
}

static _Atomic int option_of = -1;

static void *set_options(void *argument)
{
	int on = 1, idle = 77;

	while (option_of != -2) {
		setsockopt(option_of, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(option_of, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	}
	return argument;
}

/* A thread sets options of a socket while another calls listen() on it. */
CHECK(a_socket_listens_while_its_options_are_set)
{
	pthread_t thread = spawn(set_options, NULL);
	int refused = 0;

	for (int i = 0; i < 1000; i++) {
		int fd = fresh(AF_INET, SOCK_NONBLOCK);

		option_of = fd;
		must(listen(fd, 1) == 0, "listen");
		refused += accept(fd, NULL, NULL) < 0 && errno != EAGAIN;
		option_of = -1;
		close(fd);
	}
	option_of = -2;
	finish(thread);
	say("no listener: %d", refused);
}

struct listening {
	int fd;
	pthread_barrier_t *start;
	int delay; /* in rounds of a loop */
	int failed;
};

static void *listen_at_the_start(void *argument)
{
	struct listening *own = argument;

	pthread_barrier_wait(own->start);
	for (volatile int spin = own->delay; spin > 0; spin--)
		;
	own->failed = listen(own->fd, 5) < 0;
	return NULL;
}

/* Workers that share a bound socket may all call listen(), as libuv's do after uv_write2(). */
CHECK(two_threads_listen_on_one_socket)
{
	int failed = 0, refused = 0;

	for (int i = 0; i < 500; i++) {
		struct sockaddr_storage addr;
		pthread_barrier_t start;
		int fd = fresh(AF_INET, 0), copy = dup(fd), client = fresh(AF_INET, 0);
		struct listening one = {fd, &start, 0, 0};
		struct listening other = {copy, &start, i % 100 * 1000, 0};
		pthread_t thread;

		address(&addr, "127.0.0.1", 0);
		must(bind_to(fd, &addr) == 0, "bind");
		name_of(fd, &addr);
		pthread_barrier_init(&start, NULL, 2);
		thread = spawn(listen_at_the_start, &one);
		listen_at_the_start(&other);
		finish(thread);
		failed += one.failed + other.failed;
		refused += connect_to(client, &addr) < 0;
		close(client);
		close(copy);
		close(fd);
	}
	say("failed: %d, refused: %d", failed, refused);
}
