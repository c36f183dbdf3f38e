/* SPDX-License-Identifier: MIT */
/* faulty_lanes - a dispatcher's lanes, with allocations that fail on demand. */
#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"

static void *faulty_calloc(size_t count, size_t size)
{
	void *memory = fault_malloc(count * size);

	return memory ? memset(memory, 0, count * size) : NULL;
}

#define malloc fault_malloc
#define calloc faulty_calloc
#define uthash_malloc(size) fault_malloc(size)
#include "messaging/lanes.c"
#undef malloc
#undef calloc
