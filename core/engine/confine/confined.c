/* SPDX-License-Identifier: MIT */
#include "engine/confine/confined.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/child.h"

#define DOMAINS_MAX 16
#define SCOPES_SINCE 6 /* Landlock version that added LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET */
#define ASK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */
#define SCOPE_ABSTRACT_NAMES 1

/* struct landlock_ruleset_attr of that version. */
struct ruleset {
	uint64_t access_fs, access_net, scoped;
};

static int make_ruleset(void)
{
	static const struct ruleset rules = {.scoped = SCOPE_ABSTRACT_NAMES};

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION) < SCOPES_SINCE)
		return -1;
	return (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
}

static int enter_all_in_child(void *argument)
{
	bool *is_confined = argument;
	int ruleset = make_ruleset();

	if (ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 0;
	for (int i = 0; i < DOMAINS_MAX && !*is_confined; i++)
		*is_confined =
			syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 && errno == E2BIG;
	return 0;
}

bool rudp_is_confined(void)
{
	bool is_confined = false;

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_DISABLED)
		(void)rudp_child_run(enter_all_in_child, &is_confined);
	return is_confined;
}
