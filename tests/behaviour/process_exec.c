/* SPDX-License-Identifier: MIT */
/* Sockets that stay open across exec, with and without the shim in the new program. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

#define KEPT_FD 20

static void say_family(const char *what, int rc, const struct sockaddr_storage *addr)
{
	if (rc < 0)
		say_result(what, rc);
	else
		say("%s: family %d, port is set: %d", what, addr->ss_family,
		    ((const struct sockaddr_in *)addr)->sin_port != 0);
}

static void say_names(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	say_family("getpeername", getpeername(fd, (struct sockaddr *)&addr, &len), &addr);
	len = sizeof(addr);
	say_family("getsockname", getsockname(fd, (struct sockaddr *)&addr, &len), &addr);
}

PART(names)
{
	say_names(fd);
}

PART(echo)
{
	char byte;

	while (read(fd, &byte, 1) == 1)
		must(write(fd, &byte, 1) == 1, "write of the part");
}

PART(accepts_and_greets)
{
	int connection = accept(fd, NULL, NULL);

	must(write(connection, "hello", 5) == 5, "write of the part");
}

PART(connects)
{
	(void)fd;
	say_new_connection("in the new program");
}

/* The peer resets when it has the byte. */
PART(is_reset_as_another_user)
{
	struct pollfd entry = {.fd = fd};

	must(setgid(65534) == 0 && setuid(65534) == 0, "setuid of the part");
	must(write(fd, "r", 1) == 1, "write of the part");
	must(poll(&entry, 1, -1) == 1, "poll of the part");
	say_rest("read", fd);
}

/* A client that stays open as KEPT_FD across exec, and the other end. */
static int keep_client(void)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	must(dup2(client, KEPT_FD) == KEPT_FD, "dup2");
	close(client);
	fcntl(server, F_SETFD, FD_CLOEXEC);
	return server;
}

typedef void become(const char *name, int fd);

static void exec_echo(become *how)
{
	int server = keep_client();
	char text[6] = "";
	pid_t pid = begin_child();

	if (pid == 0)
		how("echo", KEPT_FD);
	close(KEPT_FD);
	must(write(server, "hello", 5) == 5, "write");
	must(recv(server, text, 5, MSG_WAITALL) == 5, "read");
	say("came back: %s", text);
	shutdown(server, SHUT_WR);
	say_end("program", pid);
	say_rest("then", server);
}

/* The executed program makes no socket before it changes its user. */
static void reset_another_user(bool ends_first)
{
	struct linger at_once = {.l_onoff = 1};
	int server = keep_client();
	pid_t pid = begin_child();
	char byte;

	if (pid == 0)
		become_part("is_reset_as_another_user", KEPT_FD);
	close(KEPT_FD);
	must(read(server, &byte, 1) == 1, "read");
	if (ends_first)
		shutdown(server, SHUT_WR);
	must(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0, "linger");
	close(server);
	say_end("program", pid);
}

CHECK(a_reset_reaches_an_executed_program_that_changed_its_user)
{
	reset_another_user(false);
}

CHECK(a_reset_after_the_end_reaches_an_executed_program_that_changed_its_user)
{
	reset_another_user(true);
}

CHECK(exec_keeps_a_connection)
{
	exec_echo(become_part);
}

CHECK(exec_of_a_plain_program_keeps_a_connection)
{
	exec_echo(become_plain_part);
}

static void exec_acceptor(become *how)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	pid_t pid = begin_child();
	int client;

	if (pid == 0)
		how("accepts_and_greets", waiting);
	close(waiting);
	client = dial(&addr);
	must(client >= 0, "connect");
	shutdown(client, SHUT_WR);
	char text[6] = "";
	must(recv(client, text, 5, MSG_WAITALL) == 5, "read");
	say("greeting: %s", text);
	say_end("program", pid);
	say_result("connect when it has ended", dial(&addr));
}

CHECK(exec_keeps_a_listener)
{
	exec_acceptor(become_part);
}

CHECK(exec_of_a_plain_program_keeps_a_listener)
{
	exec_acceptor(become_plain_part);
}

CHECK(names_are_known_after_exec)
{
	keep_client();
	pid_t pid = begin_child();

	if (pid == 0)
		become_part("names", KEPT_FD);
	say_end("program", pid);
}

CHECK(names_are_known_after_exec_of_a_plain_program)
{
	keep_client();
	pid_t pid = begin_child();

	if (pid == 0)
		become_plain_part("names", KEPT_FD);
	say_end("program", pid);
}

CHECK(a_socket_that_closes_on_exec_ends_its_connection)
{
	int server = keep_client();
	int ends[2];
	pid_t pid;

	must(pipe(ends) == 0, "pipe");
	fcntl(KEPT_FD, F_SETFD, FD_CLOEXEC);
	pid = begin_child();
	if (pid == 0) {
		close(ends[1]);
		dup2(ends[0], KEPT_FD + 1);
		become_part("echo", KEPT_FD + 1);
	}
	close(KEPT_FD);
	say_rest("peer", server);
	close(ends[1]);
	say_end("program", pid);
}

CHECK(the_executed_program_opens_sockets)
{
	pid_t pid = begin_child();

	if (pid == 0)
		become_part("connects", 0);
	say_end("program", pid);
}

CHECK(exec_that_fails_leaves_everything)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	say_result("execl", execl("/nowhere/at/all", "nothing", NULL));
	say_result("execv", execv("/etc/passwd", (char *[]){(char *)"passwd", NULL}));
	say_result("execve", execve("/", (char *[]){(char *)"root", NULL}, NULL));
	say_result("fexecve", fexecve(-1, (char *[]){(char *)"x", NULL}, environ));
	say_alive("connection", client, server);
}

/*
 * Every way to execute a program. The new program must get the addresses of a socket, which needs
 * the shim, whatever environment it was given.
 */
static char *const stripped[] = {(char *)"KEPT=1", NULL};

struct way {
	const char *path;
	char **list;
};

static void by_execl(const struct way *way)
{
	execl(way->path, way->list[0], way->list[1], way->list[2], way->list[3], NULL);
}

static void by_execlp(const struct way *way)
{
	execlp(way->path, way->list[0], way->list[1], way->list[2], way->list[3], NULL);
}

static void by_execle(const struct way *way)
{
	execle(way->path, way->list[0], way->list[1], way->list[2], way->list[3], NULL, stripped);
}

static void by_execv(const struct way *way)
{
	execv(way->path, way->list);
}

static void by_execvp(const struct way *way)
{
	execvp(way->path, way->list);
}

static void by_execvpe(const struct way *way)
{
	execvpe(way->path, way->list, stripped);
}

static void by_execve(const struct way *way)
{
	execve(way->path, way->list, stripped);
}

static void by_execve_without_environment(const struct way *way)
{
	execve(way->path, way->list, NULL);
}

static void by_fexecve(const struct way *way)
{
	fexecve(open(way->path, O_RDONLY | O_CLOEXEC), way->list, stripped);
}

static void by_execveat(const struct way *way)
{
	execveat(AT_FDCWD, way->path, way->list, stripped, 0);
}

static void wait_and_exit(pid_t pid)
{
	say_end("its child", pid);
	exit(0);
}

static void by_posix_spawn(const struct way *way)
{
	pid_t pid = -1;

	if (posix_spawn(&pid, way->path, NULL, NULL, way->list, stripped) == 0)
		wait_and_exit(pid);
}

static void by_posix_spawnp(const struct way *way)
{
	pid_t pid = -1;

	if (posix_spawnp(&pid, way->path, NULL, NULL, way->list, stripped) == 0)
		wait_and_exit(pid);
}

/* Only later versions of libc have these functions, so they are looked up. */
typedef int spawn_for_pidfd(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attributes, char *const arguments[],
			    char *const environment[]);

static void spawn_by_name(const char *name, const struct way *way)
{
	spawn_for_pidfd *spawn;
	siginfo_t end = {.si_status = -1};
	int pidfd = -1, rc;

	*(void **)&spawn = dlsym(RTLD_DEFAULT, name);
	rc = spawn ? spawn(&pidfd, way->path, NULL, NULL, way->list, stripped) : ENOSYS;
	if (rc == ENOSYS) {
		say("libc has it not");
		exit(0);
	}
	must(rc == 0, name);
	must(waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED) == 0, "waitid");
	say("its child: exit code %d", end.si_status);
	exit(0);
}

static void by_pidfd_spawn(const struct way *way)
{
	spawn_by_name("pidfd_spawn", way);
}

static void by_pidfd_spawnp(const struct way *way)
{
	spawn_by_name("pidfd_spawnp", way);
}

static void shell_line(const struct way *way, char *line, size_t size)
{
	snprintf(line, size, "exec %s %s %s %s", way->path, way->list[1], way->list[2],
		 way->list[3]);
}

static void by_system(const struct way *way)
{
	char line[5000];

	shell_line(way, line, sizeof(line));
	say_result("system", system(line));
	exit(0);
}

static void by_popen(const struct way *way)
{
	char line[5000];
	FILE *output;

	shell_line(way, line, sizeof(line));
	output = popen(line, "r");
	must(output != NULL, "popen");
	say_result("pclose", pclose(output));
	exit(0);
}

/* Careful programs call unsetenv: sshd, sudo, cron. */
static void executed(void (*how)(const struct way *))
{
	struct arguments arguments;
	struct way way = {own_path(), part_arguments(&arguments, "names", KEPT_FD)};
	pid_t pid;

	keep_client();
	pid = begin_child();
	if (pid == 0) {
		unsetenv("LD_PRELOAD");
		how(&way);
		say_result("exec", -1);
		_exit(1);
	}
	say_end("program", pid);
}

#define EXECUTED(way)                                                                              \
	CHECK(way##_leads_to_a_program_that_knows_its_sockets)                                     \
	{                                                                                          \
		executed(by_##way);                                                                \
	}

EXECUTED(execl)
EXECUTED(execlp)
EXECUTED(execle)
EXECUTED(execv)
EXECUTED(execvp)
EXECUTED(execvpe)
EXECUTED(execve)
EXECUTED(execve_without_environment)
EXECUTED(fexecve)
EXECUTED(execveat)
EXECUTED(posix_spawn)
EXECUTED(posix_spawnp)
EXECUTED(pidfd_spawn)
EXECUTED(pidfd_spawnp)
EXECUTED(system)
EXECUTED(popen)
