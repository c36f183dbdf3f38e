/* SPDX-License-Identifier: MIT */
/*
 * faulty_ring - the ring of bytes, with allocations that fail on demand: fault_arm says which.
 * Linked before the library, so that the whole test program runs over it.
 */
#include <stdlib.h>

#include "../base/fault.c"

#define malloc fault_malloc
#define calloc fault_calloc
#include "base/ring.c"
#undef calloc
#undef malloc
