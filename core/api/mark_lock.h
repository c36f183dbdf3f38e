/* SPDX-License-Identifier: MIT */
/*
 * mark_lock - marks and stored options are changed one after the other, as the kernel has no "set if
 * still so".
 *
 * One holder at a time in a process, for all sockets: it is a few system calls that cannot wait. In the
 * main thread signals wait until it is over. So no handler meets a change half done, and none that
 * waits for another thread has interrupted what that thread waits for.
 *
 * Another thread leaves its signals open. The kernel gives a signal of the process to the main thread
 * if it can; but whoever lifts a block meanwhile takes it away from a main thread that has not woken
 * yet, and that one, in a call that only its signal ends, goes on waiting (CPython's join() of a thread
 * does). A handler that interrupts such a thread finds that its thread has the lock, and is nested
 * in it; one that leaves it by siglongjmp leaves the lock taken, until somebody has waited for
 * those ten seconds.
 *
 * What ends in the midst of it leaves nothing locked: a child of fork whose parent's other thread had
 * the lock takes it; nobody is waited for longer than ten seconds. Only then, after a vfork, and in a
 * nested handler are there two at a time.
 *
 * Threads  any; async-signal-safe; errno untouched; no cancellation point.
 */
#ifndef RUDP_API_MARK_LOCK_H
#define RUDP_API_MARK_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct rudp_mark_lock {
	uint32_t thread; /* 0: nested, this thread has the lock already and goes on with that */
	bool blocked;
	uint64_t signals;
};

/* Between these two: nothing that can wait, nor a call that is given a program's pointer. */
void rudp_mark_lock_take(struct rudp_mark_lock *lock);
void rudp_mark_lock_release(const struct rudp_mark_lock *lock);

/* In a handler that has interrupted a change of its own thread: what that does next may undo this. */
static inline bool rudp_mark_lock_is_nested(const struct rudp_mark_lock *lock)
{
	return lock->thread == 0;
}

#endif
