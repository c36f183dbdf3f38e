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
#define NAPS_MAX 10000 /* of a millisecond at least */
#define NAP_NS 1000000

/* A filter's trap of one of our calls kills whoever has it blocked. */
#define LEFT_OPEN (UINT64_C(1) << (SIGSYS - 1))

static _Atomic uint32_t holder; /* gettid(); 0: nobody has the lock */

/* After fork the holder may be a thread that only the parent has; of a vfork child, or its parent. */
static bool is_elsewhere(uint32_t thread)
{
	return rudp_raw_syscall(SYS_tgkill, getpid(), (long)thread, 0, 0, 0, 0) == -ESRCH;
}

/* By the one call that every program with threads makes; nobody wakes us. */
static void nap(uint32_t seen)
{
	const struct timespec span = {.tv_nsec = NAP_NS};

	rudp_raw_syscall(SYS_futex, (long)&holder, FUTEX_WAIT_PRIVATE, (long)seen, (long)&span, 0,
			 0);
}

/* Who has it has hardly begun; or another program has his processor, for as long as that pleases. */
static bool is_given_up(uint32_t seen, int tries)
{
	if (tries < TRIES_MAX) {
		sched_yield();
		return false;
	}
	if (is_elsewhere(seen) || tries >= TRIES_MAX + NAPS_MAX)
		return true;
	nap(seen);
	return false;
}

/* false: this thread has it. */
static bool take(uint32_t self)
{
	for (int tries = 0;; tries++) {
		uint32_t seen = 0;

		if (atomic_compare_exchange_strong(&holder, &seen, self))
			return true;
		if (seen == self)
			return false;
		if (is_given_up(seen, tries) && atomic_compare_exchange_strong(&holder, &seen, self))
			return true;
	}
}

void rudp_mark_lock_take(struct rudp_mark_lock *lock)
{
	lock->thread = (uint32_t)rudp_raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
	lock->blocked = (pid_t)lock->thread == getpid() &&
			rudp_raw_signals_block(LEFT_OPEN, &lock->signals);
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
