/* SPDX-License-Identifier: MIT */
/*
 * strict - a program under `rudp run --strict` sends nothing over the kernel's TCP.
 *
 * The policy alone binds only what goes by the shim. So the kernel denies the rest: Landlock the bind
 * and connect of TCP sockets (Linux 6.7), and a filter of system calls what Landlock does not cover:
 * Multipath TCP, SMC, data in a SYN (MSG_FASTOPEN), and io_uring, which no filter looks into.
 * What the program starts is in it, too. UDP, and what is local, is not touched.
 */
#ifndef RUDP_TOOLS_STRICT_H
#define RUDP_TOOLS_STRICT_H

#include <stdbool.h>
#include <stddef.h>

#define RUDP_STRICT_WHY_SIZE 160

/* Whether the kernel can do that. false: why says what is missing and what to do. */
bool rudp_strict_is_possible(char why[RUDP_STRICT_WHY_SIZE]);

/* The same, of what the kernel says of its Landlock: a version, or -errno. */
bool rudp_strict_is_enough(long version, char why[RUDP_STRICT_WHY_SIZE]);

/*
 * Finds or starts the engine of the environment, which is not to be in the domain of the program, and
 * makes it stay as long as this process, which becomes the program. 0 or -errno, as rudp_engine_find.
 */
int rudp_strict_start_engine(void);

/* Puts this process, which has one thread, under it for good. 0 or -errno. */
int rudp_strict_enter(void);

#endif
