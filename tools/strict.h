/* SPDX-License-Identifier: MIT */
/*
 * strict - keeps a program under `rudp run --strict` from sending anything over kernel TCP.
 *
 * The policy applies only to calls that go through the shim, so the kernel must deny the rest.
 * Landlock denies bind and connect of TCP sockets (Linux 6.7). A system call filter denies what
 * Landlock does not cover: Multipath TCP, SMC, data in a SYN (MSG_FASTOPEN), and io_uring, whose
 * requests a filter cannot see. Programs that the program starts are restricted too. UDP and local
 * sockets are not restricted.
 */
#ifndef RUDP_TOOLS_STRICT_H
#define RUDP_TOOLS_STRICT_H

#include <stdbool.h>

#define RUDP_STRICT_WHY_SIZE 160

/* Returns whether the kernel can do that. If not, why says what is missing and what to do. */
bool rudp_strict_is_possible(char why[RUDP_STRICT_WHY_SIZE]);

/* The same for a given result of Landlock: its version, or -errno. */
bool rudp_strict_is_enough(long version, char why[RUDP_STRICT_WHY_SIZE]);

/*
 * Finds or starts the engine for this environment, outside the Landlock domain of the program. The
 * engine stays for as long as this process, which becomes the program. Returns 0 or -errno as
 * rudp_engine_find.
 */
int rudp_strict_start_engine(void);

/* Restricts this process, which must have one thread, for ever. Returns 0 or -errno. */
int rudp_strict_enter(void);

#endif
