/* SPDX-License-Identifier: MIT */
/*
 * run_dir - the directory in which the engines of a user listen, and which nobody else can enter.
 *
 * An abstract AF_UNIX name can be bound and called by every user of the host. A socket in a directory
 * with owner and mode 0700 can be reached by that user and root alone, and only by programs that see
 * the same directory: another mount namespace or a chroot keeps a program out.
 *
 * Places, in this order: $XDG_RUNTIME_DIR/rudp; /run/rudp for root, /run/user/UID/rudp for others;
 * /tmp/rudp-UID; /dev/shm/rudp-UID. An engine takes the first that it can make, a program looks into
 * all of them.
 *
 * The overflow uid (65534 in a user namespace that does not map it) stands for any number of users,
 * so it has no place.
 *
 * Threads  any; async-signal-safe; no allocation.
 */
#ifndef RUDP_API_RUN_DIR_H
#define RUDP_API_RUN_DIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "api/names.h"

#define RUDP_RUN_DIR_PLACES 4
#define RUDP_RUN_DIR_SIZE 38 /* with its 0: the longest name still fits into sun_path behind it */

/* The place with this number. false: this user has none of that number, or its path is too long. */
bool rudp_run_dir_place(unsigned number, uint32_t uid, char dir[RUDP_RUN_DIR_SIZE]);

/* Whether dir is a directory, no symbolic link, of uid, and closed to all others. */
bool rudp_run_dir_is_private(const char *dir, uint32_t uid);

/*
 * The namespaces by which programs find an engine in the directory: name->network. It is the network
 * namespace in which the socket fd was made. For the well-known name it has the user namespace of this
 * process, too: an engine gives nothing to those of another one that do not know its token.
 */
void rudp_run_dir_place_name(struct rudp_name *name, int fd);

#endif
