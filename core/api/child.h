/* SPDX-License-Identifier: MIT */
/*
 * child - running a function in a process of its own that shares our memory, without a trace.
 *
 * The child has a copy of the descriptor table and its own process id; the caller sleeps until it is
 * over. It raises no SIGCHLD and wait(-1) never sees it (clone without an exit signal). Signals are
 * blocked around it and in it.
 */
#ifndef RUDP_API_CHILD_H
#define RUDP_API_CHILD_H

/*
 * Runs function(argument), which must neither allocate nor take locks.
 *
 * Returns  0 when it has run, or -errno when no process could be made.
 */
int rudp_child_run(int (*function)(void *argument), void *argument);

#endif
