/* SPDX-License-Identifier: MIT */
/* The supervisor of an engine: when it starts a successor, and which descriptors are open there. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/failover/supervisor.h"
#include "engine/running_engine.h"

#define COMM_SIZE 17 /* a name of /proc/PID/comm: 15 bytes, a newline, NUL */
#define NOBODY 65534
#define KILLS 400
#define KILL_STEP_NS 2000

/* Shared by all processes of a test. */
static struct shared {
	unsigned starts;
	pid_t supervisor;
	int kept_fd, other_fd;
	bool kept_is_open, other_is_open, standard_are_open, has_supervisor;
	char name[COMM_SIZE], supervisor_name[COMM_SIZE];
	int ends[2];
} * shared;

typedef int fake_engine(void *context, struct rudp_failover_state *failover);

static void setup(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans of a test become children of this process */
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	cr_assert(ne(ptr, (void *)shared, MAP_FAILED));
	cr_assert(zero(int, pipe2(shared->ends, O_CLOEXEC)));
}

TestSuite(supervisor, .init = setup, .timeout = 25);

/* Runs an engine with supervisor in its own process, as rudp-engine does. */
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
	_exit(rudp_supervisor_run(engine, shared, &settings));
}

/* Returns the exit status of the first process, after all others have ended, too. */
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

static void read_name(pid_t pid, char name[COMM_SIZE])
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	file = fopen(path, "r");
	if (file && !fgets(name, COMM_SIZE, file))
		name[0] = 0;
	if (file)
		fclose(file);
}

static int twice_killed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	read_name(getpid(), shared->name);
	read_name(failover->supervisor_pid, shared->supervisor_name);
	return ++shared->starts < 3 ? die() : is_done(failover, 0);
}

Test(supervisor, restarts_an_engine_that_was_killed)
{
	cr_assert(eq(int, end(begin(twice_killed)), 128 + SIGKILL));
	cr_assert(eq(uint, shared->starts, 3));
	cr_assert(eq(str, shared->name, "rudp-engine\n"));
	cr_assert(eq(str, shared->supervisor_name, "rudp-supervisor\n"));
}

static int once_failed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	return ++shared->starts < 2 ? 9 : is_done(failover, 0);
}

Test(supervisor, restarts_an_engine_that_has_failed)
{
	cr_assert(eq(int, end(begin(once_failed)), 9));
	cr_assert(eq(uint, shared->starts, 2));
}

static int always_killed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	shared->starts++;
	return die();
}

Test(supervisor, gives_up_after_repeated_early_deaths)
{
	cr_assert(eq(int, end(begin(always_killed)), 128 + SIGKILL));
	cr_assert(eq(uint, shared->starts, RUDP_SUPERVISOR_DEATHS_MAX));
}

static int killed_before_it_serves(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	(void)failover;
	shared->starts++;
	return die();
}

Test(supervisor, does_not_restart_an_engine_that_has_not_begun)
{
	cr_assert(eq(int, end(begin(killed_before_it_serves)), 128 + SIGKILL));
	cr_assert(eq(uint, shared->starts, 1));
}

static int fails_before_it_serves(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	(void)failover;
	shared->starts++;
	return 7;
}

Test(supervisor, passes_on_the_status_of_an_engine_that_could_not_begin)
{
	cr_assert(eq(int, end(begin(fails_before_it_serves)), 7));
	cr_assert(eq(uint, shared->starts, 1));
}

static int killed_while_it_ends(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = failover->is_over = true;
	shared->starts++;
	return die();
}

Test(supervisor, does_not_restart_an_engine_that_was_asked_to_end)
{
	cr_assert(eq(int, end(begin(killed_while_it_ends)), 128 + SIGKILL));
	cr_assert(eq(uint, shared->starts, 1));
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int killed_with_descriptors(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	if (++shared->starts > 1) {
		shared->kept_is_open = is_open(shared->kept_fd);
		shared->other_is_open = is_open(shared->other_fd);
		shared->standard_are_open = is_open(0) && is_open(1) && is_open(2);
		return is_done(failover, 0);
	}
	failover->has_begun = true;
	failover->listener_fds[RUDP_CONTROL_LISTENER_CONTROL] = shared->kept_fd =
		fcntl(0, F_DUPFD_CLOEXEC, 700);
	shared->other_fd = fcntl(0, F_DUPFD_CLOEXEC, 600);
	return die();
}

Test(supervisor, keeps_what_a_successor_needs_and_closes_the_rest)
{
	cr_assert(eq(int, end(begin(killed_with_descriptors)), 128 + SIGKILL));
	cr_assert(eq(int, shared->standard_are_open, 1));
	cr_assert(eq(uint, shared->starts, 2));
	cr_assert(eq(int, shared->kept_is_open, 1));
	cr_assert(zero(int, shared->other_is_open));
}

static int killed_with_one_that_lingers(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	if (++shared->starts > 1)
		return is_done(failover, 0);
	failover->has_begun = true;
	(void)lingering(); /* closing it takes longer than the test may last */
	return die();
}

Test(supervisor, does_not_wait_for_lingering_sockets)
{
	cr_assert(eq(int, end(begin(killed_with_one_that_lingers)), 128 + SIGKILL));
	cr_assert(eq(uint, shared->starts, 2));
}

static int ends_when_asked(void *context, struct rudp_failover_state *failover)
{
	sigset_t watched;
	int number;

	(void)context;
	failover->has_begun = true;
	shared->supervisor = failover->supervisor_pid;
	sigemptyset(&watched);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	if (write(shared->ends[1], "r", 1) != 1)
		return 1;
	return is_done(failover, sigwait(&watched, &number) == 0 && number == SIGTERM ? 0 : 1);
}

static void asks_to_end_with(int number)
{
	pid_t pid = begin(ends_when_asked);
	char letter;

	cr_assert(eq(int, (int)read(shared->ends[0], &letter, 1), 1));
	cr_assert(zero(int, kill(shared->supervisor, number)));
	cr_assert(zero(int, end(pid)));
}

Test(supervisor, passes_on_SIGTERM)
{
	asks_to_end_with(SIGTERM);
}

/* Two SIGINTs would end an engine at once, and a terminal sends SIGINT to both processes. */
Test(supervisor, passes_on_SIGINT_as_SIGTERM)
{
	asks_to_end_with(SIGINT);
}

static int outlives_its_supervisor(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	shared->supervisor = failover->supervisor_pid;
	if (write(shared->ends[1], "r", 1) != 1)
		return 1;
	while (kill(shared->supervisor, 0) == 0)
		;
	return write(shared->ends[1], "o", 1) == 1 ? 0 : 1;
}

Test(supervisor, may_be_killed_without_ending_the_engine)
{
	pid_t pid = begin(outlives_its_supervisor);
	char letter;

	cr_assert(eq(int, (int)read(shared->ends[0], &letter, 1), 1));
	cr_assert(zero(int, kill(shared->supervisor, SIGKILL)));
	cr_assert(eq(int, (int)read(shared->ends[0], &letter, 1), 1));
	cr_assert(eq(chr, letter, 'o'));
	cr_assert(zero(int, end(pid)));
}

static int runs_alone(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	shared->starts++;
	shared->has_supervisor = failover->supervisor_pid != 0;
	read_name(getpid(), shared->name);
	return 0;
}

Test(supervisor, runs_without_a_supervisor_if_fork_fails)
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
		_exit(rudp_supervisor_run(runs_alone, shared, &settings));
	}
	cr_assert(zero(int, end(pid)));
	cr_assert(eq(uint, shared->starts, 1));
	cr_assert(zero(int, shared->has_supervisor));
	cr_assert(eq(str, shared->name, "rudp-engine\n"));
}

static int waits_to_be_killed(void *context, struct rudp_failover_state *failover)
{
	(void)context;
	failover->has_begun = true;
	if (++shared->starts > 1)
		return is_done(failover, 0);
	shared->supervisor = failover->supervisor_pid;
	if (write(shared->ends[1], "r", 1) == 1)
		pause();
	return 1;
}

static void let_pass(int64_t ns)
{
	int64_t until_ns = rudp_clock_now_ns() + ns;

	while (rudp_clock_now_ns() < until_ns)
		;
}

/* Kills the supervisor at different instants of its takeover. end() waits for all processes. */
Test(supervisor, leaves_no_process_if_killed_soon_after_the_engine)
{
	for (int i = 0; i < KILLS; i++) {
		pid_t pid;
		char letter;

		shared->starts = 0;
		pid = begin(waits_to_be_killed);
		cr_assert(eq(int, (int)read(shared->ends[0], &letter, 1), 1));
		cr_assert(zero(int, kill(pid, SIGKILL)));
		let_pass(i * KILL_STEP_NS);
		kill(shared->supervisor, SIGKILL); /* it may have ended already */
		cr_assert(eq(int, end(pid), 128 + SIGKILL));
	}
}
