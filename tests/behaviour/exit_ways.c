/* SPDX-License-Identifier: MIT */
#include "behaviour/exit_ways.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void end_by(enum exit_way way)
{
	static const struct rlimit no_core;

	setrlimit(RLIMIT_CORE, &no_core);
	switch (way) {
	case EXIT_BY_return_from_main:
		return;
	case EXIT_BY_exit:
		exit(0);
	case EXIT_BY__exit:
		_exit(0);
	case EXIT_BY_quick_exit:
		quick_exit(0);
	case EXIT_BY_abort:
		abort();
	case EXIT_BY_raw_exit_group:
		syscall(SYS_exit_group, 0);
		break;
	case EXIT_BY_sigterm:
		raise(SIGTERM);
		break;
	case EXIT_BY_sigkill:
		raise(SIGKILL);
		break;
	}
}
