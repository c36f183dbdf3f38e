/* SPDX-License-Identifier: MIT */
/*
 * turn - marks and bags are changed one after the other, as the kernel has no "set if still so".
 *
 * One turn at a time in a process, for all sockets: it is a few system calls that cannot wait. Its
 * thread's signals wait until it is over. So no handler meets a change half done, and none that waits
 * for another thread has interrupted what that thread waits for.
 *
 * What ends in the midst of it leaves nothing locked: a child of fork whose parent's other thread had
 * the turn takes it; nobody is waited for longer than ten seconds. Only then, after a vfork, and in a
 * handler of SIGSYS are there two at a time.
 *
 * Threads  any; async-signal-safe; errno untouched; no cancellation point.
 */
#ifndef RUDP_API_TURN_H
#define RUDP_API_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct rudp_turn {
	uint32_t thread; /* 0: this thread had a turn before, and goes on with that */
	bool blocked;
	uint64_t signals;
};

/* Between these two: nothing that can wait, nor a call that is given a program's pointer. */
void rudp_turn_take(struct rudp_turn *turn);
void rudp_turn_leave(const struct rudp_turn *turn);

#endif
