/* SPDX-License-Identifier: MIT */
/*
 * self_path - the path of the library (or program) that this code is linked into.
 */
#ifndef RUDP_API_SELF_PATH_H
#define RUDP_API_SELF_PATH_H

#define RUDP_SELF_PATH_SIZE 1024

/*
 * Returns the absolute path from which the kernel mapped the file. LD_PRELOAD is no substitute: it
 * may be relative, and the program may have changed its working directory. The result is cached.
 *
 * Returns  NULL if /proc is not mounted or the path is longer than RUDP_SELF_PATH_SIZE - 1.
 * Threads  any; async-signal-safe; no allocation.
 */
const char *rudp_self_path(void);

#endif
