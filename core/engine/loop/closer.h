/* SPDX-License-Identifier: MIT */
/*
 * closer - closes the engine's own sockets later, when it has time.
 *
 * A connection leaves sockets that are not needed any more: the listener through which the program
 * was connected, and finally the engine's end, shut in both directions. Closing one takes the
 * kernel 4 us. It also wakes a kernel worker if a descriptor is in flight in any AF_UNIX message
 * (the kernel then looks for cycles of sockets), as in the next connect. So they are closed while
 * the engine has to wait for programs anyway.
 *
 * A close that another process waits for (a reset, an end of file, a free name) must not be left to
 * this module. Neither must a copy of a program's descriptor.
 */
#ifndef RUDP_ENGINE_CLOSER_H
#define RUDP_ENGINE_CLOSER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_CLOSER_MAX 16 /* beyond it the oldest is closed at once */
/* An engine that is never idle closes them after this time */
#define RUDP_CLOSER_AGE_NS (1 * RUDP_NS_PER_MS)

struct rudp_closer {
	struct {
		int fd;
		int64_t since_ns;
	} waiting[RUDP_CLOSER_MAX]; /* a ring, oldest first */
	unsigned first, count;
	int fd_max; /* from this number on descriptors count as scarce */
};

/* Reads the limit of descriptors (RLIMIT_NOFILE). */
void rudp_closer_init(struct rudp_closer *closer);
/* Takes fd over and closes it soon, or at once if descriptors are scarce. -1: nothing to close. */
void rudp_closer_take(struct rudp_closer *closer, int fd, int64_t now_at_ns);
/* Closes the oldest. false: there is none. */
bool rudp_closer_one(struct rudp_closer *closer);
/* Closes those that have waited for RUDP_CLOSER_AGE_NS. */
void rudp_closer_due(struct rudp_closer *closer, int64_t now_at_ns);
void rudp_closer_all(struct rudp_closer *closer);

#endif
