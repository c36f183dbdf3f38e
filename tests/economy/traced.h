/* SPDX-License-Identifier: MIT */
/* traced - counts the system calls that this program makes. */
#ifndef RUDP_TESTS_ECONOMY_TRACED_H
#define RUDP_TESTS_ECONOMY_TRACED_H

/*
 * Runs the function with this number in a child process, which must have one thread.
 *
 * Returns  the number of its system calls, that of its end included; 0: no process may be traced
 *          here; -1: the child has failed.
 */
long traced_calls(void (*run)(int), int number);

#endif
