/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

static unsigned fails_at;
static unsigned count;
static bool denied;

void fault_arm(unsigned nth)
{
	fails_at = nth;
	count = 0;
}

void fault_deny(bool all)
{
	denied = all;
}

unsigned fault_count(void)
{
	return count;
}

static bool fails_now(void)
{
	return ++count == fails_at || denied;
}

void *fault_malloc(size_t size)
{
	return fails_now() ? NULL : malloc(size);
}

void *fault_calloc(size_t members, size_t size)
{
	void *memory = fault_malloc(members * size);

	return memory ? memset(memory, 0, members * size) : NULL;
}

void *fault_realloc(void *memory, size_t size)
{
	return fails_now() ? NULL : realloc(memory, size);
}
