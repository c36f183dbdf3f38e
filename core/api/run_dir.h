/* SPDX-License-Identifier: MIT */
/*
 * run_dir - the private directory in which a user's engines listen.
 *
 * Every user of the host can bind and call an abstract AF_UNIX name. A socket in a directory of
 * mode 0700 can be reached by the directory's owner and root alone, and only by programs that see
 * the same directory: another mount namespace or a chroot keeps a program out.
 *
 * Places, in this order: $XDG_RUNTIME_DIR/rudp; /run/rudp for root, /run/user/UID/rudp for others;
 * /tmp/rudp-UID; /dev/shm/rudp-UID. An engine uses the first place that it can create. A program
 * searches all of them.
 *
 * The overflow uid (65534 in a user namespace that does not map the user) stands for any number of
 * users, so it has no place.
 *
 * Threads  any; async-signal-safe; no allocation.
 */
#ifndef RUDP_API_RUN_DIR_H
#define RUDP_API_RUN_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "api/names.h"

#define RUDP_RUN_DIR_PLACES 4
#define RUDP_RUN_DIR_SIZE 38 /* with its final 0; sun_path then has room for the longest name */

/* Writes the path of place number. Returns false if this user has no such place or it is too
 * long. */
bool rudp_run_dir_place(unsigned number, uint32_t uid, char dir[RUDP_RUN_DIR_SIZE]);

/* Returns whether dir is a directory (no symbolic link) of uid with no permission for others. */
bool rudp_run_dir_is_private(const char *dir, uint32_t uid);

/*
 * Fills name->network, by which programs find their engine in the directory. It identifies the
 * network namespace in which the socket fd was made. For a well-known name it also identifies the
 * container of this process, by user namespace and root directory: an engine refuses callers of
 * another container that do not know its token.
 */
void rudp_run_dir_place_name(struct rudp_name *name, int fd);

#endif
