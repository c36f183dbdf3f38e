/* SPDX-License-Identifier: MIT */
/* The work that is done when the shim is loaded. */
#include <stdlib.h>
#include <unistd.h>

#include "api/call.h"
#include "api/environment.h"
#include "exec_environment.h"
#include "policy.h"
#include "real.h"

#define LISTEN_FDS_START 3 /* sd_listen_fds(3) */
#define LISTEN_FDS_MAX 1024

/*
 * A service manager may pass sockets that exist before any interposed call. Only a process that was
 * given some asks the engine about them. The engine takes those that a rule of its policy names,
 * and all that may not serve plain TCP.
 */
static void adopt_listeners(void)
{
	const char *pid = rudp_environment_get("LISTEN_PID");
	const char *fds = rudp_environment_get("LISTEN_FDS");
	long count;

	if (!pid || !fds || strtol(pid, NULL, 10) != getpid() || rudp_policy_disabled())
		return;
	count = strtol(fds, NULL, 10);
	for (long i = 0; i < count && i < LISTEN_FDS_MAX; i++)
		rudp_call_adopt((int)(LISTEN_FDS_START + i));
}

__attribute__((constructor)) static void on_load(void)
{
	rudp_real_resolve();
	rudp_environment_remember();
	rudp_exec_environment_begin();
	adopt_listeners();
}
