/* SPDX-License-Identifier: MIT */
/* A running engine that has no number left for a descriptor. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/running_engine.h"

TestSuite(control_full, .init = engine_start, .fini = engine_end, .timeout = 300);

Test(control_full, what_finds_no_number_in_the_engine_is_one_file_too_many)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_HELLO);
	int to = channel(), fd = fresh();

	cr_assert(zero(int, ask(&request, -1).error)); /* the engine has the call before this one */
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &(struct rlimit){3, 3}, NULL)));
	request.operation = RUDP_CONTROL_LISTEN;
	send_raw(to, &request, sizeof request, &fd, 1);
	cr_assert(eq(int, answer(to).error, EMFILE));
}

/* One step before: it has none for the caller himself. */
Test(control_full, who_finds_no_number_in_the_engine_is_told_so)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_HELLO);
	struct rlimit limit;
	int to;

	cr_assert(zero(int, ask(&request, -1).error));
	wait_until_the_engine_rests();
	cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
	limit.rlim_cur = limit.rlim_max = first_free_number();
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &limit, NULL)));
	to = channel();
	send_raw(to, &request, sizeof request, NULL, 0);
	cr_assert(zero(int, kill(engine_pid, SIGCONT)));
	cr_assert(eq(int, answer(to).error, EMFILE));
	close(to);
}

/* What an unauthenticated caller has sent finds no number, as he himself, or though he has found one. */
static void expect_nobody_held_up(unsigned numbers)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_SHUTDOWN);
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	struct pollfd one = {.events = POLLIN};
	struct rlimit limit;
	int to, fd;

	fd = lingering();
	cr_assert(zero(int, ask(&hello, -1).error));
	wait_until_the_engine_rests();
	cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
	limit.rlim_cur = limit.rlim_max = first_free_number() + numbers;
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &limit, NULL)));
	to = strange_channel();
	send_raw(to, &request, sizeof request, &fd, 1);
	close(fd);
	close(to);
	one.fd = channel();
	send_raw(one.fd, &hello, sizeof hello, NULL, 0);
	cr_assert(zero(int, kill(engine_pid, SIGCONT)));
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000 / 3), 1));
	close(one.fd);
}

Test(control_full, a_unauthenticated_callers_descriptor_holds_nobody_up_where_it_finds_no_number)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	expect_nobody_held_up(0);
}

Test(control_full,
     a_unauthenticated_callers_descriptor_holds_nobody_up_where_he_has_the_last_number)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	expect_nobody_held_up(1);
}
