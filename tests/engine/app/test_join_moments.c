/* SPDX-License-Identifier: MIT */
/*
 * While the engine joins a program's socket to a connection there is an abstract name at which it
 * listens. Another user comes there at each moment at which the engine makes a system call: he has no
 * part in the connection, and what he sends does not hold the engine up.
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
#define NAME "@rudp1c"   /* of a connection; the @ is a 0 */

TestSuite(join_moments, .init = engine_start, .fini = engine_end, .timeout = 300);

static void go_on_until_it_stops(int request)
{
	int status;

	cr_assert(eq(long, ptrace(request, engine_pid, 0, 0), 0));
	cr_assert(eq(int, waitpid(engine_pid, &status, __WALL), engine_pid));
	cr_assert(eq(int, WIFSTOPPED(status) != 0, 1));
}

/* In front of its next system call. */
static void go_on_to_a_call(void)
{
	struct __ptrace_syscall_info info;

	do {
		go_on_until_it_stops(PTRACE_SYSCALL);
		cr_assert(ge(long, ptrace(PTRACE_GET_SYSCALL_INFO, engine_pid, sizeof info, &info), 1));
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY);
}

static bool is_listening_name(const char *line, char name[sizeof((struct sockaddr_un *)0)->sun_path])
{
	unsigned flags;

	return sscanf(line, "%*s %*s %*s %x %*s %*s %*s %107s", &flags, name) == 2 && flags & LISTENS &&
	       strncmp(name, NAME, strlen(NAME)) == 0;
}

/* As everybody can read it. The length of the name; 0: nothing listens. */
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

/* Returns the socket of another user who has come there; -1: he was not let in. */
static int come_as_stranger(void)
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

static void expect_nothing(int stranger)
{
	char byte;

	cr_assert(le(int, (int)recv(stranger, &byte, 1, MSG_DONTWAIT), 0));
	close(stranger);
}

static bool is_readable(int fd)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

static unsigned let_in; /* strangers */

/* false: the engine has answered before that system call of its own. */
static bool connect_with_stranger_at(int moment)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_CONNECT);
	struct rudp_control_reply reply;
	int listener = kernel_listener(&request.addr), program = fresh(), to, peer, stranger;
	bool is_over;

	request.flags = RUDP_CONTROL_NONBLOCKING;
	go_on_until_it_stops(PTRACE_INTERRUPT);
	to = channel();
	send_raw(to, &request, sizeof request, &program, 1);
	for (int i = 0; i < moment && !is_readable(to); i++)
		go_on_to_a_call();
	is_over = is_readable(to);
	stranger = come_as_stranger();
	/* To let go of it would wake it from a close that waits. */
	cr_assert(eq(long, ptrace(PTRACE_CONT, engine_pid, 0, 0), 0));
	reply = answer(to);
	cr_assert(eq(int, reply.error, EINPROGRESS), "before call %d", moment);
	peer = accept(listener, NULL, NULL);
	cr_assert(eq(int, poll(&(struct pollfd){.fd = program, .events = POLLOUT}, 1, WAIT_S * 1000),
		     1));
	expect_word(program, peer);
	expect_word(peer, program);
	expect_a_prompt_answer();
	close(to);
	close(peer);
	close(program);
	close(listener);
	if (stranger >= 0) {
		expect_nothing(stranger);
		let_in++;
	}
	return !is_over;
}

Test(join_moments, a_stranger_has_no_part_in_a_connection)
{
	int moment = 1;

	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	cr_assert(zero(long, ptrace(PTRACE_SEIZE, engine_pid, 0, PTRACE_O_TRACESYSGOOD)));
	while (moment < MOMENTS_MAX && connect_with_stranger_at(moment))
		moment++;
	cr_assert(lt(int, moment, MOMENTS_MAX));
	/* In front of the program's socket, and behind it. */
	cr_assert(ge(uint, let_in, 2));
}
