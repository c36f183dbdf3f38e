/* SPDX-License-Identifier: MIT */
/*
 * closer - descriptors that nobody waits to see closed.
 *
 * A connection leaves sockets that have served: the listener that its program was connected through,
 * and in the end our end, shut both ways. Closing one takes the kernel 4 us, and wakes a worker of its
 * own while anybody's descriptor travels in a message (it looks for cycles of sockets then), as those of
 * the next connects do. So they are closed while the engine waits for programs anyway.
 *
 * What a close tells somebody (a reset, an end of file, a free name) must not be left to this: neither
 * must a copy of a program's descriptor.
 */
#ifndef RUDP_ENGINE_CLOSER_H
#define RUDP_ENGINE_CLOSER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_CLOSER_MAX 16                    /* beyond it the oldest is closed at once */
#define RUDP_CLOSER_AGE_NS (1 * RUDP_NS_PER_MS) /* an engine that never pauses closes them then */

struct rudp_closer {
	struct {
		int fd;
		int64_t since_ns;
	} waiting[RUDP_CLOSER_MAX];           /* a ring, oldest at first */
	unsigned first, count;
	int fd_max;                           /* numbers from here on: descriptors are scarce */
};

/* Looks at the limit of descriptors. */
void rudp_closer_init(struct rudp_closer *closer);
/* Takes fd, to be closed soon; at once where descriptors are scarce. -1: nothing to close. */
void rudp_closer_take(struct rudp_closer *closer, int fd, int64_t now_at_ns);
/* Closes the oldest. false: there was none. */
bool rudp_closer_one(struct rudp_closer *closer);
/* Closes those that have waited for RUDP_CLOSER_AGE_NS. */
void rudp_closer_due(struct rudp_closer *closer, int64_t now_at_ns);
void rudp_closer_all(struct rudp_closer *closer);

#endif
