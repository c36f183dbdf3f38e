/* SPDX-License-Identifier: MIT */
#include "engine/confined.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DOMAINS_MAX 16
#define SCOPES_SINCE 6 /* version of the interface in which names came to be confined */
#define ASK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */
#define SCOPE_ABSTRACT_NAMES 1

/* As linux/landlock.h has it since then. */
struct ruleset {
	uint64_t access_fs, access_net, scoped;
};

/* 0, or the errno that ended it. */
static int enter_all(int ruleset)
{
	for (int i = 0; i < DOMAINS_MAX; i++)
		if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
			return errno;
	return 0;
}

static void *try(void *argument)
{
	static const struct ruleset rules = {.scoped = SCOPE_ABSTRACT_NAMES};
	int *result = argument;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);

	*result = ruleset < 0 ? errno : 0;
	if (ruleset < 0)
		return NULL;
	*result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : enter_all(ruleset);
	close(ruleset);
	return NULL;
}

/* With signals blocked: the thread is not where one of the process is to be handled. */
static int create(pthread_t *thread, int *result)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, NULL, try, result);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

bool rudp_is_confined(void)
{
	pthread_t thread;
	int result;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION) < SCOPES_SINCE ||
	    create(&thread, &result) != 0)
		return false;
	pthread_join(thread, NULL);
	return result == E2BIG;
}
