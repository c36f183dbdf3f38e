/* SPDX-License-Identifier: MIT */
#include "engine/failover/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/confine/confine.h"

#define STANDARD_FDS 3
#define ENGINE_NAME "rudp-engine"
#define SUPERVISOR_NAME "rudp-keeper"
#define DEATH_SIGNAL SIGUSR1

/* A supervisor reads nothing of strangers: it does not take the processor from an engine that starts. */
#define CONFINE_AFTER_MS 1000

/*
 * To enlarge a table that is shared the kernel waits for all processors, which takes it milliseconds: it
 * is made as large as most engines need before that.
 */
#define FD_TABLE_SIZE 1024

struct supervisor {
	int (*engine)(void *context, struct rudp_failover_state *failover);
	void *context;
	const struct rudp_settings *settings;
	struct rudp_failover_state *failover;
	int signal_fd;                               /* of whoever reads it */
	int64_t deaths_at_ns[RUDP_SUPERVISOR_DEATHS_MAX]; /* the last ones, a ring */
	unsigned deaths;
};

static void name_process(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void make_room(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, FD_TABLE_SIZE - 1);

	if (fd >= 0)
		close(fd);
}

/* As fork, but both have one table of descriptors. This process has one thread, which holds no lock. */
static pid_t fork_with_table(void)
{
#ifdef __s390__
	return (pid_t)syscall(SYS_clone, NULL, CLONE_FILES | SIGCHLD, NULL, NULL, 0);
#else
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
#endif
}

/*
 * An engine that dies before its end is waited for leaves the signal pending. It would kill this process
 * as soon as that is the next engine and no longer blocks it.
 */
static void drop_death_signal(void)
{
	const struct timespec at_once = {0};
	sigset_t death;

	sigemptyset(&death);
	sigaddset(&death, DEATH_SIGNAL);
	while (sigtimedwait(&death, NULL, &at_once) == DEATH_SIGNAL)
		;
}

/* Whoever wants this process to end means the engine. */
static void take_signal(const struct supervisor *supervisor, pid_t engine)
{
	struct signalfd_siginfo info = {0};

	if (read(supervisor->signal_fd, &info, sizeof info) == sizeof info &&
	    (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT))
		kill(engine, SIGTERM);
}

static void answer(struct rudp_proc_question *question, const struct rudp_settings *settings)
{
	uint64_t count;

	if (read(question->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		question->wake_fd = 0;
	rudp_proc_look_answer(question, settings);
}

/* Returns when the engine, which is the parent, has ended. It is asked meanwhile (proc_look.h). */
static void wait_for_end(const struct supervisor *supervisor, pid_t engine)
{
	struct rudp_proc_question *question = &supervisor->failover->question;
	int timeout_ms = CONFINE_AFTER_MS;

	prctl(PR_SET_PDEATHSIG, DEATH_SIGNAL, 0, 0, 0);
	while (getppid() == engine) {
		struct pollfd fds[] = {{supervisor->signal_fd, POLLIN, 0},
				       {question->wake_fd, POLLIN, 0}};

		if (poll(fds, 2, timeout_ms) == 0) {
			rudp_confine_supervisor(supervisor->settings);
			timeout_ms = -1;
		}
		if (fds[0].revents)
			take_signal(supervisor, engine);
		if (fds[1].revents)
			answer(question, supervisor->settings);
	}
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	drop_death_signal();
}

static void log_death(const struct supervisor *supervisor, pid_t engine, const char *what)
{
	rudp_log(RUDP_LOG_ERROR, "engine %d was killed, with %u listeners; %s", (int)engine,
		 rudp_failover_count(supervisor->failover), what);
}

/* So many within so short a time that the next one would end like them. */
static bool dies_too_often(struct supervisor *supervisor)
{
	int64_t now_at_ns = rudp_clock_now_ns(&rudp_clock_monotonic);
	int64_t *oldest =
		&supervisor->deaths_at_ns[supervisor->deaths % RUDP_SUPERVISOR_DEATHS_MAX];
	int64_t since_ns;

	*oldest = now_at_ns;
	supervisor->deaths++;
	if (supervisor->deaths < RUDP_SUPERVISOR_DEATHS_MAX)
		return false;
	since_ns = supervisor->deaths_at_ns[supervisor->deaths % RUDP_SUPERVISOR_DEATHS_MAX];
	return now_at_ns - since_ns < RUDP_SUPERVISOR_DEATHS_NS;
}

static bool is_to_be_replaced(struct supervisor *supervisor, pid_t engine)
{
	if (!supervisor->failover->has_begun || supervisor->failover->is_over)
		return false;
	if (dies_too_often(supervisor)) {
		log_death(supervisor, engine, "too often, there is no other");
		return false;
	}
	log_death(supervisor, engine, "another one takes its place");
	return true;
}

/* Kernels before 5.9, and some filters of system calls, have no such call. */
static void close_span(unsigned first, unsigned last)
{
	struct rlimit limit;

	if (close_range(first, last, 0) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		close((int)fd);
}

/* All but those that a successor needs. */
static void close_rest(const struct rudp_failover_state *failover)
{
	static int fds[RUDP_FAILOVER_FDS_MAX];
	size_t count = rudp_failover_fds(failover, fds);
	unsigned from = STANDARD_FDS;

	for (size_t i = 0; i < count; i++) {
		unsigned fd = (unsigned)fds[i];

		if (fd > from)
			close_span(from, fd - 1);
		if (fd >= from)
			from = fd + 1;
	}
	close_span(from, UINT32_MAX);
}

/* Or until the other one, who was to do it, is killed himself. */
static void wait_to_be_killed(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while (getppid() == parent)
		pause();
	_exit(0);
}

/*
 * The last to close a socket may have to wait for as long as that lingers, unless he is about to end
 * (SO_LINGER; some are those of other users). So this process leaves the table, and somebody who ends
 * takes it along.
 */
static void close_what_died(const struct rudp_failover_state *failover)
{
	pid_t self = getpid(), last = fork_with_table();

	if (last == 0)
		wait_to_be_killed(self);
	if (last > 0)
		unshare(CLONE_FILES);
	close_rest(failover);
	if (last > 0) {
		kill(last, SIGKILL);
		waitpid(last, NULL, 0);
	}
}

static void prepare_to_succeed(const struct supervisor *supervisor)
{
	rudp_log_file_close();
	close_what_died(supervisor->failover);
	(void)rudp_log_file_open(supervisor->settings);
}

/* Of the engine, which is this process: its supervisor is reaped by itself if that is killed. */
static int run_engine(const struct supervisor *supervisor, const sigset_t *signals)
{
	signal(SIGCHLD, SIG_IGN);
	name_process(ENGINE_NAME);
	sigprocmask(SIG_SETMASK, signals, NULL);
	return supervisor->engine(supervisor->context, supervisor->failover);
}

/*
 * Both processes have these descriptors. Without the first there can be no supervisor; without the
 * second it is not asked, and an engine names a program as that names itself.
 */
static bool open_waited(struct supervisor *supervisor, const sigset_t *signals)
{
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	supervisor->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	supervisor->failover->question =
		(struct rudp_proc_question){.wake_fd = wake_fd > 0 ? wake_fd : 0};
	return supervisor->signal_fd >= 0;
}

static pid_t start_supervisor(struct supervisor *supervisor, const sigset_t *signals)
{
	/* Before there is an engine: nobody takes its supervisor for it. */
	name_process(SUPERVISOR_NAME);
	make_room();
	return supervisor->failover && open_waited(supervisor, signals) ? fork_with_table() : -1;
}

/* For the supervisor, which waits for them; an engine has its own mask. */
static void block_signals(sigset_t *waited, sigset_t *before)
{
	sigemptyset(waited);
	sigaddset(waited, DEATH_SIGNAL);
	sigaddset(waited, SIGTERM);
	sigaddset(waited, SIGINT);
	sigprocmask(SIG_BLOCK, waited, before);
}

int rudp_supervisor_run(int (*engine)(void *context, struct rudp_failover_state *failover),
			void *context, const struct rudp_settings *settings)
{
	struct supervisor supervisor = {.engine = engine,
					.context = context,
					.settings = settings,
					.failover = rudp_failover_state_new()};
	sigset_t waited, of_engine;

	block_signals(&waited, &of_engine);
	for (;;) {
		pid_t self = getpid(), pid;

		pid = start_supervisor(&supervisor, &waited);
		if (pid < 0)
			rudp_log(RUDP_LOG_WARN,
				 "there is no supervisor: listeners end with this engine");
		if (pid > 0)
			supervisor.failover->supervisor_pid = pid;
		rudp_proc_look_via(pid > 0 ? &supervisor.failover->question : NULL);
		if (pid != 0)
			return run_engine(&supervisor, &of_engine);
		wait_for_end(&supervisor, self);
		if (!is_to_be_replaced(&supervisor, self))
			return 0;
		prepare_to_succeed(&supervisor);
	}
}
