/* SPDX-License-Identifier: MIT */
/* Descriptors that separate threads close, also if the system cannot start a thread at the
 * moment. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/loop/deferred_close.h"
#include "engine/loop/engine.h"
#include "engine/loop/loop.h"

#define NOBODY 65534
#define WAIT_MS 30000

TestSuite(deferred_close, .timeout = 120);

/* Whether the other end of a pipe is closed within wait_ms. */
static bool is_closed(int end, int wait_ms)
{
	struct pollfd one = {.fd = end};

	return poll(&one, 1, wait_ms) == 1 && one.revents & POLLHUP;
}

/* Returns the end that shows whether the other was closed. */
static int take_one(void)
{
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	rudp_deferred_close(ends[1]);
	return ends[0];
}

static void limit_tasks(rlim_t count)
{
	struct rlimit limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NPROC, &limit)));
	limit.rlim_cur = count < limit.rlim_max ? count : limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NPROC, &limit)));
}

Test(deferred_close, a_descriptor_is_closed)
{
	cr_assert(is_closed(take_one(), WAIT_MS));
	cr_assert(not(rudp_deferred_close_is_short()));
}

Test(deferred_close, without_a_thread_it_is_closed_once_there_is_one)
{
	static struct rudp_settings settings;
	struct rudp_engine engine;
	int end;

	if (geteuid() == 0) /* root has no limit of tasks */
		cr_assert(zero(int, setresuid(NOBODY, NOBODY, NOBODY)));
	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	limit_tasks(0);
	end = take_one();
	cr_assert(rudp_deferred_close_is_short());
	cr_assert(not(is_closed(end, 0)));
	cr_assert(lt(i64, rudp_housekeeping_deadline_ns(&engine), RUDP_NEVER), "it does not sleep");
	engine.now_at_ns = engine.housekeeping_at_ns;
	rudp_housekeeping(&engine);
	cr_assert(rudp_deferred_close_is_short());
	cr_assert(not(is_closed(end, 0)));
	limit_tasks(RLIM_INFINITY);
	engine.now_at_ns = engine.housekeeping_at_ns;
	rudp_housekeeping(&engine);
	cr_assert(not(rudp_deferred_close_is_short()));
	cr_assert(is_closed(end, WAIT_MS));
	rudp_engine_fini(&engine);
}

/* The engine's thread forks while others close: the fork has no such thread, but can start one. */
Test(deferred_close, a_fork_closes_with_threads_of_its_own)
{
	int status;
	pid_t pid;

	cr_assert(is_closed(take_one(), WAIT_MS));
	rudp_deferred_close_lock();
	pid = fork();
	if (pid == 0) {
		rudp_deferred_close_forked();
		_exit(!is_closed(take_one(), WAIT_MS));
	}
	rudp_deferred_close_unlock();
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(eq(int, status, 0));
	cr_assert(is_closed(take_one(), WAIT_MS));
}
