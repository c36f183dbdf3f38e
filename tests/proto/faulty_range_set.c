/* SPDX-License-Identifier: MIT */
/* faulty_range_set - the range set, with allocations that fail on demand. */
#include <stdlib.h>

#include "../base/fault.h"

#define realloc fault_realloc
#include "base/range_set.c"
#undef realloc
