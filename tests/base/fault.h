/* SPDX-License-Identifier: MIT */
/*
 * fault - allocations that fail on demand.
 *
 * A test file includes the .c file that it tests, with malloc and realloc replaced by these:
 *
 *	#define malloc fault_malloc
 *	#include "base/ring.c"
 *	#undef malloc
 *
 * The linker then has no need of that file's object in the library, so every test of the program
 * runs over the same code.
 */
#ifndef TESTS_BASE_FAULT_H
#define TESTS_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now fails, 1 being the next; only that one. 0: none. Counts from 0. */
void fault_arm(unsigned nth);
/* All of them fail, until this is taken back. */
void fault_deny(bool all);

/* Allocations, failed ones too, since fault_arm. */
unsigned fault_count(void);

void *fault_malloc(size_t size);
void *fault_calloc(size_t members, size_t size);
void *fault_realloc(void *memory, size_t size);

#endif
