/* SPDX-License-Identifier: MIT */
/* A running engine that has no number left for a descriptor. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "running_engine.h"

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

/* The first number that the engine does not use. */
static unsigned first_free_number(void)
{
	unsigned number = 0;
	char path[64], target[8];

	do
		snprintf(path, sizeof path, "/proc/%d/fd/%u", (int)engine_pid, number++);
	while (readlink(path, target, sizeof target) >= 0);
	return number - 1;
}

/* What it was asked before is over, descriptors and all, when it waits. */
static void wait_until_the_engine_rests(void)
{
	char path[32], state = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)engine_pid);
	while (state != 'S') {
		file = fopen(path, "re");
		cr_assert(file != NULL);
		cr_assert(eq(int, fscanf(file, "%*d (%*[^)]) %c", &state), 1));
		fclose(file);
	}
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

/* What a stranger has sent finds no number either, and so is closed with the message it lies in. */
Test(control_full, a_strangers_descriptor_holds_nobody_up_where_it_finds_no_number)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_SHUTDOWN);
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	struct pollfd one = {.events = POLLIN};
	struct rlimit limit;
	int to, fd;

	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	fd = lingering();
	cr_assert(zero(int, ask(&hello, -1).error));
	wait_until_the_engine_rests();
	cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
	limit.rlim_cur = limit.rlim_max = first_free_number();
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
