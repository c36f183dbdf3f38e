/* SPDX-License-Identifier: MIT */
/*
 * self_path - where the library (or program) that this code is part of lies in the file system.
 */
#ifndef RUDP_API_SELF_PATH_H
#define RUDP_API_SELF_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define RUDP_SELF_PATH_SIZE 1024

/*
 * The absolute path, as the kernel mapped it: LD_PRELOAD may have been relative and the program may
 * have changed its directory since. Remembered from the first time on.
 *
 * Returns  NULL when /proc is not there or the path is longer than RUDP_SELF_PATH_SIZE - 1.
 * Threads  any; async-signal-safe; no allocation.
 */
const char *rudp_self_path(void);

#endif
