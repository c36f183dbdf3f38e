/* SPDX-License-Identifier: MIT */
/* faulty_startup_group - groups of starters, with allocations that fail on demand. */
#include <stdlib.h>

#include "base/fault.h"

#define calloc fault_calloc
#define uthash_malloc(size) fault_malloc(size)
#include "proto/cc/startup_group.c"
#undef calloc
