/* SPDX-License-Identifier: MIT */
#include "api/child.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "api/sys.h"

#define STACK_BYTES (64 * 1024)
#define KERNEL_SIGSET_BYTES 8

/*
 * The raw mask call: libc's own leaves its two internal signals open, and a cancellation or setuid
 * broadcast must not run on the borrowed stack.
 */
static void mask_signals(int how, const uint64_t *set, uint64_t *old)
{
	rudp_sys_call(SYS_rt_sigprocmask, how, (long)set, (long)old, KERNEL_SIGSET_BYTES, 0, 0);
}

int rudp_child_run(int (*function)(void *argument), void *argument)
{
	uint64_t all = UINT64_MAX, before = 0;
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
	mask_signals(SIG_SETMASK, &all, &before);
	pid = clone(function, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK, argument);
	if (pid < 0)
		rc = -errno;
	else
		rudp_sys_call(SYS_wait4, pid, 0, __WCLONE, 0, 0, 0);
	mask_signals(SIG_SETMASK, &before, NULL);
	munmap(stack, STACK_BYTES);
	errno = saved;
	return rc;
}
