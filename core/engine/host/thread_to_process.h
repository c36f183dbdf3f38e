/* SPDX-License-Identifier: MIT */
/*
 * thread_to_process - moves an engine from a thread of a program to a process of its own.
 *
 * The program is about to end, to execute another program or to become a daemon, and other processes may
 * have its sockets. The engine's thread has a descriptor table of its own, so a fork of it has the
 * engine's descriptors and memory, and none of the program's descriptors. That process goes on where the
 * thread was, with all listeners and connections, and ends when nobody has a socket of it any more.
 *
 * The program cannot notice the process: it is no child of the program, and has another session,
 * working directory and command line, and none of the memory that the program shares with others. A
 * copy of the program's private memory remains in it until it ends: the engine's objects lie between the
 * program's.
 *
 * It is not done
 *  - in the first process of a PID namespace, with which all others end;
 *  - when the program has put the thread under a filter of system calls, which may kill for a clone;
 *    nor without /proc, which tells that;
 *  - when other threads of the program hold locks of libc that the new process needs.
 */
#ifndef RUDP_ENGINE_THREAD_TO_PROCESS_H
#define RUDP_ENGINE_THREAD_TO_PROCESS_H

#include <stdbool.h>

#include "engine/loop/engine.h"

#define RUDP_MOVE_TRIES_MAX 10     /* forks, as long as one finds a lock held */
#define RUDP_MOVE_LOCKS_US 20000  /* such a fork ends then */
#define RUDP_MOVE_READY_MS 1000   /* one that has not begun by then is killed, and the last */
#define RUDP_MOVE_PROBE_BYTES 2048 /* more than what libc gives without a lock, less than what it maps */

struct rudp_thread_state {
	int filters; /* of system calls, that the thread has had from its start; -1: not known */
	void *probe; /* memory of the thread that started the engine */
};

/* In the engine's thread, before it serves. probe: see above, of RUDP_MOVE_PROBE_BYTES. */
void rudp_thread_state_init(struct rudp_thread_state *state, void *probe);

/*
 * In the engine's thread, between two turns.
 *
 * Returns  0: a process serves, and the thread must end without using the engine again;
 *          -errno: nothing has happened.
 */
int rudp_thread_to_process(struct rudp_engine *engine, const struct rudp_thread_state *state,
			   bool program_ends);

#endif
