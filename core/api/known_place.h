/* SPDX-License-Identifier: MIT */
/*
 * known_place - the private directories in which this process has reached its engines.
 *
 * To look for a directory and check it (run_dir.h) takes two system calls or more for each control
 * call. An engine does not move, so the directory in which it was reached is tried first. It is not
 * checked again: whoever calls there checks who listens, and searches anew where the call fails.
 *
 * A fork inherits what is known, and exec loses it. Nothing is known under another user, which may not
 * enter the directory: the call fails, and the search begins.
 *
 * Threads  any; async-signal-safe, no locks: see engine_start.c. What two threads note at once may be
 *          mixed up after RUDP_KNOWN_PLACES engines; a call there fails and is forgotten.
 */
#ifndef RUDP_API_KNOWN_PLACE_H
#define RUDP_API_KNOWN_PLACE_H

#include <stdbool.h>

#include "api/names.h"
#include "api/run_dir.h"

#define RUDP_KNOWN_PLACES 8u

/* false: not known. */
bool rudp_known_place(const struct rudp_nonce *nonce, char dir[RUDP_RUN_DIR_SIZE]);
/* The engine was reached there, and nothing was known of it. */
void rudp_known_place_note(const struct rudp_nonce *nonce, const char *dir);
void rudp_known_place_forget(const struct rudp_nonce *nonce);

#endif
