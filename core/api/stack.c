/* SPDX-License-Identifier: MIT */
#include "api/stack.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/sanitizer.h"

#if RUDP_WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

void *rudp_stack_map(size_t size)
{
	int saved = errno;
	void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	errno = saved;
	return stack == MAP_FAILED ? NULL : stack;
}

void rudp_stack_unmap(void *stack, size_t size)
{
	/*
	 * AddressSanitizer marks the surroundings of variables in its shadow of the memory until
	 * their function returns. A child of clone() never returns. The marks would stay for what
	 * is mapped at this address next.
	 */
#if RUDP_WITH_ASAN
	__asan_unpoison_memory_region(stack, size);
#endif
	munmap(stack, size);
}
