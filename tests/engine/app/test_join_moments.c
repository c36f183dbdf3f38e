/* SPDX-License-Identifier: MIT */
/*
 * To join a socket that its program has bound, the engine listens at an abstract name. Another user
 * connects there before each system call of the engine: that user gets no part in the connection,
 * and descriptors in its messages do not block the engine. For other sockets there is no such name.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/running_engine.h"

#define NOBODY 65534
#define MOMENTS_MAX 200
#define LISTENS 0x10000u /* flag in /proc/net/unix */
#define NAME "@rudp1c"   /* name of a connection; @ stands for the leading 0 byte */

TestSuite(join_moments, .init = engine_start, .fini = engine_end, .timeout = 300);

static void go_on_until_it_stops(int request)
{
	int status;

	cr_assert(eq(long, ptrace(request, engine_pid, 0, 0), 0));
	cr_assert(eq(int, waitpid(engine_pid, &status, __WALL), engine_pid));
	cr_assert(eq(int, WIFSTOPPED(status) != 0, 1));
}

/* Continues to the entry of its next system call. */
static void go_on_to_a_call(void)
{
	struct __ptrace_syscall_info info;

	do {
		go_on_until_it_stops(PTRACE_SYSCALL);
		cr_assert(ge(long, ptrace(PTRACE_GET_SYSCALL_INFO, engine_pid, sizeof info, &info),
			     1));
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY);
}

static bool is_listening_name(const char *line,
			      char name[sizeof((struct sockaddr_un *)0)->sun_path])
{
	char engine[23];
	unsigned flags;

	rudp_nonce_write(&nonce, engine);
	return sscanf(line, "%*s %*s %*s %x %*s %*s %*s %107s", &flags, name) == 2 &&
	       flags & LISTENS && strncmp(name, NAME, strlen(NAME)) == 0 &&
	       strncmp(name + strlen(NAME), engine, strlen(engine)) == 0;
}

/* Finds the listening name of this engine, as every user can. Returns its length; 0: nothing
 * listens. */
static socklen_t find_name(struct sockaddr_un *un)
{
	FILE *names = fopen("/proc/net/unix", "re");
	char line[256], name[sizeof un->sun_path];
	socklen_t len = 0;

	cr_assert(names != NULL);
	while (len == 0 && fgets(line, sizeof line, names))
		if (is_listening_name(line, name)) {
			*un = (struct sockaddr_un){.sun_family = AF_UNIX};
			memcpy(un->sun_path + 1, name + 1, strlen(name) - 1);
			len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
		}
	fclose(names);
	return len;
}

/* Returns the socket with which another user has connected there; -1: it could not. */
static int connect_as_other_user(void)
{
	struct sockaddr_un un;
	socklen_t len = find_name(&un);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), lingers, rc;

	cr_assert(zero(int, setresuid(NOBODY, NOBODY, 0)));
	rc = len > 0 ? connect(fd, (struct sockaddr *)&un, len) : -1;
	cr_assert(zero(int, setresuid(0, 0, 0)));
	if (rc < 0) {
		close(fd);
		return -1;
	}
	lingers = lingering();
	(void)send_raw_if_it_can(fd, "foreign", 7, &lingers, 1);
	close(lingers);
	return fd;
}

static void expect_word(int from, int to)
{
	char word[16] = "";

	cr_assert(eq(int, (int)send(from, "word", 4, MSG_NOSIGNAL), 4));
	cr_assert(eq(int, (int)recv(to, word, sizeof word, 0), 4));
	cr_assert(eq(str, word, "word"));
}

static void expect_nothing(int other_user)
{
	char byte;

	cr_assert(le(int, (int)recv(other_user, &byte, 1, MSG_DONTWAIT), 0));
	close(other_user);
}

static bool is_readable(int fd)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

static void bind_program(int fd)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_BIND);

	cr_assert(zero(int, rudp_addr_parse(&request.addr, "127.0.0.1:0")));
	cr_assert(zero(int, ask(&request, fd).error));
}

static unsigned let_in; /* connections of another user that were accepted */

/* false: the engine has answered before that system call. */
static bool connect_with_other_user_at(int moment, bool is_bound)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_CONNECT);
	struct rudp_control_reply reply;
	int listener = kernel_listener(&request.addr), program = fresh(), to, peer, other_user;
	bool is_over;

	if (is_bound)
		bind_program(program);
	request.flags = RUDP_CONTROL_NONBLOCKING;
	go_on_until_it_stops(PTRACE_INTERRUPT);
	to = channel();
	send_raw(to, &request, sizeof request, &program, 1);
	for (int i = 0; i < moment && !is_readable(to); i++)
		go_on_to_a_call();
	is_over = is_readable(to);
	other_user = connect_as_other_user();
	/* Detaching would wake it from a close that blocks. */
	cr_assert(eq(long, ptrace(PTRACE_CONT, engine_pid, 0, 0), 0));
	reply = answer(to);
	cr_assert(eq(int, reply.error, EINPROGRESS), "before call %d", moment);
	peer = accept(listener, NULL, NULL);
	cr_assert(eq(int,
		     poll(&(struct pollfd){.fd = program, .events = POLLOUT}, 1, WAIT_S * 1000),
		     1));
	expect_word(program, peer);
	expect_word(peer, program);
	expect_a_prompt_answer();
	close(to);
	close(peer);
	close(program);
	close(listener);
	if (other_user >= 0) {
		expect_nothing(other_user);
		let_in++;
	}
	return !is_over;
}

static void connect_at_each_moment(bool is_bound)
{
	int moment = 1;

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	let_in = 0;
	cr_assert(zero(long, ptrace(PTRACE_SEIZE, engine_pid, 0, PTRACE_O_TRACESYSGOOD)));
	while (moment < MOMENTS_MAX && connect_with_other_user_at(moment, is_bound))
		moment++;
	cr_assert(lt(int, moment, MOMENTS_MAX));
	cr_assert(ge(int, moment, 3));
}

Test(join_moments, another_user_has_no_part_in_a_connection)
{
	connect_at_each_moment(true);
	/* Both before and after the program's own socket. */
	cr_assert(ge(uint, let_in, 2));
}

Test(join_moments, another_user_finds_no_listener_if_the_socket_was_not_bound)
{
	connect_at_each_moment(false);
	cr_assert(zero(uint, let_in));
}
