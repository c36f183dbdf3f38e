/* SPDX-License-Identifier: MIT */
/* SO_REUSEPORT: several listeners on one address, each with a queue of its own. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3
#define CLIENTS 60

static int worker(const struct sockaddr_storage *addr)
{
	int fd = fresh(AF_INET, SOCK_NONBLOCK);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	must(bind_to(fd, addr) == 0, "bind");
	must(listen(fd, 128) == 0, "listen");
	return fd;
}

/* The number of connections of each listener; -1 for a closed listener. */
static int take_all(const int *fds, int *counts, int wanted)
{
	struct pollfd entries[WORKERS];
	int taken = 0;
	for (int i = 0; i < WORKERS; i++)
		entries[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	while (taken < wanted && poll(entries, WORKERS, 10000) > 0) {
		for (int i = 0; i < WORKERS; i++) {
			while (fds[i] >= 0 && accept4(fds[i], NULL, NULL, 0) >= 0) {
				counts[i]++;
				taken++;
			}
		}
	}
	return taken;
}

CHECK(reuseport_shares_the_connections)
{
	struct sockaddr_storage addr;
	int fds[WORKERS], counts[WORKERS] = {0};
	address(&addr, "127.0.0.1", 2010);
	for (int i = 0; i < WORKERS; i++)
		fds[i] = worker(&addr);
	for (int i = 0; i < CLIENTS; i++)
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	say("taken: %d", take_all(fds, counts, CLIENTS));
	for (int i = 0; i < WORKERS; i++)
		say("worker %d has some: %d", i, counts[i] > 0);
}

CHECK(reuseport_worker_leaves)
{
	struct sockaddr_storage addr;
	int fds[WORKERS], counts[WORKERS] = {0};
	address(&addr, "127.0.0.1", 2011);
	for (int i = 0; i < WORKERS; i++)
		fds[i] = worker(&addr);
	close(fds[1]);
	fds[1] = -1;
	for (int i = 0; i < CLIENTS; i++)
		must(connect_to(fresh(AF_INET, 0), &addr) == 0, "connect");
	say("taken: %d", take_all(fds, counts, CLIENTS));
	close(fds[0]);
	close(fds[2]);
	say_result("connect when all have left", connect_to(fresh(AF_INET, 0), &addr));
}

CHECK(reuseport_must_be_set_on_all)
{
	struct sockaddr_storage addr;
	address(&addr, "127.0.0.1", 2012);
	worker(&addr);
	say_result("without", bind_to(fresh(AF_INET, 0), &addr));
	int fd = fresh(AF_INET, 0);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	say_result("with SO_REUSEADDR only", bind_to(fd, &addr));
	fd = fresh(AF_INET, 0);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	say_result("with", bind_to(fd, &addr));
	address(&addr, "127.0.0.1", 2013);
	fd = fresh(AF_INET, 0);
	must(bind_to(fd, &addr) == 0 && listen(fd, 1) == 0, "listener");
	fd = fresh(AF_INET, 0);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	say_result("beside one without", bind_to(fd, &addr));
}

CHECK(reuseport_of_processes)
{
	struct sockaddr_storage addr;
	pid_t children[WORKERS];
	int ready[2], served = 0;
	address(&addr, "127.0.0.1", 2014);
	must(pipe(ready) == 0, "pipe");
	for (int i = 0; i < WORKERS; i++) {
		children[i] = fork();
		must(children[i] >= 0, "fork");
		if (children[i] != 0)
			continue;
		int server = worker(&addr);
		must(fcntl(server, F_SETFL, 0) == 0, "F_SETFL");
		must(write(ready[1], "1", 1) == 1, "write");
		for (;;) {
			int fd = accept(server, NULL, NULL);
			must(fd >= 0 && send(fd, "1", 1, MSG_NOSIGNAL) == 1, "serve");
			close(fd);
		}
	}
	for (int i = 0; i < WORKERS; i++) {
		char byte;
		must(read(ready[0], &byte, 1) == 1, "read");
	}
	for (int i = 0; i < CLIENTS; i++) {
		char buffer[4];
		int fd = fresh(AF_INET, 0);
		must(connect_to(fd, &addr) == 0, "connect");
		served += recv(fd, buffer, sizeof(buffer), MSG_WAITALL) == 1;
		close(fd);
	}
	say("served once: %d", served);
	for (int i = 0; i < WORKERS; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

CHECK(reuseport_of_another_user_is_refused)
{
	struct sockaddr_storage addr;
	address(&addr, "127.0.0.1", 2015);
	worker(&addr);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		must(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
		int fd = fresh(AF_INET, 0);
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		say_result("bind", bind_to(fd, &addr));
		_exit(0);
	}
	reap(child);
}

/* Serves one connection after another, byte by byte, until it is killed. */
static void serve_bytes(const struct sockaddr_storage *addr, int ready)
{
	struct pollfd entries[CLIENTS + 1] = {{.fd = worker(addr), .events = POLLIN}};
	int count = 1;
	char byte;

	must(write(ready, "1", 1) == 1, "write");
	while (poll(entries, (nfds_t)count, -1) > 0) {
		if (entries[0].revents && count <= CLIENTS) {
			entries[count] = (struct pollfd){.fd = accept(entries[0].fd, NULL, NULL),
							 .events = POLLIN};
			count += entries[count].fd >= 0;
		}
		for (int i = 1; i < count; i++)
			if (entries[i].revents && recv(entries[i].fd, &byte, 1, MSG_DONTWAIT) == 1)
				send(entries[i].fd, &byte, 1, MSG_NOSIGNAL);
	}
}

static pid_t start_worker(const struct sockaddr_storage *addr)
{
	int ready[2];
	char byte;
	pid_t child;

	must(pipe(ready) == 0, "pipe");
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		serve_bytes(addr, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	must(read(ready[0], &byte, 1) == 1, "read");
	return child;
}

static int count_answers(const int *clients)
{
	int answers = 0;

	for (int i = 0; i < CLIENTS; i++) {
		char byte = 'x';
		set_timeout(clients[i], SO_RCVTIMEO, 5000);
		answers += send(clients[i], &byte, 1, MSG_NOSIGNAL) == 1 &&
			   recv(clients[i], &byte, 1, 0) == 1;
	}
	return answers;
}

CHECK(reuseport_workers_that_join_take_no_connection_away)
{
	struct sockaddr_storage addr;
	pid_t children[WORKERS];
	int clients[CLIENTS];

	address(&addr, "127.0.0.1", 2016);
	children[0] = start_worker(&addr);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = fresh(AF_INET, 0);
		must(connect_to(clients[i], &addr) == 0, "connect");
	}
	say("answers of one: %d", count_answers(clients));
	for (int i = 1; i < WORKERS; i++) {
		children[i] = start_worker(&addr);
		say("answers with %d beside it: %d", i, count_answers(clients));
	}
	for (int i = WORKERS - 1; i > 0; i--) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
		say("answers with %d beside it: %d", i - 1, count_answers(clients));
	}
	kill(children[0], SIGKILL);
}
