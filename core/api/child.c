/* SPDX-License-Identifier: MIT */
#include "api/child.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "api/raw_syscall.h"
#include "api/stack.h"

#define STACK_BYTES (64 * 1024)

int rudp_child_run(int (*function)(void *argument), void *argument)
{
	uint64_t before;
	bool blocked;
	int saved = errno;
	int rc = 0;
	pid_t pid;
	char *stack = rudp_stack_map(STACK_BYTES);

	if (!stack)
		return -ENOMEM;
	/*
	 * The signals that libc uses for cancellation and setuid must not run on this small stack.
	 */
	blocked = rudp_raw_signals_block(0, &before);
	pid = clone(function, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK, argument);
	if (pid < 0)
		rc = -errno;
	else
		rudp_raw_syscall(SYS_wait4, pid, 0, __WCLONE, 0, 0, 0);
	if (blocked)
		rudp_raw_signals_restore(before);
	rudp_stack_unmap(stack, STACK_BYTES);
	errno = saved;
	return rc;
}
