/* SPDX-License-Identifier: MIT */
/* faulty_association - the tables of associations, with allocations that fail on demand. */
#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"

static void *faulty_calloc(size_t count, size_t size)
{
	void *memory = fault_malloc(count * size);

	return memory ? memset(memory, 0, count * size) : NULL;
}

#define calloc faulty_calloc
#define uthash_malloc(size) fault_malloc(size)
#include "proto/association.c"
#undef calloc
