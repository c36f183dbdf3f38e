/* SPDX-License-Identifier: MIT */
#include "api/mark_lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "api/raw_syscall.h"

#define TRIES_MAX 100
#define SLEEPS_MAX 10000 /* each at least 1 ms */
#define SLEEP_NS 1000000

/* A seccomp filter may trap one of our calls with SIGSYS, which kills a thread that blocks it. */
#define NOT_BLOCKED (UINT64_C(1) << (SIGSYS - 1))

static _Atomic uint32_t holder; /* thread id; 0: the lock is free */
/* Thread id of the last main thread that was seen here. It saves a question. */
static _Atomic uint32_t main_thread;

/* After fork or vfork the holder may be a thread of another process. */
static bool is_of_other_process(uint32_t thread)
{
	return rudp_raw_syscall(SYS_tgkill, getpid(), (long)thread, 0, 0, 0, 0) == -ESRCH;
}

/* Sleeps with futex, which seccomp filters of threaded programs allow. No thread wakes it. */
static void sleep_briefly(uint32_t seen)
{
	const struct timespec span = {.tv_nsec = SLEEP_NS};

	rudp_raw_syscall(SYS_futex, (long)&holder, FUTEX_WAIT_PRIVATE, (long)seen, (long)&span, 0,
			 0);
}

/* Either the holder will release it soon, or it does not run now, for an unknown time. */
static bool may_take_over(uint32_t seen, int tries)
{
	if (tries < TRIES_MAX) {
		sched_yield();
		return false;
	}
	if (is_of_other_process(seen) || tries >= TRIES_MAX + SLEEPS_MAX)
		return true;
	sleep_briefly(seen);
	return false;
}

/* Returns false if this thread already holds the lock. */
static bool take(uint32_t self)
{
	for (int tries = 0;; tries++) {
		uint32_t seen = 0;

		if (atomic_compare_exchange_strong(&holder, &seen, self))
			return true;
		if (seen == self)
			return false;
		if (may_take_over(seen, tries) &&
		    atomic_compare_exchange_strong(&holder, &seen, self))
			return true;
	}
}

/*
 * After fork there is another main thread, with another id. Should another thread of the child have
 * the old id, it blocks signals needlessly.
 */
static bool is_main(uint32_t thread)
{
	if (thread == atomic_load(&main_thread))
		return true;
	if (thread != (uint32_t)getpid())
		return false;
	atomic_store(&main_thread, thread);
	return true;
}

void rudp_mark_lock_take(struct rudp_mark_lock *lock)
{
	lock->thread = (uint32_t)rudp_raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
	lock->blocked =
		is_main(lock->thread) && rudp_raw_signals_block(NOT_BLOCKED, &lock->signals);
	if (!take(lock->thread))
		lock->thread = 0;
}

void rudp_mark_lock_release(const struct rudp_mark_lock *lock)
{
	uint32_t self = lock->thread;

	if (self)
		atomic_compare_exchange_strong(&holder, &self, 0);
	if (lock->blocked)
		rudp_raw_signals_restore(lock->signals);
}
