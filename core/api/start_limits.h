/* SPDX-License-Identifier: MIT */
/*
 * start_limits - limits of a program that the engine it starts would keep.
 *
 * An engine process serves all programs of a user that have the same settings, but it inherits the
 * limits of the program that started it (engine/host/inherited.h). It cannot raise a hard limit,
 * nor its priority, without privileges. So an engine with small limits takes another well-known
 * name (names.h), and serves only programs with the same small limits.
 *
 * Allocates nothing; async-signal-safe, except rudp_start_limits_text().
 * Threads  any.
 */
#ifndef RUDP_API_START_LIMITS_H
#define RUDP_API_START_LIMITS_H

#include <stdint.h>

#define RUDP_START_LIMITS_TEXT_SIZE 256
#define RUDP_FILES_FEW 4096 /* an engine with fewer descriptors does not serve all programs */
#define RUDP_TASKS_FEW 32

/*
 * Returns 0 if an engine with the limits of this process can serve every program of the user. Else
 * a number that depends on each limit that is too small: XOR it to the hash of the settings in the
 * well-known name.
 */
uint64_t rudp_start_limits(void);

/* Describes these limits, such as "64 open files, nice 10". Returns text. */
const char *rudp_start_limits_text(char text[RUDP_START_LIMITS_TEXT_SIZE]);

#endif
