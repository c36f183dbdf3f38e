/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/child.h"
#include "api/raw_syscall.h"

struct seen {
	uintptr_t variable; /* address of a variable on the child's stack */
	pid_t pid;
};

static void note(struct seen *seen, volatile uint64_t *variable)
{
	*variable = 1;
	seen->variable = (uintptr_t)variable;
	seen->pid = (pid_t)rudp_raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* Exiting by a system call leaves the frame of this function on the stack. */
static int leave_a_frame(void *argument)
{
	volatile uint64_t variable;

	note(argument, &variable);
	rudp_raw_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
	return 0;
}

Test(child, runs_in_another_process_that_shares_memory_and_cannot_be_waited_for)
{
	struct seen seen = {0};

	errno = EDOM;
	cr_assert(zero(int, rudp_child_run(leave_a_frame, &seen)));
	cr_assert(eq(int, errno, EDOM));
	cr_assert(all(ne(int, seen.pid, 0), ne(int, seen.pid, getpid())));
	cr_assert(eq(int, waitpid(-1, NULL, 0), -1));
	cr_assert(eq(int, errno, ECHILD));
}

/* Memory that a program maps at the address of the child's stack is ordinary, for a sanitizer
 * too. */
Test(child, leaves_no_trace_of_its_stack)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct seen seen = {0};
	char *start, *memory;

	cr_assert(zero(int, rudp_child_run(leave_a_frame, &seen)));
	start = (char *)(seen.variable / page * page);
	memory = mmap(start, page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	cr_assert(eq(ptr, memory, start));
	memset(memory, 1, page);
	munmap(memory, page);
}
