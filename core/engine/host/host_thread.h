/* SPDX-License-Identifier: MIT */
/* host_thread - runs the engine as a thread of the program (librudp_engine.so). */
#ifndef RUDP_ENGINE_HOST_THREAD_H
#define RUDP_ENGINE_HOST_THREAD_H

#include <stdint.h>

#include "api/control.h"
#include "api/names.h"

/*
 * Starts the engine thread, once per process, with the settings that get returns (like getenv). The
 * thread has its own table of descriptors.
 *
 * Returns  0 with nonce and token of the engine, also if it runs already; -ENOKEY: bad key file;
 *          -ENOTSUP: bad setting; -errno.
 */
__attribute__((visibility("default"))) int
rudp_engine_start_thread(char *(*get)(const char *name), struct rudp_nonce *nonce,
			 uint8_t token[RUDP_TOKEN_BYTES]);

/*
 * To call when the program ends in an orderly way (exit, return from main, quick_exit, _exit). A
 * process takes over its listeners and connections (thread_to_process.h). That process delivers
 * what was written, closes sockets that no process has any more, and serves those that other
 * processes have. If no such process can be started, the engine delivers what the program has
 * written, and closes its connections as the program's end would. This function waits for that, a
 * few seconds at most. It does nothing if this process has no engine.
 * Threads  any.
 */
__attribute__((visibility("default"))) void rudp_engine_stop_thread(void);

/*
 * To call before the program executes another program, or becomes a daemon. As above, but if no
 * process can take over, or the program continues, nothing changes for the program.
 * Threads  any.
 */
__attribute__((visibility("default"))) void rudp_engine_move_thread(void);

#endif
