/* SPDX-License-Identifier: MIT */
/*
 * thread_to_process - moves an engine from a thread of a program to a process of its own.
 *
 * This is needed when the program is about to end, to execute another program or to become a
 * daemon, while other processes may have its sockets. The engine's thread has its own descriptor
 * table. So a fork of the thread has the engine's descriptors and memory, but none of the program's
 * descriptors. The new process continues where the thread stopped, with all listeners and
 * connections. It ends when no process has a socket of it any more.
 *
 * The program cannot notice the process: it is not a child of the program, and has another session,
 * working directory and command line. It has none of the memory that the program shares with
 * others. A copy of the program's private memory remains in it until it ends, because the engine's
 * objects lie among the program's.
 *
 * The engine is not moved
 * - in the first process of a PID namespace: all other processes of the namespace end with it;
 * - if the program has put the thread under a system call filter, which may kill it for clone(2);
 *   nor without /proc, which shows such filters;
 * - if other threads of the program hold libc locks that the new process needs.
 */
#ifndef RUDP_ENGINE_THREAD_TO_PROCESS_H
#define RUDP_ENGINE_THREAD_TO_PROCESS_H

#include <stdbool.h>

#include "engine/loop/engine.h"

#define RUDP_MOVE_TRIES_MAX 10   /* forks, while a fork finds a lock held */
#define RUDP_MOVE_LOCKS_US 20000 /* such a fork is killed after this time */
#define RUDP_MOVE_READY_MS 1000  /* a process that is not ready by then is killed; no more tries */
#define RUDP_MOVE_PROBE_BYTES                                                                      \
	2048 /* more than libc allocates without a lock, less than what it maps */

struct rudp_thread_state {
	int filters; /* number of system call filters at the thread's start; -1: unknown */
	void *probe; /* memory allocated by the thread that started the engine */
};

/* To be called in the engine's thread before it serves. probe: RUDP_MOVE_PROBE_BYTES, see above. */
void rudp_thread_state_init(struct rudp_thread_state *state, void *probe);

/*
 * To be called in the engine's thread, between two turns of its loop.
 *
 * Returns  0: a process serves now, and the thread must end without using the engine again; -errno:
 *          nothing has changed.
 */
int rudp_thread_to_process(struct rudp_engine *engine, const struct rudp_thread_state *state,
			   bool program_ends);

#endif
