/* SPDX-License-Identifier: MIT */
/* linkem emulates a bad network between two namespaces. `linkem --help` lists the impairments. */
#include "loop.h"
#include "options.h"
#include "tun.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * The accuracy of the emulated delay depends on timely wake-ups on a busy machine. If real-time
 * scheduling is not allowed, the lowest nice value is used; if neither is allowed, the "late"
 * statistics show the effect.
 */
static void become_punctual(void)
{
	struct sched_param param = {.sched_priority = 1};

	prctl(PR_SET_TIMERSLACK, 1UL);
	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) < 0)
		(void)!setpriority(PRIO_PROCESS, 0, -20);
}

/* The parent may have ended before the request was in place. */
static bool follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);
	return getppid() == parent;
}

int main(int argc, char **argv)
{
	static struct linkem_conf conf;
	pid_t parent = getppid();
	int fd[DIRECTIONS];
	int result;

	if (options_parse(&conf, argc, argv, 0) != 0)
		return 2;
	if (conf.with_parent && !follow_parent(parent))
		return 1;
	if (conf.realtime)
		become_punctual();
	for (enum direction d = 0; d < DIRECTIONS; d++) {
		fd[d] = tun_open(&conf.side[d], conf.mtu_bytes);
		if (fd[d] < 0)
			return 1;
	}
	result = loop_run(&conf, fd);
	if (result < 0)
		fprintf(stderr, "linkem: %s\n", strerror(-result));
	return result < 0;
}
