/* SPDX-License-Identifier: MIT */
/*
 * _exit, for an engine in a thread of this program alone: no destructor runs then, and what was
 * written would be lost with the thread. (exit and quick_exit call the engine's own handlers.)
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
