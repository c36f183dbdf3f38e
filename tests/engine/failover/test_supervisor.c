/* SPDX-License-Identifier: MIT */
/* The process behind an engine: when it starts another, and what that one finds open. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/failover/supervisor.h"
#include "engine/running_engine.h"

#define NOBODY 65534
#define KILLS 400
#define KILL_STEP_NS 2000

/* What all processes of a test see. */
static struct world {
	unsigned starts;
	pid_t supervisor;
	int kept_fd, other_fd;
	bool kept_is_open, other_is_open, standard_are_open, has_supervisor;
	char name[16], supervisor_name[16];
	int ends[2];
} *world;

typedef int fake_engine(void *context, struct rudp_failover_state *failover);

static void setup(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* successors and supervisors come to this process */
	world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(ne(ptr, (void *)world, MAP_FAILED));
	cr_assert(zero(int, pipe2(world->ends, O_CLOEXEC)));
}

TestSuite(supervisor, .init = setup, .timeout = 25);

/* In a process of its own, as in rudp-engine. */
static pid_t begin(fake_engine *engine)
{
	static struct rudp_settings settings;
	sigset_t watched;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	sigemptyset(&watched);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	sigprocmask(SIG_SETMASK, &watched, NULL);
	_exit(rudp_supervisor_run(engine, world, &settings));
}

/* Of the first; the others have ended, too. */
static int end(pid_t pid)
{
	int status;

	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	while (wait(NULL) > 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int is_done(struct rudp_failover_state *failover, int status)
{
	failover->is_over = true;
	return status;
}

static int die(void)
{
	raise(SIGKILL);
	return 1;
}

static void read_name(pid_t pid, char name[16])
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	file = fopen(path, "r");
	if (file && !fgets(name, 16, file))
		name[0] = 0;
	if (file)
		fclose(file);
}

static int twice_killed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	read_name(getpid(), world->name);
	read_name(failover->supervisor_pid, world->supervisor_name);
	return ++world->starts < 3 ? die() : is_done(failover, 0);
}

Test(supervisor, starts_another_in_place_of_one_that_was_killed)
{
	cr_assert(eq(int, end(begin(twice_killed)), 128 + SIGKILL));
	cr_assert(eq(uint, world->starts, 3));
	cr_assert(eq(str, world->name, "rudp-engine\n"));
	cr_assert(eq(str, world->supervisor_name, "rudp-keeper\n"));
}

static int once_failed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	return ++world->starts < 2 ? 9 : is_done(failover, 0);
}

Test(supervisor, starts_another_in_place_of_one_that_has_failed)
{
	cr_assert(eq(int, end(begin(once_failed)), 9));
	cr_assert(eq(uint, world->starts, 2));
}

static int always_killed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	world->starts++;
	return die();
}

Test(supervisor, gives_up_where_each_one_is_killed_at_once)
{
	cr_assert(eq(int, end(begin(always_killed)), 128 + SIGKILL));
	cr_assert(eq(uint, world->starts, RUDP_SUPERVISOR_DEATHS_MAX));
}

static int killed_before_it_serves(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	(void)failover;
	world->starts++;
	return die();
}

Test(supervisor, starts_no_other_where_the_first_one_has_not_begun)
{
	cr_assert(eq(int, end(begin(killed_before_it_serves)), 128 + SIGKILL));
	cr_assert(eq(uint, world->starts, 1));
}

static int fails_before_it_serves(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	(void)failover;
	world->starts++;
	return 7;
}

Test(supervisor, tells_the_status_of_one_that_could_not_begin)
{
	cr_assert(eq(int, end(begin(fails_before_it_serves)), 7));
	cr_assert(eq(uint, world->starts, 1));
}

static int killed_while_it_ends(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = failover->is_over = true;
	world->starts++;
	return die();
}

Test(supervisor, starts_no_other_where_one_was_asked_to_end)
{
	cr_assert(eq(int, end(begin(killed_while_it_ends)), 128 + SIGKILL));
	cr_assert(eq(uint, world->starts, 1));
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int killed_with_descriptors(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	if (++world->starts > 1) {
		world->kept_is_open = is_open(world->kept_fd);
		world->other_is_open = is_open(world->other_fd);
		world->standard_are_open = is_open(0) && is_open(1) && is_open(2);
		return is_done(failover, 0);
	}
	failover->has_begun = true;
	failover->listener_fds[RUDP_CONTROL_LISTENER_CONTROL] = world->kept_fd =
		fcntl(0, F_DUPFD_CLOEXEC, 700);
	world->other_fd = fcntl(0, F_DUPFD_CLOEXEC, 600);
	return die();
}

Test(supervisor, keeps_what_a_successor_needs_and_closes_the_rest)
{
	cr_assert(eq(int, end(begin(killed_with_descriptors)), 128 + SIGKILL));
	cr_assert(eq(int, world->standard_are_open, 1));
	cr_assert(eq(uint, world->starts, 2));
	cr_assert(eq(int, world->kept_is_open, 1));
	cr_assert(zero(int, world->other_is_open));
}

static int killed_with_one_that_lingers(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	if (++world->starts > 1)
		return is_done(failover, 0);
	failover->has_begun = true;
	(void)lingering(); /* its close would take longer than this test may */
	return die();
}

Test(supervisor, waits_for_no_descriptor_that_lingers)
{
	cr_assert(eq(int, end(begin(killed_with_one_that_lingers)), 128 + SIGKILL));
	cr_assert(eq(uint, world->starts, 2));
}

static int ends_when_asked(void *context, struct rudp_failover_state *failover)
{
	sigset_t watched;
	int number;

	(void)context;
	failover->has_begun = true;
	world->supervisor = failover->supervisor_pid;
	sigemptyset(&watched);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	if (write(world->ends[1], "r", 1) != 1)
		return 1;
	return is_done(failover, sigwait(&watched, &number) == 0 && number == SIGTERM ? 0 : 1);
}

static void asks_to_end_with(int number)
{
	pid_t pid = begin(ends_when_asked);
	char letter;

	cr_assert(eq(int, (int)read(world->ends[0], &letter, 1), 1));
	cr_assert(zero(int, kill(world->supervisor, number)));
	cr_assert(zero(int, end(pid)));
}

Test(supervisor, passes_on_that_it_shall_end)
{
	asks_to_end_with(SIGTERM);
}

/* Two of these would be an end at once; a terminal sends one to both. */
Test(supervisor, passes_on_an_interrupt_as_a_wish_to_end)
{
	asks_to_end_with(SIGINT);
}

static int outlives_its_supervisor(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	world->supervisor = failover->supervisor_pid;
	if (write(world->ends[1], "r", 1) != 1)
		return 1;
	while (kill(world->supervisor, 0) == 0)
		;
	return write(world->ends[1], "o", 1) == 1 ? 0 : 1;
}

Test(supervisor, leaves_the_engine_alone_when_it_is_killed_itself)
{
	pid_t pid = begin(outlives_its_supervisor);
	char letter;

	cr_assert(eq(int, (int)read(world->ends[0], &letter, 1), 1));
	cr_assert(zero(int, kill(world->supervisor, SIGKILL)));
	cr_assert(eq(int, (int)read(world->ends[0], &letter, 1), 1));
	cr_assert(eq(chr, letter, 'o'));
	cr_assert(zero(int, end(pid)));
}

static int runs_alone(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	world->starts++;
	world->has_supervisor = failover->supervisor_pid != 0;
	read_name(getpid(), world->name);
	return 0;
}

Test(supervisor, does_without_where_there_can_be_no_process)
{
	const struct rlimit none = {0, 0};
	static struct rudp_settings settings;
	pid_t pid;

	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody with too many processes");
	pid = fork();
	if (pid == 0) {
		if (setrlimit(RLIMIT_NPROC, &none) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(77);
		_exit(rudp_supervisor_run(runs_alone, world, &settings));
	}
	cr_assert(zero(int, end(pid)));
	cr_assert(eq(uint, world->starts, 1));
	cr_assert(zero(int, world->has_supervisor));
	cr_assert(eq(str, world->name, "rudp-engine\n"));
}

static int waits_to_be_killed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	if (++world->starts > 1)
		return is_done(failover, 0);
	world->supervisor = failover->supervisor_pid;
	if (write(world->ends[1], "r", 1) == 1)
		pause();
	return 1;
}

static void let_pass(int64_t ns)
{
	int64_t until_ns = rudp_clock_now_ns(&rudp_clock_monotonic) + ns;

	while (rudp_clock_now_ns(&rudp_clock_monotonic) < until_ns)
		;
}

/* At each instant of its taking the place. end() waits for all processes. */
Test(supervisor, leaves_no_process_behind_when_it_is_killed_soon_after_the_engine)
{
	for (int i = 0; i < KILLS; i++) {
		pid_t pid;
		char letter;

		world->starts = 0;
		pid = begin(waits_to_be_killed);
		cr_assert(eq(int, (int)read(world->ends[0], &letter, 1), 1));
		cr_assert(zero(int, kill(pid, SIGKILL)));
		let_pass(i * KILL_STEP_NS);
		kill(world->supervisor, SIGKILL); /* it may have ended */
		cr_assert(eq(int, end(pid), 128 + SIGKILL));
	}
}
