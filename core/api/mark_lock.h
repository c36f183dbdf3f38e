/* SPDX-License-Identifier: MIT */
/*
 * mark_lock - makes changes of marks and stored options one after the other. It is needed because
 * the kernel has no compare-and-set for a socket option.
 *
 * One lock serves all sockets of the process, and the notes of name_notes.h. It is held for a few
 * system calls that never block. In the main thread, signals are blocked while it is held. So no
 * handler sees a half-made change, and no handler that waits for another thread has interrupted
 * code which that thread waits for.
 *
 * Other threads do not block signals. The kernel gives a signal of the process to the main thread
 * if it can. But when another thread unblocks the signal meanwhile, that thread takes it. A main
 * thread that has not woken yet then stays in a call that only its signal ends, as CPython's join()
 * of a thread does. A handler that interrupts such a thread sees that its own thread holds the
 * lock, and continues nested. If it leaves by siglongjmp, the lock stays taken until another thread
 * has waited for ten seconds.
 *
 * The lock cannot stay locked for ever. A child of fork takes it over if another thread of its
 * parent held it. No thread waits longer than ten seconds. Two holders at once are possible only
 * after those ten seconds, after a vfork, and in a nested handler.
 *
 * Threads  any; async-signal-safe; errno is unchanged; no cancellation point.
 */
#ifndef RUDP_API_MARK_LOCK_H
#define RUDP_API_MARK_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct rudp_mark_lock {
	uint32_t thread; /* 0: nested, this thread already holds the lock */
	bool blocked;
	uint64_t signals;
};

/*
 * Between these two calls: nothing that can block, and no call that gets a pointer of the program.
 */
void rudp_mark_lock_take(struct rudp_mark_lock *lock);
void rudp_mark_lock_release(const struct rudp_mark_lock *lock);

/*
 * True in a handler that has interrupted a change made by its own thread. The interrupted code may
 * then overwrite the handler's change.
 */
static inline bool rudp_mark_lock_is_nested(const struct rudp_mark_lock *lock)
{
	return lock->thread == 0;
}

#endif
