/* SPDX-License-Identifier: MIT */
/* faulty_dispatch_queues - a dispatcher's queues, with allocations that fail on demand. */
#include <stdlib.h>

#include "../base/fault.h"

#define malloc fault_malloc
#define calloc fault_calloc
#define uthash_malloc(size) fault_malloc(size)
#include "messaging/dispatch_queues.c"
#undef malloc
#undef calloc
