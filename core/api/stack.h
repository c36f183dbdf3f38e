/* SPDX-License-Identifier: MIT */
/*
 * stack - memory for the stack of code that must not run on its caller's: a child process that
 * shares our memory, and code for which the stack of a signal handler is too small.
 */
#ifndef RUDP_API_STACK_H
#define RUDP_API_STACK_H

#include <stddef.h>

/*
 * Maps a stack. It leaves errno as it is.
 *
 * Returns  its lowest address, or NULL if there is no memory.
 */
void *rudp_stack_map(size_t size);

/* Unmaps it. Functions of a process that ended without returning may have left frames on it. */
void rudp_stack_unmap(void *stack, size_t size);

#endif
