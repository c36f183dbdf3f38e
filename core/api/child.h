/* SPDX-License-Identifier: MIT */
/*
 * child - runs a function in a child process that shares our memory and that the program cannot
 * notice.
 *
 * The child has a copy of the descriptor table and its own process id. The calling thread sleeps
 * until the child ends. The child is made by clone() without an exit signal, so it raises no
 * SIGCHLD, and wait(-1) never returns it. All signals are blocked in the child, and in the caller
 * until it ends.
 */
#ifndef RUDP_API_CHILD_H
#define RUDP_API_CHILD_H

/*
 * Runs function(argument), which must neither allocate memory nor take locks.
 *
 * Returns  0 when the function has ended, or -errno if no process could be made.
 */
int rudp_child_run(int (*function)(void *argument), void *argument);

#endif
