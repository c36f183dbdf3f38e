/* SPDX-License-Identifier: MIT */
/*
 * timer_wheel - hierarchical timing wheel with intrusive timers.
 *
 * Model      After Varghese & Lauck (1987), scheme 6: levels of 64 slots; the tick is
 *            RUDP_TIMER_TICK_NS. A timer never fires before its deadline and at most one tick after
 *            the wheel was told the time; within one expiry pass timers fire in deadline order
 *            (exactly, not just by slot), so that time kept with them does not drift.
 * Cost       arm and cancel O(1); expiry O(1) amortised a timer; next deadline O(levels).
 * Threads    none: one owner at a time.
 */
#ifndef RUDP_BASE_TIMER_WHEEL_H
#define RUDP_BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_TIMER_TICK_NS (INT64_C(1) << 17) /* about 131 microseconds */
#define RUDP_TIMER_SLOT_BITS 6
#define RUDP_TIMER_SLOTS (1 << RUDP_TIMER_SLOT_BITS)
#define RUDP_TIMER_LEVELS 6 /* 64^6 ticks: about 104 days; later deadlines wait at the top */

/* Embedded in its owner; zeroed is "not armed". */
struct rudp_timer {
	struct rudp_timer *next;
	struct rudp_timer **link; /* what points to us; NULL when not armed */
	int64_t deadline_at_ns;
	uint8_t level;
	uint8_t slot;
};

struct rudp_timer_wheel {
	struct rudp_timer *slots[RUDP_TIMER_LEVELS][RUDP_TIMER_SLOTS];
	int64_t earliest_at_ns[RUDP_TIMER_LEVELS][RUDP_TIMER_SLOTS]; /* bound from below; if occupied */
	uint64_t occupied[RUDP_TIMER_LEVELS]; /* a bit a slot that is not empty */
	struct rudp_timer *due;               /* expired, sorted by deadline, not yet popped */
	struct rudp_timer *fresh;             /* expired, not yet sorted into due */
	int64_t fresh_earliest_at_ns;         /* bound from below; if fresh */
	int64_t now_at_ns;
	uint64_t now_tick;
	size_t armed_count;
};

void rudp_timer_wheel_init(struct rudp_timer_wheel *wheel, int64_t now_at_ns);

/* Arms or re-arms. A deadline in the past fires at the next expiry. RUDP_NEVER cancels. */
void rudp_timer_arm(struct rudp_timer_wheel *wheel, struct rudp_timer *timer,
		    int64_t deadline_at_ns);
void rudp_timer_cancel(struct rudp_timer_wheel *wheel, struct rudp_timer *timer);

static inline bool rudp_timer_is_armed(const struct rudp_timer *timer)
{
	return timer->link != NULL;
}

/*
 * Takes out one timer whose deadline is at or before now, the earliest first; NULL when none is
 * left. The owner may arm it (or any other) again before the next call; one armed for an instant
 * not after now during the pass fires in the same pass, so callers bound their loop.
 */
struct rudp_timer *rudp_timer_wheel_pop(struct rudp_timer_wheel *wheel, int64_t now_at_ns);

/*
 * An instant at or before the earliest deadline, RUDP_NEVER when none. It is that deadline unless an
 * earlier timer of the same slot has been cancelled (or it lies beyond the top level): then calling
 * pop at the instant given, in vain, makes it more exact.
 */
int64_t rudp_timer_wheel_next_at_ns(const struct rudp_timer_wheel *wheel);

#endif
