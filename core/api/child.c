/* SPDX-License-Identifier: MIT */
#include "api/child.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "api/raw_syscall.h"

#define STACK_BYTES (64 * 1024)

int rudp_child_run(int (*function)(void *argument), void *argument)
{
	uint64_t before;
	bool blocked;
	int saved = errno;
	int rc = 0;
	pid_t pid;
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED) {
		rc = -errno;
		errno = saved;
		return rc;
	}
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
	munmap(stack, STACK_BYTES);
	errno = saved;
	return rc;
}
