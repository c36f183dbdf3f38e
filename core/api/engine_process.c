/* SPDX-License-Identifier: MIT */
/*
 * Starts rudp-engine so that the program does not notice: the engine is no child of the program,
 * raises no SIGCHLD, is never returned by wait(-1), keeps no inherited descriptor (such as the end
 * of a pipe) open, and has no terminal.
 */
#include "api/engine_start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "api/child.h"
#include "api/engine_ready.h"
#include "api/environment.h"
#include "api/raw_syscall.h"
#include "api/stack.h"

#define PATH_SIZE 1200
#define VARIABLES_MAX 64
#define TEXT_BYTES (32 * 1024)
#define READY_TIMEOUT_MS 10000
#define ANSWER_BYTES_MAX 256
#define STACK_BYTES (32 * 1024)
#define STACK_ENOUGH (8u << 20) /* the usual limit; that of the engine must not be unlimited */

/*
 * All data for the child. It is prepared before the child starts, because the child must not
 * allocate.
 */
struct plan {
	char paths[RUDP_ENGINE_PLACES][PATH_SIZE];
	char hash[17];
	char name[12];
	char *arguments[3];
	char *environment[VARIABLES_MAX + 1];
	char text[TEXT_BYTES];
	size_t text_len;
	int ready; /* write end of the readiness pipe */
};

/*
 * Returns false if a variable does not fit or the working directory has no name. Then no engine is
 * started: the variable left out could be the one that names the key.
 */
static bool plan_environment(struct plan *plan)
{
	struct rudp_environment_walk walk;
	const char *variable;
	size_t count = 0;

	rudp_environment_begin(&walk);
	while ((variable = rudp_environment_next(&walk))) {
		char *place = plan->text + plan->text_len;
		size_t len;

		if (!rudp_environment_is_for_engine(variable))
			continue;
		len = rudp_environment_copy(place, TEXT_BYTES - plan->text_len, variable);
		if (!len || count == VARIABLES_MAX)
			return false;
		plan->text_len += len + 1;
		plan->environment[count++] = place;
	}
	return true;
}

static void plan_paths(struct plan *plan)
{
	const char *given = rudp_environment_get("RUDP_ENGINE_PATH");

	if (given && strlen(given) < PATH_SIZE)
		strcpy(plan->paths[0], given);
	for (unsigned i = 1; i < RUDP_ENGINE_PLACES; i++)
		if (!rudp_engine_place(i, "rudp-engine", plan->paths[i], PATH_SIZE))
			plan->paths[i][0] = 0;
}

static long sys(long number, long a, long b, long c)
{
	return rudp_raw_syscall(number, a, b, c, 0, 0, 0);
}

/*
 * Small limits could keep the engine from being loaded. It raises the others itself
 * (engine/host/inherited.h).
 */
static void raise_memory_limits(void)
{
	static const struct {
		int resource;
		uint64_t enough;
	} limits[] = {
		{RLIMIT_AS, UINT64_MAX}, {RLIMIT_DATA, UINT64_MAX}, {RLIMIT_STACK, STACK_ENOUGH}};
	uint64_t limit[2]; /* struct rlimit64: soft and hard */

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		if (rudp_raw_syscall(SYS_prlimit64, 0, limits[i].resource, 0, (long)limit, 0, 0) <
		    0)
			continue;
		limit[0] = limit[1] < limits[i].enough ? limit[1] : limits[i].enough;
		rudp_raw_syscall(SYS_prlimit64, 0, limits[i].resource, (long)limit, 0, 0, 0);
	}
}

/* From here on only raw system calls: the memory, errno included, is shared with the program. */
static int become_engine(void *argument)
{
	struct plan *plan = argument;
	uint64_t no_signals = 0;

	sys(SYS_setsid, 0, 0, 0);
	if (plan->ready != RUDP_READY_FD && sys(SYS_dup3, plan->ready, RUDP_READY_FD, 0) < 0)
		sys(SYS_exit, 127, 0, 0);
	rudp_raw_fcntl(RUDP_READY_FD, F_SETFD, 0);
	sys(SYS_close_range, RUDP_READY_FD + 1, UINT32_MAX, 0);
	for (int fd = 0; fd < RUDP_READY_FD; fd++)
		rudp_raw_close(fd);
	/* A full descriptor table has room now. The file gets number 0. */
	rudp_raw_syscall(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR, 0, 0, 0);
	for (int fd = 1; fd < RUDP_READY_FD; fd++)
		sys(SYS_dup3, 0, fd, 0);
	rudp_raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&no_signals, 0, sizeof no_signals,
			 0, 0);
	raise_memory_limits();
	for (unsigned i = 0; i < RUDP_ENGINE_PLACES; i++)
		if (plan->paths[i][0])
			sys(SYS_execve, (long)plan->paths[i], (long)plan->arguments,
			    (long)plan->environment);
	sys(SYS_exit, 127, 0, 0);
	return 127;
}

/*
 * The engine's parent exits at once, so init becomes the parent and reaps the engine, not the
 * program.
 */
static int start_and_exit(void *argument)
{
	struct plan *plan = argument;
	static const char failed = RUDP_READY_NO_EXEC;
	char *stack = rudp_stack_map(STACK_BYTES);

	if (!stack || clone(become_engine, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK, plan) < 0)
		sys(SYS_write, plan->ready, (long)&failed, 1);
	if (stack)
		rudp_stack_unmap(stack, STACK_BYTES);
	sys(SYS_exit, 0, 0, 0);
	return 0;
}

static ssize_t read_answer(int fd, char *answer)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	struct timespec timeout = {READY_TIMEOUT_MS / 1000, 0};
	ssize_t len = 0, n;

	/* The kernel writes the remaining time back, so signals do not prolong the wait. */
	while (len < ANSWER_BYTES_MAX) {
		n = rudp_raw_syscall(SYS_ppoll, (long)&one, 1, (long)&timeout, 0, 0, 0);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		n = sys(SYS_read, fd, (long)(answer + len), ANSWER_BYTES_MAX - len);
		if (n <= 0)
			break;
		len += n;
		if (answer[0] == RUDP_READY_BUSY ||
		    (answer[0] == RUDP_READY &&
		     len >= 1 + (ssize_t)sizeof(struct rudp_engine_ready)))
			break;
	}
	return len;
}

static int parse_answer(const char *answer, ssize_t len, struct rudp_engine_ref *engine)
{
	struct rudp_engine_ready ready;

	if (len < 1)
		return -ENOENT;
	switch (answer[0]) {
	case RUDP_READY:
		if (len < 1 + (ssize_t)sizeof ready)
			return -ENOENT;
		memcpy(&ready, answer + 1, sizeof ready);
		engine->nonce = ready.nonce;
		memcpy(engine->token, ready.token, RUDP_TOKEN_BYTES);
		return 0;
	case RUDP_READY_BUSY:
		return -EEXIST;
	case RUDP_READY_BAD_KEY:
		return -ENOKEY;
	case RUDP_READY_ERROR:
		return -ENOTSUP;
	default:
		return -ENOENT;
	}
}

/* If the program is a child subreaper, it must not become the engine's parent. */
static int run_as_orphan(int (*function)(void *argument), void *argument)
{
	int adopts = 0;
	int rc;

	rudp_raw_syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, (long)&adopts, 0, 0, 0, 0);
	if (adopts)
		rudp_raw_syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0, 0);
	rc = rudp_child_run(function, argument);
	if (adopts)
		rudp_raw_syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0);
	return rc;
}

static int run(struct plan *plan, struct rudp_engine_ref *engine)
{
	char answer[ANSWER_BYTES_MAX];
	int ends[2];
	ssize_t len;
	int rc = (int)sys(SYS_pipe2, (long)ends, O_CLOEXEC, 0);

	if (rc < 0)
		return rc;
	plan->ready = ends[1];
	rc = run_as_orphan(start_and_exit, plan);
	rudp_raw_close(ends[1]);
	len = rc < 0 ? 0 : read_answer(ends[0], answer);
	rudp_raw_close(ends[0]);
	return parse_answer(answer, len, engine);
}

struct child_start {
	struct plan *plan;
	struct rudp_engine_ref *engine;
	int result;
};

/* The child has a descriptor table of its own, so it closes 0 and 1 to make room for the pipe. */
static int run_in_child(void *argument)
{
	struct child_start *child = argument;

	rudp_raw_close(0);
	rudp_raw_close(1);
	child->result = run(child->plan, child->engine);
	sys(SYS_exit, 0, 0, 0);
	return 0;
}

static int run_at_full_table(struct plan *plan, struct rudp_engine_ref *engine)
{
	struct child_start child = {plan, engine, -EMFILE};
	int rc = run_as_orphan(run_in_child, &child);

	return rc < 0 ? rc : child.result;
}

int rudp_engine_start_process(uint64_t settings, struct rudp_engine_ref *engine)
{
	int saved = errno, rc = -ENOENT;
	struct plan *plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (plan == MAP_FAILED) {
		errno = saved;
		return rc;
	}
	snprintf(plan->hash, sizeof plan->hash, "%016llx", (unsigned long long)settings);
	strcpy(plan->name, "rudp-engine");
	plan->arguments[0] = plan->name;
	plan->arguments[1] = plan->hash;
	plan_paths(plan);
	if (plan_environment(plan))
		rc = run(plan, engine);
	if (rc == -EMFILE)
		rc = run_at_full_table(plan, engine);
	munmap(plan, sizeof *plan);
	errno = saved;
	return rc;
}
