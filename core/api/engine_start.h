/* SPDX-License-Identifier: MIT */
/*
 * engine_start - the engine that serves this process: remembered, found, or started.
 *
 * Looked for, in this order: the memory of this process (fork carries it); RUDP_NONCE and RUDP_TOKEN
 * in the environment (exec wrappers carry them), when RUDP_SETTINGS says that they belong to the
 * present settings; the well-known name of user and settings; else a new engine is started, as a
 * process or, where no process can be started, as a thread. With RUDP_ENGINE=thread what is not in
 * memory is always a new thread, that no other program shares.
 *
 * No locks and no allocation (but for dlopen in thread mode), so that fork in a threaded program
 * and a first call in another library's constructor are safe.
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
	uint32_t uid; /* ours when we found it; the engine's, or that is root's */
};

/*
 * Returns  0; -ENOENT: there is none and none can be started, use kernel TCP; -ENOKEY: the key file
 *          is unusable; -EACCES: there is none, but a key is set, so clear text is no way out;
 *          -EMFILE, -ENFILE: no descriptor to load a thread with, or no room for a single one at all.
 *          But for the last two, failures are remembered for good.
 */
int rudp_engine_find(struct rudp_engine_ref *engine);

/* Only what this process remembers. */
bool rudp_engine_known(struct rudp_engine_ref *engine);

/* Its control name refuses, or it retires: rudp_engine_find looks for another, and not for it again. */
void rudp_engine_forget(const struct rudp_nonce *nonce);

/* The token known for this nonce, zeros if none. */
void rudp_engine_token(const struct rudp_nonce *nonce, uint8_t token[RUDP_TOKEN_BYTES]);

/* An engine of this nonce is remembered from when we were this user. */
bool rudp_engine_was_of(const struct rudp_nonce *nonce, uint32_t uid);
/* Well-known name: HELLO. 0 or -errno as rudp_control_make. */
int rudp_engine_hello(uint64_t settings, struct rudp_engine_ref *engine);

/* engine_process.c and engine_thread.c: one start. Same returns, and -EEXIST: lost the race. */
int rudp_engine_start_process(uint64_t settings, struct rudp_engine_ref *engine);
int rudp_engine_load_thread(struct rudp_engine_ref *engine);

/*
 * true: the engine's library was loaded, or half loaded, before this process was forked. The parent's
 * engine may have been inside libcrypto then, whose locks nobody would ever release here: no engine in a
 * thread of this process, but that of the parent, or a process.
 */
bool rudp_engine_thread_is_torn(void);

/* _exit() is near: lets an engine in a thread of this process deliver what was written. */
void rudp_engine_leave_thread(void);

/*
 * exec() or daemon() is near: an engine in a thread of this process goes on in another process, and
 * serves this one and others from there.
 */
void rudp_engine_move_thread(void);

/*
 * The index-th place where file may lie: in the directory of RUDP_ENGINE_PATH, beside this library,
 * in the folder rudp beside it (an installed tree that was moved), where it was to be installed.
 *
 * Returns  false: there is no such place, or it does not fit.
 */
bool rudp_engine_place(unsigned index, const char *file, char *path, size_t size);
#define RUDP_ENGINE_PLACES 4

#endif
