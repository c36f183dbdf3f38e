/* SPDX-License-Identifier: MIT */
/* A fork drops what its program shares with others, and keeps its private memory. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/host/shared_memory.h"

#define MAPPINGS 600 /* their lines are longer together than what is read at once */
#define PAGE 4096u

static void *map(int kind)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
}

static bool is_mapped(void *page)
{
	return msync(page, PAGE, MS_ASYNC) == 0;
}

/* A number for each thing that is wrong; the test itself needs criterion's shared memory. */
static int leave_and_look(void)
{
	static void *shared[MAPPINGS], *private[MAPPINGS];

	for (int i = 0; i < MAPPINGS; i++) {
		shared[i] = map(MAP_SHARED);
		private[i] = map(MAP_PRIVATE);
		if (shared[i] == MAP_FAILED || private[i] == MAP_FAILED)
			return 1;
	}
	rudp_shared_memory_leave();
	for (int i = 0; i < MAPPINGS; i++) {
		if (is_mapped(shared[i]))
			return 2;
		if (!is_mapped(private[i]))
			return 3;
		*(char *)private[i] = 1;
	}
	return 0;
}

Test(shared_memory, shared_mappings_go_and_private_ones_stay)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(leave_and_look());
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(eq(int, status, 0));
}
