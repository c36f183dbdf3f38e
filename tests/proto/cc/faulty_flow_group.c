/* SPDX-License-Identifier: MIT */
/* faulty_flow_group - groups of flows, with allocations that fail on demand. */
#include <stdlib.h>

#include "base/fault.h"

#define calloc fault_calloc
#define uthash_malloc(size) fault_malloc(size)
#include "proto/cc/flow_group.c"
#undef calloc
