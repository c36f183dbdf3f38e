/* SPDX-License-Identifier: MIT */
/*
 * known_place - remembers the private directories in which this process has reached its engines.
 *
 * Searching for a directory and checking it (run_dir.h) takes two or more system calls for each
 * control call. An engine does not move, so the directory in which it was last reached is tried
 * first. The directory is not checked again. Instead the caller checks the user of the listening
 * socket, and searches again if the call fails.
 *
 * fork copies what is known, exec loses it. After a change of user nothing usable is known, because
 * the new user may not enter the directory: the call fails and the search starts.
 *
 * Threads  any; async-signal-safe, no locks (see engine_start.c). After RUDP_KNOWN_PLACES engines,
 *          two threads that write at once may mix up an entry. A call to such an entry fails, and
 *          the entry is forgotten.
 */
#ifndef RUDP_API_KNOWN_PLACE_H
#define RUDP_API_KNOWN_PLACE_H

#include <stdbool.h>

#include "api/names.h"
#include "api/run_dir.h"

#define RUDP_KNOWN_PLACES 8u

/* Returns false if no directory is known for the engine with this nonce. */
bool rudp_known_place(const struct rudp_nonce *nonce, char dir[RUDP_RUN_DIR_SIZE]);
/* Remembers that the engine was reached in dir. Call it only if nothing was known. */
void rudp_known_place_note(const struct rudp_nonce *nonce, const char *dir);
void rudp_known_place_forget(const struct rudp_nonce *nonce);

#endif
