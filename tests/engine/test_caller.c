/* SPDX-License-Identifier: MIT */
/* Whose rights count where the engine, which may have more, acts for a program. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/caller.h"

#define NOBODY 65534
#define MARK 5

static uint32_t mark_granted(pid_t pid, uid_t uid)
{
	struct rudp_call call = {.pid = (uint32_t)pid, .uid = uid};
	struct rudp_sock_options options = {.route.mark = MARK};

	rudp_caller_limit(&call, &options);
	return options.route.mark;
}

static void need_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("it needs root");
}

Test(caller, root_may_mark)
{
	need_root();
	cr_assert(eq(u32, mark_granted(getpid(), 0), MARK));
}

/* He has asked, and then executed a program with more rights: the process is the same. */
Test(caller, rights_that_came_after_the_request_do_not_count)
{
	need_root();
	cr_assert(zero(u32, mark_granted(getpid(), NOBODY)));
}

Test(caller, a_living_connection_gets_no_mark)
{
	struct rudp_sock_options options = {0};
	const int value = MARK;

	cr_assert(zero(int, rudp_sock_options_set(&options, SOL_SOCKET, SO_MARK, &value,
						  sizeof value)));
	cr_assert(zero(u32, options.route.mark));
}

/* There anybody has all rights. Says in a byte whether it could be had, and waits to be killed. */
static void live_in_own_namespace(int ready)
{
	bool there = setresuid(NOBODY, NOBODY, NOBODY) == 0 && unshare(CLONE_NEWUSER) == 0;

	if (write(ready, &there, 1) == 1)
		pause();
	_exit(1);
}

Test(caller, rights_in_another_user_namespace_do_not_count)
{
	bool there = false;
	uint32_t granted;
	int ends[2];
	pid_t child;

	need_root();
	cr_assert(zero(int, pipe(ends)));
	child = fork();
	if (child == 0)
		live_in_own_namespace(ends[1]);
	close(ends[1]);
	cr_assert(eq(int, (int)read(ends[0], &there, 1), 1));
	close(ends[0]);
	granted = mark_granted(child, NOBODY);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (!there)
		cr_skip_test("it needs user namespaces");
	cr_assert(zero(u32, granted));
}
