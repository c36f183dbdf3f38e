/* SPDX-License-Identifier: MIT */
/*
 * host_thread - the engine as a thread of the program (librudp_engine.so).
 */
#ifndef RUDP_ENGINE_HOST_THREAD_H
#define RUDP_ENGINE_HOST_THREAD_H

#include <stdint.h>

#include "api/control.h"
#include "api/names.h"

/*
 * Starts the engine thread, once a process, with the settings that get gives (as getenv). It has a
 * descriptor table of its own.
 *
 * Returns  0 with its nonce and token; -ENOKEY (bad key file), -ENOTSUP (bad setting); -errno. When it
 *          runs already, 0 with the same.
 */
__attribute__((visibility("default"))) int
rudp_engine_start_thread(char *(*get)(const char *name), struct rudp_nonce *nonce,
			 uint8_t token[RUDP_TOKEN_BYTES]);

/*
 * The program is about to end in an orderly way (exit, return from main, quick_exit, _exit). A process
 * takes over its listeners and connections (thread_to_process.h): it delivers what was written, closes
 * what nobody has any more, and serves what other processes have. If there can be no such process, what
 * the program has written is delivered and its connections are closed as its end would close them; this
 * waits for that, a few seconds at most. Nothing where this process has no engine.
 * Threads  any.
 */
__attribute__((visibility("default"))) void rudp_engine_stop_thread(void);

/*
 * The program is about to execute another program, or to become a daemon: likewise, but if there can be
 * no such process, or the program goes on, nothing has changed for it.
 * Threads  any.
 */
__attribute__((visibility("default"))) void rudp_engine_move_thread(void);

#endif
