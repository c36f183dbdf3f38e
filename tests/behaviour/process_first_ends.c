/* SPDX-License-Identifier: MIT */
/*
 * The program that opened a socket ends first, or executes another program, and other processes
 * continue to use the socket: its children, a daemon, a receiver of the descriptor. The program is
 * always forked before the check has a socket, so an engine thread belongs to that program alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/exit_ways.h"
#include "behaviour/setup.h"
#include "behaviour/traffic.h"

#define WORKERS 3
#define VISITORS 12
#define KEPT_FD 20
#define RESTARTS 50
#define HEIRS 30
#define MUCH_BYTES 200000

static void greet(int waiting)
{
	int server = accept(waiting, NULL, NULL);

	must(server >= 0 && write(server, "hello", 5) == 5, "accept and write");
	close(server);
}

static void say_greeted(const char *what, const struct sockaddr_storage *addr, int visitors)
{
	int greeted = 0;

	for (int i = 0; i < visitors; i++)
		greeted += is_greeted(addr);
	say("%s: %d greeted", what, greeted);
}

/* Serves all callers until the channel ends. */
static void serve_until_channel_ends(int waiting, int channel)
{
	struct pollfd both[2] = {{.fd = waiting, .events = POLLIN},
				 {.fd = channel, .events = POLLIN}};

	fcntl(waiting, F_SETFL, O_NONBLOCK);
	while (poll(both, 2, -1) > 0 && !both[1].revents) {
		int server = accept(waiting, NULL, NULL);

		if (server >= 0 && write(server, "hello", 5) == 5)
			close(server);
	}
	_exit(0);
}

/* Waits until no process listens there any more. */
static bool is_refused(void *addr)
{
	int client = dial(addr);

	if (client >= 0)
		close(client);
	return client < 0 && errno == ECONNREFUSED;
}

/* Listens, and becomes a daemon by become(), which does not return in the first process. */
static void check_daemon(void (*become)(void), const char *program)
{
	struct sockaddr_storage addr;
	int ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int waiting = listener(AF_INET, &addr);

		close(ends[0]);
		tell_address(ends[1], &addr);
		become();
		serve_until_channel_ends(waiting, ends[1]);
	}
	close(ends[1]);
	hear_address(ends[0], &addr);
	say_end(program, pid);
	say_greeted("clients of the daemon", &addr, VISITORS);
	close(ends[0]);
	wait_true(is_refused, &addr);
	say("refused when the daemon has ended");
}

static void become_by_daemon(void)
{
	must(daemon(0, 0) == 0, "daemon");
}

static void become_by_two_forks(void)
{
	if (begin_child() > 0)
		_exit(0);
	setsid();
	if (begin_child() > 0)
		exit(0);
}

CHECK(a_daemon_serves_the_listener_of_the_program_that_became_it)
{
	check_daemon(become_by_daemon, "program");
}

CHECK(a_daemon_of_two_forks_serves_the_listener)
{
	check_daemon(become_by_two_forks, "program");
}

CHECK(a_daemon_opens_sockets_beside_the_listener)
{
	struct sockaddr_storage addr;
	int ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int waiting = listener(AF_INET, &addr);

		tell_address(ends[1], &addr);
		become_by_daemon();
		must(read(ends[1], &(char){0}, 1) == 1, "read");
		say_new_connection("in the daemon");
		greet(waiting);
		_exit(0);
	}
	close(ends[1]);
	hear_address(ends[0], &addr);
	say_end("program", pid);
	must(write(ends[0], "x", 1) == 1, "write");
	say_greeted("client of the daemon", &addr, 1);
}

CHECK(workers_serve_when_the_program_that_listened_has_ended)
{
	struct sockaddr_storage addr;
	int ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int waiting = listener(AF_INET6, &addr);

		close(ends[0]);
		tell_address(ends[1], &addr);
		for (int i = 0; i < WORKERS; i++)
			if (begin_child() == 0)
				serve_until_channel_ends(waiting, ends[1]);
		exit(0);
	}
	close(ends[1]);
	hear_address(ends[0], &addr);
	say_end("program", pid);
	say_greeted("clients of the workers", &addr, VISITORS);
	close(ends[0]);
	wait_true(is_refused, &addr);
	say("refused when the workers have ended");
}

/* The first process has the listener and a connection, with bytes in both directions. */
CHECK(a_child_goes_on_with_a_connection_when_its_parent_has_ended)
{
	struct sockaddr_storage addr;
	int ends[2], waiting, server;
	char text[6] = "";
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		hear_address(ends[1], &addr);
		int client = dial(&addr);
		must(write(client, "first", 5) == 5, "write");
		if (begin_child() > 0)
			_exit(0);
		must(recv(client, text, 5, MSG_WAITALL) == 5, "read");
		must(write(client, text, 5) == 5 && pattern_write(client, MUCH_BYTES), "write");
		_exit(0);
	}
	waiting = listener(AF_INET, &addr);
	tell_address(ends[0], &addr);
	server = accept(waiting, NULL, NULL);
	say_end("parent", pid);
	must(recv(server, text, 5, MSG_WAITALL) == 5, "read");
	say("from the parent: %s", text);
	must(write(server, "again", 5) == 5, "write");
	must(recv(server, text, 5, MSG_WAITALL) == 5, "read");
	say("through the child: %s", text);
	say_rest("then", server);
}

/* A socket that a program has passed on works after the program has ended, in any way. */
static void pass_and_end(enum exit_way way, const char *what)
{
	struct sockaddr_storage addr;
	int ends[2], waiting;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		waiting = listener(AF_INET, &addr);
		tell_address(ends[1], &addr);
		send_fd(ends[1], waiting);
		end_by(way);
	}
	close(ends[1]);
	hear_address(ends[0], &addr);
	waiting = receive_fd(ends[0]);
	say_end(what, pid);
	int client = dial(&addr);
	must(client >= 0, "connect");
	say_alive(what, client, accept(waiting, NULL, NULL));
	close(client);
	close(waiting);
	wait_true(is_refused, &addr);
}

CHECK(a_listener_that_was_passed_on_outlives_its_first_program)
{
	pass_and_end(EXIT_BY_exit, "exit");
	pass_and_end(EXIT_BY__exit, "_exit");
	pass_and_end(EXIT_BY_quick_exit, "quick_exit");
}

CHECK(a_connection_that_was_passed_on_outlives_its_first_program)
{
	struct sockaddr_storage addr;
	int ends[2], waiting, client, server;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		hear_address(ends[1], &addr);
		client = dial(&addr);
		must(pattern_write(client, MUCH_BYTES / 100), "write");
		send_fd(ends[1], client);
		_exit(0);
	}
	waiting = listener(AF_INET, &addr);
	tell_address(ends[0], &addr);
	server = accept(waiting, NULL, NULL);
	client = receive_fd(ends[0]);
	say_end("first program", pid);
	must(write(server, "hello", 5) == 5, "write");
	say_bytes("second program", client);
	close(client);
	say_rest("peer", server);
}

PART(serves_a_listener_and_starts_no_child)
{
	say("children: %s",
	    waitpid(-1, NULL, WNOHANG | __WALL) < 0 ? strerrorname_np(errno) : "some");
	greet(fd);
	say_new_connection("in the executed program");
	say("children: %s",
	    waitpid(-1, NULL, WNOHANG | __WALL) < 0 ? strerrorname_np(errno) : "some");
}

static void check_exec(void (*become)(const char *name, int fd), bool adopts)
{
	struct sockaddr_storage addr;
	int ends[2], greeted;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int waiting = listener(AF_INET, &addr);

		must(prctl(PR_SET_CHILD_SUBREAPER, adopts, 0, 0, 0) == 0, "prctl");
		must(dup2(waiting, KEPT_FD) == KEPT_FD, "dup2");
		tell_address(ends[1], &addr);
		become("serves_a_listener_and_starts_no_child", KEPT_FD);
	}
	hear_address(ends[0], &addr);
	greeted = is_greeted(&addr);
	say_end("program", pid);
	say("clients of the executed program: %d greeted", greeted);
	wait_true(is_refused, &addr);
}

CHECK(a_listener_lives_through_exec_of_the_program_that_opened_it)
{
	check_exec(become_part, false);
}

CHECK(exec_of_a_program_that_adopts_orphans_gives_it_none)
{
	check_exec(become_part, true);
}

CHECK(a_worker_serves_when_the_program_that_listened_executes_another)
{
	struct sockaddr_storage addr;
	int ends[2];
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		int waiting = listener(AF_INET, &addr);

		fcntl(waiting, F_SETFD, FD_CLOEXEC);
		close(ends[0]);
		tell_address(ends[1], &addr);
		if (begin_child() == 0)
			serve_until_channel_ends(waiting, ends[1]);
		execl("/bin/true", "true", NULL);
	}
	close(ends[1]);
	hear_address(ends[0], &addr);
	say_end("program", pid);
	say_greeted("clients of the worker", &addr, VISITORS);
	close(ends[0]);
	wait_true(is_refused, &addr);
}

CHECK(exec_that_fails_leaves_the_own_listener)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int client;

	for (int i = 0; i < 2; i++) {
		say_result("execl", execl("/nowhere/at/all", "nothing", NULL));
		client = dial(&addr);
		must(client >= 0, "connect");
		say_alive("connection", client, accept(waiting, NULL, NULL));
		close(client);
		say_new_connection("another");
	}
}

/* A port that the kernel chooses could be given to a check beside this one between two restarts. */
#define RESTARTED_PORT 2041

static void listen_and_end(void)
{
	struct sockaddr_storage addr;
	int fd = fresh(AF_INET, 0);

	address(&addr, "127.0.0.1", RESTARTED_PORT);
	must(bind_to(fd, &addr) == 0 && listen(fd, 1) == 0, "the port once more");
	exit(0);
}

/* After a restart, a program can bind the port that it had just before. */
CHECK(the_port_of_a_program_that_has_ended_is_free)
{
	int restarts = 0, status = 0;

	for (; restarts < RESTARTS && status == 0; restarts += status == 0) {
		pid_t pid = begin_child();

		if (pid == 0)
			listen_and_end();
		waitpid(pid, &status, 0);
	}
	say("restarts: %d", restarts);
}

/* The same if another program waits for it and has sockets itself. */
CHECK(the_port_of_a_child_that_has_ended_is_free)
{
	struct sockaddr_storage addr[HEIRS];
	int ends[HEIRS][2];
	pid_t pids[HEIRS];
	int taken = 0;

	for (int i = 0; i < HEIRS; i++) {
		make_channel(ends[i]);
		pids[i] = begin_child();
		if (pids[i] == 0) {
			must(read(ends[i][1], &(char){0}, 1) == 1, "read");
			listener(AF_INET, &addr[i]);
			tell_address(ends[i][1], &addr[i]);
			exit(0);
		}
	}
	say_new_connection("own");
	for (int i = 0; i < HEIRS; i++) {
		int fd = fresh(AF_INET, 0);

		must(write(ends[i][0], "x", 1) == 1, "write");
		hear_address(ends[i][0], &addr[i]);
		waitpid(pids[i], NULL, 0);
		taken += bind_to(fd, &addr[i]) == 0 && listen(fd, 1) == 0;
	}
	say("taken: %d", taken);
}

/* The reader of a pipe of the program sees its end, although its listener still works. */
CHECK(a_program_that_has_ended_holds_nothing_else)
{
	struct sockaddr_storage addr;
	int ends[2], output[2];
	pid_t pid;

	make_channel(ends);
	must(pipe(output) == 0, "pipe");
	pid = begin_child();
	if (pid == 0) {
		int waiting = listener(AF_INET, &addr);

		tell_address(ends[1], &addr);
		send_fd(ends[1], waiting);
		exit(0);
	}
	close(output[1]);
	hear_address(ends[0], &addr);
	int waiting = receive_fd(ends[0]);
	say_end("program", pid);
	say("its pipe: %zd", read(output[0], &(char){0}, 1));
	int client = dial(&addr);
	must(client >= 0, "connect");
	say_alive("its listener", client, accept(waiting, NULL, NULL));
}

PART(passes_its_listener_on_and_ends)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);

	tell_address(fd, &addr);
	send_fd(fd, waiting);
}

static bool is_in_command_line(const char *pid, const char *word)
{
	char path[300], text[4096];
	int fd;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
	if (fd >= 0)
		close(fd);
	return len > 0 && memmem(text, (size_t)len, word, strlen(word)) != NULL;
}

static size_t network_of(const char *pid, char name[100])
{
	char path[300];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	len = readlink(path, name, 100);
	return len > 0 ? (size_t)len : 0;
}

/* The same check may run over another transport at this moment, in a network of its own. */
static bool is_of_this_run(const char *pid)
{
	char own[100], other[100];
	size_t len = network_of("self", own);

	return network_of(pid, other) == len && memcmp(own, other, len) == 0;
}

static int count_processes(const char *word)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	must(all != NULL, "opendir of /proc");
	while ((entry = readdir(all)))
		count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			 is_of_this_run(entry->d_name) && is_in_command_line(entry->d_name, word);
	closedir(all);
	return count;
}

/*
 * A script that checks whether the program runs must not find the process that serves its listener.
 */
CHECK(a_program_that_has_ended_is_not_found_by_its_command_line)
{
	static const char part[] = "passes_its_listener_on_and_ends";
	struct sockaddr_storage addr;
	int ends[2], waiting, client;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		must(dup2(ends[1], KEPT_FD) == KEPT_FD, "dup2");
		become_part(part, KEPT_FD);
	}
	hear_address(ends[0], &addr);
	waiting = receive_fd(ends[0]);
	say_end("program", pid);
	say("processes with its command line: %d", count_processes(part));
	client = dial(&addr);
	must(client >= 0, "connect");
	say_alive("its listener", client, accept(waiting, NULL, NULL));
}
