/* SPDX-License-Identifier: MIT */
/*
 * An unauthenticated caller sends a descriptor whose close blocks, before each system call of the
 * engine.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/running_engine.h"

#define MOMENTS_MAX 200

TestSuite(control_moments, .init = engine_start, .fini = engine_end, .timeout = 300);

static void go_on_until_it_stops(int request)
{
	int status;

	cr_assert(eq(long, ptrace(request, engine_pid, 0, 0), 0));
	cr_assert(eq(int, waitpid(engine_pid, &status, __WALL), engine_pid));
	cr_assert(eq(int, WIFSTOPPED(status) != 0, 1));
}

/* Continues to the entry of its next system call. */
static void go_on_to_a_call(struct __ptrace_syscall_info *info)
{
	do {
		go_on_until_it_stops(PTRACE_SYSCALL);
		cr_assert(ge(long, ptrace(PTRACE_GET_SYSCALL_INFO, engine_pid, sizeof *info, info),
			     1));
	} while (info->op != PTRACE_SYSCALL_INFO_ENTRY);
}

static bool is_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return poll(&one, 1, 0) > 0;
}

static bool is_to_sleep(const struct __ptrace_syscall_info *info)
{
	return info->entry.nr == SYS_epoll_wait || info->entry.nr == SYS_epoll_pwait ||
	       info->entry.nr == SYS_epoll_pwait2;
}

/* If the message cannot be sent, the descriptor is closed here, at once. */
static void send_lingering(int to, int fd, bool behind_nothing)
{
	static const struct linger at_once = {1, 0};

	if (behind_nothing)
		(void)send(to, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (!send_raw_if_it_can(to, "x", 1, &fd, 1))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

/* false: the engine has finished with the caller before that moment. */
static bool other_user_sends_at(int moment, bool behind_nothing)
{
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	struct __ptrace_syscall_info info;
	int fd = lingering(), to = channel_of_other_user(), own;
	bool is_over = false;

	go_on_until_it_stops(PTRACE_INTERRUPT);
	send_raw(to, "x", 1, NULL, 0);
	own = channel();
	send_raw(own, &hello, sizeof hello, NULL, 0);
	for (int i = 0; i < moment && !is_over; i++) {
		go_on_to_a_call(&info);
		is_over = is_readable(to) && is_readable(own) && is_to_sleep(&info);
	}
	send_lingering(to, fd, behind_nothing);
	close(to);
	/* Detaching would wake it from a close that blocks. */
	cr_assert(eq(long, ptrace(PTRACE_CONT, engine_pid, 0, 0), 0));
	cr_assert(zero(int, answer(own).error));
	close(own);
	own = channel();
	send_raw(own, &hello, sizeof hello, NULL, 0);
	cr_assert(eq(int, poll(&(struct pollfd){.fd = own, .events = POLLIN}, 1, WAIT_S * 1000 / 3),
		     1),
		  "before call %d", moment);
	close(own);
	return !is_over;
}

Test(control_moments, an_unauthenticated_caller_does_not_block_at_any_call)
{
	int moment = 1;

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	cr_assert(zero(long, ptrace(PTRACE_SEIZE, engine_pid, 0, PTRACE_O_TRACESYSGOOD)));
	while (moment < MOMENTS_MAX && other_user_sends_at(moment, moment % 2))
		moment++;
	cr_assert(ge(int, moment, 10));
	cr_assert(lt(int, moment, MOMENTS_MAX));
}

static bool is_a_look(const struct __ptrace_syscall_info *info)
{
	return info->entry.nr == SYS_recvmsg && info->entry.args[2] & MSG_PEEK;
}

/* The engine has no number for the caller and peeks for its request, which has not come yet. */
Test(control_moments, a_refused_caller_that_sends_late_does_not_block)
{
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	struct __ptrace_syscall_info info;
	struct rlimit limit;
	int fd, to, own;

	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	fd = lingering();
	cr_assert(zero(int, ask(&hello, -1).error));
	wait_until_the_engine_sleeps();
	limit.rlim_cur = limit.rlim_max = first_free_number();
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &limit, NULL)));
	cr_assert(zero(long, ptrace(PTRACE_SEIZE, engine_pid, 0, PTRACE_O_TRACESYSGOOD)));
	go_on_until_it_stops(PTRACE_INTERRUPT);
	to = channel_of_other_user();
	do
		go_on_to_a_call(&info);
	while (!is_a_look(&info));
	go_on_to_a_call(&info);
	send_raw(to, "x", 1, &fd, 1);
	close(fd);
	close(to);
	/* Detaching would wake it from a close that blocks. */
	cr_assert(eq(long, ptrace(PTRACE_CONT, engine_pid, 0, 0), 0));
	own = channel();
	send_raw(own, &hello, sizeof hello, NULL, 0);
	cr_assert(eq(int, poll(&(struct pollfd){.fd = own, .events = POLLIN}, 1, WAIT_S * 1000 / 3),
		     1));
	close(own);
}
