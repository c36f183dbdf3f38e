/* SPDX-License-Identifier: MIT */
#include "engine/failover/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
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
#define SUPERVISOR_NAME "rudp-supervisor"
#define DEATH_SIGNAL SIGUSR1

/*
 * The supervisor is confined some time after its start, so as not to compete with the starting
 * engine for the processor. That is safe: it reads nothing from other users.
 */
#define CONFINE_AFTER_MS 1000

/*
 * Enlarging a shared descriptor table takes milliseconds, because the kernel waits for all
 * processors. So the table gets the size that most engines need before it is shared.
 */
#define FD_TABLE_SIZE 1024

struct supervisor {
	int (*engine)(void *context, struct rudp_failover_state *failover);
	void *context;
	struct rudp_settings *settings;
	struct rudp_failover_state *failover;
	int signal_fd; /* shared; delivers the signals of its reader */
	int64_t deaths_at_ns[RUDP_SUPERVISOR_DEATHS_MAX]; /* times of the last deaths, a ring */
	unsigned deaths;
};

static void name_process(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void enlarge_fd_table(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, FD_TABLE_SIZE - 1);

	if (fd >= 0)
		close(fd);
}

/* Like fork(), but with a shared descriptor table. This process has one thread, and no lock
 * held. */
static pid_t fork_with_table(void)
{
#ifdef __s390__
	return (pid_t)syscall(SYS_clone, NULL, CLONE_FILES | SIGCHLD, NULL, NULL, 0);
#else
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
#endif
}

/*
 * If an engine dies before the supervisor waits for it, the signal stays pending. It would kill
 * this process as soon as it becomes the next engine and unblocks the signal.
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

/* A signal that asks the supervisor to end is meant for the engine. */
static void forward_signal(const struct supervisor *supervisor, pid_t engine)
{
	struct signalfd_siginfo info = {0};

	if (read(supervisor->signal_fd, &info, sizeof info) == sizeof info &&
	    (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT))
		kill(engine, SIGTERM);
}

static void answer_question(struct rudp_proc_question *question, struct rudp_settings *settings)
{
	uint64_t count;

	if (read(question->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		question->wake_fd = 0;
	rudp_proc_read_answer(question, settings);
}

/* Waits until the engine, the parent process, has ended; answers its questions (proc_read.h). */
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
			forward_signal(supervisor, engine);
		if (fds[1].revents)
			answer_question(question, supervisor->settings);
	}
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	drop_death_signal();
}

static void log_death(const struct supervisor *supervisor, pid_t engine, const char *what)
{
	rudp_log(RUDP_LOG_ERROR, "engine %d was killed, it had %u listeners; %s", (int)engine,
		 rudp_failover_count(supervisor->failover), what);
}

/* Notes a death. true: there were too many in a short time. */
static bool dies_too_often(struct supervisor *supervisor)
{
	int64_t now_at_ns = rudp_clock_now_ns();
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
		log_death(supervisor, engine, "this is too frequent, not restarting it");
		return false;
	}
	log_death(supervisor, engine, "restarting it");
	return true;
}

/* Close one by one if there is no close_range(2): before Linux 5.9, or under a system call
 * filter. */
static void close_fd_range(unsigned first, unsigned last)
{
	struct rlimit limit;

	if (close_range(first, last, 0) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		close((int)fd);
}

/* Closes all descriptors that a successor does not need. */
static void close_unneeded(const struct rudp_failover_state *failover)
{
	static int fds[RUDP_FAILOVER_FDS_MAX];
	size_t count = rudp_failover_fds(failover, fds);
	unsigned from = STANDARD_FDS;

	for (size_t i = 0; i < count; i++) {
		unsigned fd = (unsigned)fds[i];

		if (fd > from)
			close_fd_range(from, fd - 1);
		if (fd >= from)
			from = fd + 1;
	}
	close_fd_range(from, UINT32_MAX);
}

/* Or ends with its parent, if that is killed first. */
static void wait_to_be_killed(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while (getppid() == parent)
		pause();
	_exit(0);
}

/*
 * The process that closes a socket last waits for SO_LINGER, which other users may have set on a
 * socket they sent. A process that is ending does not wait. So this process gets its own copy of
 * the table and closes its copies. The helper, which still shares the old table, closes the last
 * ones by being killed.
 */
static void close_dead_engine_fds(const struct rudp_failover_state *failover)
{
	pid_t self = getpid(), helper = fork_with_table();

	if (helper == 0)
		wait_to_be_killed(self);
	if (helper > 0)
		unshare(CLONE_FILES);
	close_unneeded(failover);
	if (helper > 0) {
		kill(helper, SIGKILL);
		waitpid(helper, NULL, 0);
	}
}

static void prepare_to_succeed(const struct supervisor *supervisor)
{
	rudp_log_file_close();
	close_dead_engine_fds(supervisor->failover);
	(void)rudp_log_file_open(supervisor->settings);
}

/* SIGCHLD is ignored so that the kernel reaps a killed supervisor. */
static int run_engine(const struct supervisor *supervisor, const sigset_t *signals)
{
	signal(SIGCHLD, SIG_IGN);
	name_process(ENGINE_NAME);
	sigprocmask(SIG_SETMASK, signals, NULL);
	return supervisor->engine(supervisor->context, supervisor->failover);
}

/*
 * Opens two descriptors that both processes share. Without the signalfd there can be no supervisor.
 * Without the eventfd the engine cannot ask it, and identifies a program only by the name that the
 * program gives itself.
 */
static bool open_wait_fds(struct supervisor *supervisor, const sigset_t *signals)
{
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	supervisor->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	supervisor->failover->question =
		(struct rudp_proc_question){.wake_fd = wake_fd > 0 ? wake_fd : 0};
	return supervisor->signal_fd >= 0;
}

static pid_t start_supervisor(struct supervisor *supervisor, const sigset_t *signals)
{
	/* Named before the fork, so that the supervisor never appears under the engine's name. */
	name_process(SUPERVISOR_NAME);
	enlarge_fd_table();
	return supervisor->failover && open_wait_fds(supervisor, signals) ? fork_with_table() : -1;
}

/* The supervisor reads these signals from a signalfd; the engine gets its original mask back. */
static void block_signals(sigset_t *wait_signals, sigset_t *before)
{
	sigemptyset(wait_signals);
	sigaddset(wait_signals, DEATH_SIGNAL);
	sigaddset(wait_signals, SIGTERM);
	sigaddset(wait_signals, SIGINT);
	sigprocmask(SIG_BLOCK, wait_signals, before);
}

int rudp_supervisor_run(int (*engine)(void *context, struct rudp_failover_state *failover),
			void *context, struct rudp_settings *settings)
{
	struct supervisor supervisor = {.engine = engine,
					.context = context,
					.settings = settings,
					.failover = rudp_failover_state_new()};
	sigset_t wait_signals, engine_signals;

	block_signals(&wait_signals, &engine_signals);
	for (;;) {
		pid_t self = getpid(), pid;

		pid = start_supervisor(&supervisor, &wait_signals);
		if (pid < 0)
			rudp_log(RUDP_LOG_WARN,
				 "cannot start a supervisor: a killed engine loses its listeners");
		if (pid > 0)
			supervisor.failover->supervisor_pid = pid;
		rudp_proc_read_via(pid > 0 ? &supervisor.failover->question : NULL);
		if (pid != 0)
			return run_engine(&supervisor, &engine_signals);
		wait_for_end(&supervisor, self);
		if (!is_to_be_replaced(&supervisor, self))
			return 0;
		prepare_to_succeed(&supervisor);
	}
}
