/* SPDX-License-Identifier: MIT */
/*
 * _exit and daemon, for an engine in a thread of this program. They end the process without running
 * destructors, so the thread's connections and listeners would be lost. (exit and quick_exit call
 * the engine's own handlers.)
 */
#include "api/engine_start.h"
#include "filtered.h"
#include "real.h"

RUDP_EXPORT void _exit(int status)
{
	if (!rudp_is_filtered())
		rudp_engine_leave_thread();
	REAL(_exit)(status);
	__builtin_unreachable();
}

RUDP_EXPORT void _Exit(int status)
{
	_exit(status);
}

/* libc's daemon ends this process without calling our _exit. */
RUDP_EXPORT int daemon(int stay_in_directory, int keep_output)
{
	if (!rudp_is_filtered())
		rudp_engine_move_thread();
	return REAL(daemon)(stay_in_directory, keep_output);
}
