/* SPDX-License-Identifier: MIT */
/*
 * engine_start - finds the engine that serves this process, or starts one.
 *
 * Places to look, in this order:
 * 1. the memory of this process, which fork copies;
 * 2. RUDP_NONCE and RUDP_TOKEN in the environment, which the exec wrappers pass on, if
 *    RUDP_SETTINGS says that they belong to the present settings;
 * 3. the well-known name of the user and the settings, without or with the limits of this process
 *    (start_limits.h);
 * 4. a new engine: a process or, if no process can be started, a thread of this process.
 * With RUDP_ENGINE=thread, an engine that is not in memory is always a new thread, which serves
 * this program alone.
 *
 * No locks and no allocation, except dlopen in thread mode. So fork in a threaded program is safe,
 * and so is a first call in the constructor of another library.
 * Threads  any.
 */
#ifndef RUDP_API_ENGINE_START_H
#define RUDP_API_ENGINE_START_H

#include <stdbool.h>
#include <stdint.h>

#include "api/control.h"
#include "api/names.h"

struct rudp_engine_ref {
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
	uint32_t uid; /* our euid when we found it, or the engine's (root's) */
};

/*
 * Returns  0; -ENOENT: no engine runs and none can be started, use kernel TCP; -ENOKEY: the key
 *          file cannot be used; -EACCES: as -ENOENT, but clear text is forbidden (clear_text.h);
 *          -EMFILE, -ENFILE: no descriptor is free to load the thread's library, or none at all.
 *          This process remembers every failure but these two, and does not try again.
 */
int rudp_engine_find(struct rudp_engine_ref *engine);

/* As rudp_engine_find, but only from the memory of this process. */
bool rudp_engine_known(struct rudp_engine_ref *engine);

/*
 * Forgets an engine that does not answer on its control name, or that retires. rudp_engine_find
 * then looks for another and does not return this one again.
 */
void rudp_engine_forget(const struct rudp_nonce *nonce);

/* Writes the token of the engine with this nonce, zeros if it is not known. */
void rudp_engine_token(const struct rudp_nonce *nonce, uint8_t token[RUDP_TOKEN_BYTES]);

/* Returns whether this process found the engine with this nonce when its effective uid was uid. */
bool rudp_engine_was_of(const struct rudp_nonce *nonce, uint32_t uid);
/*
 * Asks for an engine with HELLO on the well-known name. Returns 0 or -errno as rudp_control_make.
 */
int rudp_engine_hello(uint64_t settings, struct rudp_engine_ref *engine);

/*
 * One attempt to start an engine (engine_process.c, engine_thread.c). Also -EEXIST: another start
 * won.
 */
int rudp_engine_start_process(uint64_t settings, struct rudp_engine_ref *engine);
int rudp_engine_load_thread(struct rudp_engine_ref *engine);

/*
 * Returns true if this process was forked after its parent had begun to load the engine's library.
 * The parent's engine may have been inside libcrypto at the fork, and its locks would stay locked
 * here for ever. Then no engine thread is started in this process; it uses the parent's engine or a
 * process.
 */
bool rudp_engine_thread_is_torn(void);

/* Call it before _exit(): an engine in a thread of this process first delivers what was written. */
void rudp_engine_leave_thread(void);

/*
 * Call it before exec() or daemon(): an engine in a thread of this process moves to a new
 * process, and continues to serve this process and others there.
 */
void rudp_engine_move_thread(void);

/*
 * Writes the index-th path where file may be installed: in the directory of RUDP_ENGINE_PATH,
 * beside this library, in the folder rudp beside it (an installed tree that was moved), at the
 * configured install path.
 *
 * Returns  false: there is no such place, or the path is too long for size.
 */
bool rudp_engine_place(unsigned index, const char *file, char *path, size_t size);
#define RUDP_ENGINE_PLACES 4

#endif
