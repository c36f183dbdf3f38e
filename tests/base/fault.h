/* SPDX-License-Identifier: MIT */
/*
 * fault - allocation functions that fail on demand.
 *
 * A test file includes the .c file under test, with malloc and realloc replaced by these:
 *
 *	#define malloc fault_malloc
 *	#include "base/ring.c"
 *	#undef malloc
 *
 * The linker then does not use that file's object in the library, so all tests of the program run
 * over the same code.
 */
#ifndef TESTS_BASE_FAULT_H
#define TESTS_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes the nth allocation from now fail (1 is the next one), and only that one. 0: none. Resets
 * the count of allocations.
 */
void fault_arm(unsigned nth);
/* Makes all allocations fail until called with false. */
void fault_deny(bool all);

/* The number of allocations, including failed ones, since fault_arm. */
unsigned fault_count(void);

void *fault_malloc(size_t size);
void *fault_calloc(size_t members, size_t size);
void *fault_realloc(void *memory, size_t size);

#endif
