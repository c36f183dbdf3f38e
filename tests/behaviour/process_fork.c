/* SPDX-License-Identifier: MIT */
/* fork, with both processes using the same sockets, and ending in every order. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

#define WORKERS 4
#define VISITORS 24

CHECK(the_child_exits_first_and_the_parent_goes_on)
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		must(write(client, "child ", 6) == 6, "write");
		_exit(0);
	}
	say_end("child", pid);
	must(write(client, "parent", 6) == 6, "write");
	char text[13] = "";
	must(recv(server, text, 12, MSG_WAITALL) == 12, "read");
	say("peer: %s", text);
	say_poll("peer", server);
	say_alive("still", client, server);
}

CHECK(the_parent_exits_first_and_the_child_goes_on)
{
	int client, server, go[2];
	pid_t pid;

	must(pipe(go) == 0, "pipe");
	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		if (begin_child() > 0)
			_exit(0);
		must(read(go[0], &(char){0}, 1) == 1, "read");
		must(pattern_write(client, 100000), "write");
		_exit(0);
	}
	say_end("parent", pid);
	close(client);
	must(write(go[1], "x", 1) == 1, "write");
	say_rest("peer", server);
}

CHECK(parent_and_child_take_turns_on_one_connection)
{
	int client, server;
	char text[4];
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		for (int i = 0; i < 20; i++) {
			must(recv(server, text, 3, MSG_WAITALL) == 3, "read");
			must(send(server, text, 3, 0) == 3, "write");
		}
		_exit(0);
	}
	close(server);
	for (int i = 0; i < 20; i++) {
		must(send(client, "abc", 3, 0) == 3, "write");
		must(recv(client, text, 3, MSG_WAITALL) == 3, "read");
	}
	say_end("child", pid);
	say_rest("then", client);
}

CHECK(a_child_connects_the_parents_fresh_socket)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid = begin_child();

	if (pid == 0)
		_exit(connect(fd, (struct sockaddr *)&addr, address_len(&addr)) < 0);
	say_end("child", pid);
	say_alive("parent", fd, accept(waiting, NULL, NULL));
}

CHECK(a_child_listens_on_the_parents_bound_socket)
{
	struct sockaddr_storage addr = {.ss_family = AF_INET};
	socklen_t len = sizeof(struct sockaddr_in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;
	int client;

	must(bind(fd, (struct sockaddr *)&addr, len) == 0, "bind");
	pid = begin_child();
	if (pid == 0)
		_exit(listen(fd, 5) < 0);
	say_end("child", pid);
	must(getsockname(fd, (struct sockaddr *)&addr, &len) == 0, "getsockname");
	client = dial(&addr);
	say_alive("parent", client, accept(fd, NULL, NULL));
}

CHECK(a_fork_in_the_middle_of_a_connect)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int error = -1;
	socklen_t len = sizeof(error);
	pid_t pid;

	connect(fd, (struct sockaddr *)&addr, address_len(&addr));
	pid = begin_child();
	if (pid == 0) {
		wait_for(fd, POLLOUT);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		say("child sees error %d", error);
		_exit(send(fd, "c", 1, 0) != 1);
	}
	say_end("child", pid);
	wait_for(fd, POLLOUT);
	int server = accept(waiting, NULL, NULL);
	say("server reads: %zd", read(server, &(char){0}, 1));
	fcntl(fd, F_SETFL, 0);
	say_alive("parent", fd, server);
}

CHECK(a_server_turns_into_a_daemon_after_listen)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	pid_t pid = begin_child();

	if (pid == 0) {
		setsid();
		if (begin_child() > 0)
			_exit(0);
		int server = accept(waiting, NULL, NULL);
		must(pattern_write(server, 5000), "write");
		_exit(0);
	}
	say_end("the one who listened", pid);
	close(waiting);
	int client = dial(&addr);
	must(client >= 0, "connect");
	say_rest("client of the daemon", client);
}

CHECK(the_listener_lives_as_long_as_its_last_process)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int hold[2];
	pid_t pid;

	must(pipe(hold) == 0, "pipe");
	pid = begin_child();
	if (pid == 0) {
		close(hold[1]);
		_exit(read(hold[0], &(char){0}, 1) != 0);
	}
	close(waiting);
	say("held by a child: connect %s", dial(&addr) >= 0 ? "works" : strerrorname_np(errno));
	close(hold[1]);
	say_end("child", pid);
	say_result("held by nobody: connect", dial(&addr));
}

CHECK(a_killed_holder_ends_its_sockets)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0)
		pause();
	close(waiting);
	close(client);
	kill(pid, SIGKILL);
	say_end("child", pid);
	say_rest("peer", server);
	say_result("connect", dial(&addr));
}

/* Each worker sends its number to each client until its connection to the check ends. */
static void work(int waiting, int *taken)
{
	for (;;) {
		int server = accept(waiting, NULL, NULL);

		if (server < 0)
			_exit(1);
		__atomic_add_fetch(taken, 1, __ATOMIC_SEQ_CST);
		must(write(server, "hello", 5) == 5, "write");
		close(server);
	}
}

static int *shared_counter(void)
{
	int *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(counter != MAP_FAILED, "mmap");
	return counter;
}

CHECK(each_connection_goes_to_one_of_the_prefork_workers)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int *taken = shared_counter();
	pid_t workers[WORKERS];
	int greeted = 0;

	for (int i = 0; i < WORKERS; i++) {
		workers[i] = begin_child();
		if (workers[i] == 0)
			work(waiting, taken);
	}
	close(waiting);
	for (int i = 0; i < VISITORS; i++)
		greeted += is_greeted(&addr);
	say("greeted: %d, accepted: %d", greeted, *taken);
	for (int i = 0; i < WORKERS; i++) {
		kill(workers[i], SIGTERM);
		say_end("worker", workers[i]);
	}
	say_result("connect when all are gone", dial(&addr));
}

CHECK(a_worker_killed_in_accept_takes_no_connection_with_it)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int *taken = shared_counter();
	pid_t workers[WORKERS];
	int greeted = 0;

	for (int i = 0; i < WORKERS; i++) {
		workers[i] = begin_child();
		if (workers[i] == 0)
			work(waiting, taken);
	}
	greeted += is_greeted(&addr);
	for (int i = 0; i < WORKERS - 1; i++) {
		kill(workers[i], SIGKILL);
		say_end("worker", workers[i]);
		for (int j = 0; j < 5; j++)
			greeted += is_greeted(&addr);
	}
	say("greeted: %d, accepted: %d", greeted, *taken);
	kill(workers[WORKERS - 1], SIGKILL);
	say_end("last worker", workers[WORKERS - 1]);
	int client = dial(&addr);
	say("the parent still listens: %d", client >= 0);
	int server = accept(waiting, NULL, NULL);
	say_alive("and accepts", client, server);
}

CHECK(the_parent_closes_what_a_child_serves)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int client = dial(&addr);
	int server = accept(waiting, NULL, NULL);
	pid_t pid = begin_child();

	if (pid == 0) {
		must(pattern_write(server, 300000), "write");
		_exit(0);
	}
	close(server);
	say_rest("client", client);
	say_end("child", pid);
}

CHECK(a_child_that_shuts_down_does_so_for_the_parent)
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0)
		_exit(shutdown(client, SHUT_WR) < 0);
	say_end("child", pid);
	say_rest("peer", server);
	say_result("parent sends", send(client, "x", 1, MSG_NOSIGNAL));
	must(send(server, "y", 1, 0) == 1, "send");
	say_result("parent reads", read(client, &(char){0}, 1));
}

CHECK(five_generations_each_open_sockets)
{
	pid_t pid = 0;
	int depth = 0;

	while (depth < 5) {
		pid = begin_child();
		if (pid > 0)
			break;
		depth++;
		say_new_connection("a generation");
	}
	if (pid > 0)
		say_end("its child", pid);
	if (depth > 0)
		_exit(0);
}
