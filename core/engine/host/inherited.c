/* SPDX-License-Identifier: MIT */
#include "engine/host/inherited.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/loop/loop.h"

#define FILES_MAX 1048576
#define TIMER_SLACK_NS 50000 /* of process 1, and of whatever does not change it (prctl(2)) */
#define OOM_SCORE_ADJ "/proc/self/oom_score_adj"
#define IOPRIO_WHO_PROCESS 1 /* linux/ioprio.h: no header of libc has them */
#define IOPRIO_DEFAULT 0
#define MPOL_DEFAULT 0

/* exec keeps ignored and blocked signals. */
void rudp_inherited_signals_undo(void)
{
	sigset_t set;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log that cannot grow must not end connections */
	rudp_engine_signals(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	umask(S_IRWXG | S_IRWXO); /* the program's could deny the engine its own sockets */
}

/* Those of memory were raised before the engine was loaded (api/engine_process.c). */
static void raise_limits(void)
{
	static const __rlimit_resource_t kinds[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE,
						    RLIMIT_NPROC};
	const struct rlimit many_files = {FILES_MAX, FILES_MAX};
	struct rlimit limit;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (getrlimit(kinds[i], &limit) < 0)
			continue;
		limit.rlim_cur = limit.rlim_max;
		setrlimit(kinds[i], &limit);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < FILES_MAX)
		setrlimit(RLIMIT_NOFILE, &many_files);
}

/* Not to all processors: process 1 leaves out those that the administrator has isolated. */
static void reset_processors(void)
{
	cpu_set_t *set = CPU_ALLOC(CPU_SETSIZE);

	if (set && sched_getaffinity(1, CPU_ALLOC_SIZE(CPU_SETSIZE), set) == 0)
		(void)sched_setaffinity(0, CPU_ALLOC_SIZE(CPU_SETSIZE), set);
	CPU_FREE(set);
}

static void reset_scheduling(void)
{
	static const struct sched_param none;

	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_DEFAULT);
	(void)syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
	(void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	reset_processors();
}

/* The kernel allows no value below the last one that a privileged process has set. */
static void reset_oom_score(void)
{
	char text[16] = "";
	int fd = open(OOM_SCORE_ADJ, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, text, sizeof text - 1) > 0 && atoi(text) > 0 && write(fd, "0", 1) < 0)
		rudp_log(RUDP_LOG_DEBUG, "oom_score_adj stays %d", atoi(text));
	close(fd);
}

void rudp_inherited_undo(void)
{
	raise_limits();
	reset_scheduling();
	reset_oom_score();
	if (chdir("/") < 0)
		rudp_log(RUDP_LOG_DEBUG, "cannot leave the working directory");
}
