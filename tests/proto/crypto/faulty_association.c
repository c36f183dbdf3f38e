/* SPDX-License-Identifier: MIT */
/* faulty_association - the tables of associations, with allocations that fail on demand. */
#include <stdlib.h>

#include "base/fault.h"

#define calloc fault_calloc
#define uthash_malloc(size) fault_malloc(size)
#include "proto/crypto/association.c"
#undef calloc
