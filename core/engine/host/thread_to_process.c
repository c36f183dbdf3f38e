/* SPDX-License-Identifier: MIT */
#include "engine/host/thread_to_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/control/control.h"
#include "engine/loop/deferred_close.h"
#include "engine/loop/loop.h"
#include "engine/config/config_open.h"
#include "engine/ports/port_leaving.h"
#include "engine/control/private_dir.h"
#include "engine/host/shared_memory.h"

#define STACK_BYTES (512 << 10)
#define STATUS_BYTES 4096
#define FILTERS_PER_MODE 65536
#define NAME "rudp-engine"
/* Fields 48 and 49 of /proc/PID/stat; the first two fields precede the ')' from which we count. */
#define STAT_ARG_START 46
#define STAT_ARG_END 47

struct move {
	struct rudp_engine *engine;
	void *probe;
	bool program_ends;
	pid_t program, process; /* process: pid or -errno */
	int ready_fd;
};

/* The number after name in the text of /proc/thread-self/status; 0: not found. */
static int number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? atoi(at + strlen(name)) : 0;
}

/* Since Linux 5.9 the kernel shows the count. An engine makes the system calls used here anyway. */
static int count_filters(void)
{
	char text[STATUS_BYTES];

	if (rudp_read_text("/proc/thread-self/status", text, sizeof text) <= 0)
		return -1;
	return number_of(text, "\nSeccomp:") * FILTERS_PER_MODE +
	       number_of(text, "\nSeccomp_filters:");
}

void rudp_thread_state_init(struct rudp_thread_state *state, void *probe)
{
	state->filters = count_filters();
	state->probe = probe;
}

static int may_move(const struct rudp_thread_state *state)
{
	if (getpid() == 1)
		return -EPERM;
	if (state->filters < 0 || count_filters() != state->filters)
		return -EACCES;
	return 0;
}

static pid_t fork_this_thread(void)
{
#ifdef __s390__
	return (pid_t)syscall(SYS_clone, NULL, SIGCHLD, NULL, NULL, 0);
#else
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
#endif
}

/* The process is killed after this time, unless it is called again with 0. */
static void kill_after(int us)
{
	const struct itimerval span = {.it_value.tv_usec = us};
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	signal(SIGALRM, SIG_DFL);
	setitimer(ITIMER_REAL, &span, NULL);
	sigprocmask(us ? SIG_UNBLOCK : SIG_BLOCK, &alarm, NULL);
}

/*
 * Other threads of the program do not exist in this process, so a lock that one of them held is
 * never released. This takes every lock that the engine will need: of the heaps of both threads, of
 * streams, of the time zone. If one of them is held, the timer kills the process here, and the
 * thread tries again.
 */
static void take_locks_once(void *probe)
{
	struct tm utc;
	time_t now = time(NULL);
	void *mine = malloc(RUDP_MOVE_PROBE_BYTES);
	FILE *stream = fopen("/dev/null", "re");

	if (stream)
		fclose(stream);
	free(mine);
	free(probe);
	gmtime_r(&now, &utc);
}

static void check_locks(void *probe)
{
	kill_after(RUDP_MOVE_LOCKS_US);
	take_locks_once(probe);
	kill_after(0);
}

/* The nth field after the program's name, which may contain spaces (proc(5): stat), as an
 * address. */
static char *stat_address(const char *text, unsigned n)
{
	const char *at = strrchr(text, ')');

	while (at && n-- > 0)
		at = strchr(at + 1, ' ');
	return at ? (char *)strtoul(at, NULL, 10) : NULL; // NOLINT(performance-no-int-to-ptr)
}

/* A search for the program by its command line must not find this process. */
static void rewrite_command_line(void)
{
	char text[STATUS_BYTES];
	ssize_t len = rudp_read_text("/proc/self/stat", text, sizeof text);
	char *start = stat_address(text, STAT_ARG_START);
	char *end = stat_address(text, STAT_ARG_END);

	if (len <= 0 || !start || end <= start)
		return;
	memset(start, 0, (size_t)(end - start));
	snprintf(start, (size_t)(end - start), "%s", NAME);
}

/* From here on this process runs the engine. It drops everything that ties it to the program. */
static void leave_program(const struct move *move)
{
	struct rudp_engine *engine = move->engine;

	setsid();
	if (chdir("/") < 0)
		rudp_log(RUDP_LOG_DEBUG, "cannot leave the working directory");
	rudp_private_dir_enter_descriptors();
	rewrite_command_line();
	rudp_shared_memory_leave();
	rudp_deferred_close_forked();
	engine->pid_before = engine->pid;
	engine->pid = (uint32_t)getpid();
	engine->is_moved = true;
	rudp_engine_watch_signals(engine);
	rudp_client_add(engine, (uint32_t)move->program);
	/* If the program's end could not be seen, its ports would be announced as leaving
	 * forever. */
	if (move->program_ends && engine->client_count > 0)
		rudp_ports_leaving_begin(engine);
}

static void run_engine(const struct move *move)
{
	struct rudp_engine *engine = move->engine;

	check_locks(move->probe);
	leave_program(move);
	if (write(move->ready_fd, "", 1) != 1)
		_exit(1);
	close(move->ready_fd);
	rudp_log(RUDP_LOG_INFO, "continues in process %u, after leaving its program (pid %u)",
		 engine->pid, engine->pid_before);
	rudp_engine_run(engine);
	rudp_log(RUDP_LOG_INFO, "engine ends");
	rudp_engine_fini(engine);
	_exit(0);
}

/*
 * Runs in a process that shares the program's memory and ends at once. So init, not the program,
 * becomes the parent of the engine's process.
 */
static int fork_engine(void *context)
{
	struct move *move = context;
	pid_t pid = fork_this_thread();

	if (pid == 0)
		run_engine(move);
	move->process = pid < 0 ? -errno : pid;
	return 0;
}

/* A program that adopts orphans (child subreaper) must not become the parent of this one. */
static int fork_as_orphan(struct move *move, char *stack)
{
	int is_subreaper = 0;
	pid_t helper;

	prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper, 0, 0, 0);
	if (is_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	helper = clone(fork_engine, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK, move);
	if (helper < 0)
		move->process = -errno;
	else
		waitpid(helper, NULL, (int)__WCLONE);
	if (is_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return move->process < 0 ? move->process : 0;
}

/* Returns 0; -EDEADLK: a lock was held; -ETIMEDOUT: the process did not report in time. */
static int wait_until_ready(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	char byte;

	if (poll(&one, 1, RUDP_MOVE_READY_MS) != 1)
		return -ETIMEDOUT;
	return read(fd, &byte, 1) == 1 ? 0 : -EDEADLK;
}

static int try_on_stack(struct move *move, char *stack)
{
	int ends[2];
	int rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	move->ready_fd = ends[1];
	rc = fork_as_orphan(move, stack);
	close(ends[1]);
	if (rc == 0)
		rc = wait_until_ready(ends[0]);
	if (rc == -ETIMEDOUT)
		kill(move->process, SIGKILL);
	close(ends[0]);
	return rc;
}

static int try_to_move(struct move *move)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int rc;

	if (stack == MAP_FAILED)
		return -errno;
	rudp_deferred_close_lock();
	rc = try_on_stack(move, stack);
	rudp_deferred_close_unlock();
	munmap(stack, STACK_BYTES);
	return rc;
}

int rudp_thread_to_process(struct rudp_engine *engine, const struct rudp_thread_state *state,
			   bool program_ends)
{
	struct move move = {.engine = engine,
			    .probe = state->probe,
			    .program_ends = program_ends,
			    .program = getpid()};
	int rc = may_move(state);

	if (rc < 0)
		return rc;
	rc = -EDEADLK;
	/* Locks are held only for a moment, so another fork a little later may find them free. */
	for (int i = 0; rc == -EDEADLK && i < RUDP_MOVE_TRIES_MAX; i++)
		rc = try_to_move(&move);
	if (rc < 0)
		rudp_log(RUDP_LOG_WARN,
			 "cannot move to a process of its own; this engine will end with its "
			 "program: %s",
			 strerrordesc_np(-rc));
	return rc;
}
