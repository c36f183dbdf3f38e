/* SPDX-License-Identifier: MIT */
/* A running engine that has no descriptor number left. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/running_engine.h"

TestSuite(control_full, .init = engine_start, .fini = engine_end, .timeout = 300);

Test(control_full, a_descriptor_without_a_free_number_is_emfile)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_HELLO);
	int to = channel(), fd = fresh();

	/* The engine has already accepted the call opened before this one */
	cr_assert(zero(int, ask(&request, -1).error));
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &(struct rlimit){3, 3}, NULL)));
	request.operation = RUDP_CONTROL_LISTEN;
	send_raw(to, &request, sizeof request, &fd, 1);
	cr_assert(eq(int, answer(to).error, EMFILE));
}

/* One step earlier: there is no number for the caller's own socket. */
Test(control_full, a_caller_without_a_free_number_gets_emfile)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_HELLO);
	struct rlimit limit;
	int to;

	cr_assert(zero(int, ask(&request, -1).error));
	wait_until_the_engine_sleeps();
	cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
	limit.rlim_cur = limit.rlim_max = first_free_number();
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &limit, NULL)));
	to = channel();
	send_raw(to, &request, sizeof request, NULL, 0);
	cr_assert(zero(int, kill(engine_pid, SIGCONT)));
	cr_assert(eq(int, answer(to).error, EMFILE));
	close(to);
}

/* There is no number for the descriptor of an unauthenticated caller, or not even for its call. */
static void expect_no_block(unsigned numbers)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_SHUTDOWN);
	struct rudp_control_request hello = request_of(RUDP_CONTROL_HELLO);
	struct pollfd one = {.events = POLLIN};
	struct rlimit limit;
	int to, fd;

	fd = lingering();
	cr_assert(zero(int, ask(&hello, -1).error));
	wait_until_the_engine_sleeps();
	cr_assert(zero(int, kill(engine_pid, SIGSTOP)));
	limit.rlim_cur = limit.rlim_max = first_free_number() + numbers;
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &limit, NULL)));
	to = channel_of_other_user();
	send_raw(to, &request, sizeof request, &fd, 1);
	close(fd);
	close(to);
	one.fd = channel();
	send_raw(one.fd, &hello, sizeof hello, NULL, 0);
	cr_assert(zero(int, kill(engine_pid, SIGCONT)));
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000 / 3), 1));
	close(one.fd);
}

Test(control_full, an_unauthenticated_descriptor_without_a_free_number_does_not_block)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	expect_no_block(0);
}

Test(control_full, an_unauthenticated_descriptor_does_not_block_if_its_call_has_the_last_number)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
	expect_no_block(1);
}

static void start_for_rudp_alone(void)
{
	engine_start_with("listen use rudp");
}

TestSuite(control_full_adopted, .init = start_for_rudp_alone, .fini = engine_end, .timeout = 300);

/* The service manager's socket listens for plain TCP, which the engine must refuse. */
Test(control_full_adopted, a_plain_client_is_reset_without_a_free_number)
{
	struct rudp_control_request request = request_of(RUDP_CONTROL_ADOPT);
	struct rudp_addr address;
	int fds[] = {fresh(), kernel_listener(&address)};
	int to = channel(), client = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd one = {.fd = client, .events = POLLIN};
	struct rlimit limit;
	char byte;

	send_raw(to, &request, sizeof request, fds, 2);
	cr_assert(zero(int, answer(to).error));
	close(to);
	wait_until_the_engine_sleeps();
	limit.rlim_cur = limit.rlim_max = first_free_number();
	cr_assert(zero(int, prlimit(engine_pid, RLIMIT_NOFILE, &limit, NULL)));
	cr_assert(zero(int, connect(client, &address.sa, rudp_addr_len(&address))));
	cr_assert(eq(int, poll(&one, 1, WAIT_S * 1000 / 3), 1));
	cr_assert(eq(int, (int)read(client, &byte, 1), -1));
	cr_assert(eq(int, errno, ECONNRESET));
	close(client);
}
