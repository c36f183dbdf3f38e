/* SPDX-License-Identifier: MIT */
/* faulty_host_cache - the table of known paths, with allocations that fail on demand. */
#include <stdlib.h>

#include "base/fault.h"

#define calloc fault_calloc
#define uthash_malloc(size) fault_malloc(size)
#include "proto/cc/host_cache.c"
#undef calloc
