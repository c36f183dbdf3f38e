/* SPDX-License-Identifier: MIT */
/*
 * The program that has opened a socket ends first, or executes another, and others go on with the
 * socket: its children, a daemon, whoever it has passed the descriptor to. It is always forked before
 * the check has a socket, so that an engine in a thread is its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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
#define MUCH_BYTES 200000
#define FULL_MS 300
#define ALLOCATORS 8
#define ALLOCATING_ENDS 20
#define LITTLE_BYTES 10240

static void make_channel(int ends[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
}

static void greet(int waiting)
{
	int server = accept(waiting, NULL, NULL);

	must(server >= 0 && write(server, "hello", 5) == 5, "accept and write");
	close(server);
}

static bool is_greeted(const struct sockaddr_storage *addr)
{
	char text[6] = "";
	int client = dial(addr);
	bool greeted = client >= 0 && recv(client, text, 5, MSG_WAITALL) == 5 &&
		       strcmp(text, "hello") == 0;

	if (client >= 0)
		close(client);
	return greeted;
}

static void say_greeted(const char *what, const struct sockaddr_storage *addr, int visitors)
{
	int greeted = 0;

	for (int i = 0; i < visitors; i++)
		greeted += is_greeted(addr);
	say("%s: %d greeted", what, greeted);
}

/* Serves as many as come, until the channel ends. */
static void serve_until_channel_ends(int waiting, int channel)
{
	struct pollfd both[2] = {{.fd = waiting, .events = POLLIN}, {.fd = channel, .events = POLLIN}};

	fcntl(waiting, F_SETFL, O_NONBLOCK);
	while (poll(both, 2, -1) > 0 && !both[1].revents) {
		int server = accept(waiting, NULL, NULL);

		if (server >= 0 && write(server, "hello", 5) == 5)
			close(server);
	}
	_exit(0);
}

/* The address of the listener that a child has opened. */
static void tell_address(int channel, const struct sockaddr_storage *addr)
{
	must(write(channel, addr, sizeof(*addr)) == sizeof(*addr), "write of an address");
}

static void hear_address(int channel, struct sockaddr_storage *addr)
{
	must(recv(channel, addr, sizeof(*addr), MSG_WAITALL) == sizeof(*addr), "read of an address");
}

/* Nobody listens there any more, now or soon. */
static bool is_refused(void *addr)
{
	int client = dial(addr);

	if (client >= 0)
		close(client);
	return client < 0 && errno == ECONNREFUSED;
}

/* A program that listens, and becomes a daemon by become(), which does not return in the program. */
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

/* The first process has both the listener and a connection, with bytes in both directions. */
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

/* What a program passes on is there when it has ended, however it ends. */
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
	say("children: %s", waitpid(-1, NULL, WNOHANG | __WALL) < 0 ? strerrorname_np(errno) : "some");
	greet(fd);
	say_new_connection("in the executed program");
	say("children: %s", waitpid(-1, NULL, WNOHANG | __WALL) < 0 ? strerrorname_np(errno) : "some");
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

/* Listens on the port of addr, or on any, which is put there, and ends. */
static void listen_and_end(const struct sockaddr_storage *addr, int channel)
{
	struct sockaddr_storage own;

	if (port_of(addr) == 0) {
		listener(AF_INET, &own);
	} else {
		int fd = fresh(AF_INET, 0);

		must(bind_to(fd, addr) == 0 && listen(fd, 1) == 0, "the port once more");
		own = *addr;
	}
	tell_address(channel, &own);
	exit(0);
}

/* A restart takes the port that the program had a moment ago. */
CHECK(the_port_of_a_program_that_has_ended_is_free)
{
	struct sockaddr_storage addr = {0};
	int ends[2], status;
	int restarts = 0;

	make_channel(ends);
	for (int i = 0; i < RESTARTS; i++) {
		pid_t pid = begin_child();

		if (pid == 0)
			listen_and_end(&addr, ends[1]);
		waitpid(pid, &status, 0);
		if (status != 0)
			break;
		hear_address(ends[0], &addr);
		restarts++;
	}
	say("restarts: %d", restarts);
}

/* Whoever reads from a pipe of the program sees its end, though its listener lives. */
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

/* Writes until nothing more is taken for a while: all buffers up to the peer's program are full. */
static size_t fill(int fd)
{
	static char bytes[65536];
	struct pollfd one = {.fd = fd, .events = POLLOUT};
	size_t written = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	do {
		n = write(fd, bytes, sizeof(bytes));
		written += n > 0 ? (size_t)n : 0;
	} while (n > 0 || poll(&one, 1, FULL_MS) == 1);
	return written;
}

/* How much of what was written does not come, up to the end of file. */
static size_t missing(int fd, size_t written)
{
	static char bytes[65536];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		written -= (size_t)n;
	say("peer: %zd", n);
	return written;
}

/* The peer reads only when the writer has ended. */
CHECK(a_program_ends_at_once_and_what_it_has_written_arrives_later)
{
	struct sockaddr_storage addr;
	int ends[2], waiting, server;
	size_t written;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		hear_address(ends[1], &addr);
		written = fill(dial(&addr));
		must(write(ends[1], &written, sizeof(written)) == sizeof(written), "write of a size");
		exit(0);
	}
	waiting = listener(AF_INET, &addr);
	tell_address(ends[0], &addr);
	server = accept(waiting, NULL, NULL);
	must(recv(ends[0], &written, sizeof(written), MSG_WAITALL) == sizeof(written), "read of a size");
	say_end("program", pid);
	say("much was written: %d", written > 65536);
	say("missing: %zu", missing(server, written));
}

static void *allocate_for_ever(void *unused)
{
	for (size_t size = 0;; size = (size + 4099) % 100000)
		free(malloc(size));
	return unused;
}

static void allocate_and_end(int channel)
{
	struct sockaddr_storage addr;
	int waiting;

	for (int i = 0; i < ALLOCATORS; i++)
		spawn(allocate_for_ever, NULL);
	waiting = listener(AF_INET, &addr);
	tell_address(channel, &addr);
	send_fd(channel, waiting);
	exit(0);
}

static void serve_in_its_place(void)
{
	struct sockaddr_storage addr;
	int ends[2], waiting, client;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0)
		allocate_and_end(ends[1]);
	hear_address(ends[0], &addr);
	waiting = receive_fd(ends[0]);
	waitpid(pid, NULL, 0);
	client = dial(&addr);
	_exit(client < 0 || accept(waiting, NULL, NULL) < 0);
}

/* Their locks are held at any moment, and the program ends in the middle of it. */
CHECK(a_program_whose_threads_allocate_ends_before_its_listener)
{
	int served = 0;

	for (int i = 0; i < ALLOCATING_ENDS; i++) {
		pid_t pid = begin_child();
		int status;

		if (pid == 0)
			serve_in_its_place();
		waitpid(pid, &status, 0);
		served += status == 0;
	}
	say("served: %d", served);
}

/* What a program writes right before its end comes, where confine() has been called after connect. */
static void write_and_end_confined(void (*confine)(void), bool in_new_namespace)
{
	struct sockaddr_storage addr;
	int ends[2], waiting;
	pid_t pid;

	make_channel(ends);
	if (in_new_namespace)
		must(unshare(CLONE_NEWPID) == 0, "a namespace of processes");
	pid = begin_child();
	if (pid == 0) {
		hear_address(ends[1], &addr);
		int client = dial(&addr);
		confine();
		must(pattern_write(client, LITTLE_BYTES), "write");
		exit(0);
	}
	waiting = listener(AF_INET, &addr);
	tell_address(ends[0], &addr);
	say_rest("peer", accept(waiting, NULL, NULL));
	say_end("program", pid);
}

static void confine_nothing(void)
{
	must(getpid() == 1, "the first process");
}

/* All that exists later in the namespace ends with it. */
CHECK(the_first_process_of_a_namespace_ends_and_what_it_has_written_arrives)
{
	write_and_end_confined(confine_nothing, true);
}

/* For all threads of the program: it dies if one of them makes a process. */
static void forbid_processes(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {sizeof(rules) / sizeof(rules[0]), rules};

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			     &program) == 0,
	     "the filter");
}

CHECK(a_program_that_may_make_no_process_ends_and_what_it_has_written_arrives)
{
	write_and_end_confined(forbid_processes, false);
}
