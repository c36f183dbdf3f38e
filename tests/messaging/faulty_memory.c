/* SPDX-License-Identifier: MIT */
/* faulty_memory - inbox and batch, with allocations that fail on demand. */
#include <stdlib.h>

#include "../base/fault.h"

#define malloc fault_malloc
#define realloc fault_realloc
#include "messaging/batch.c"
#include "messaging/inbox.c"
#undef malloc
#undef realloc
