/* SPDX-License-Identifier: MIT */
/*
 * timer_wheel - hierarchical timing wheel with intrusive timers.
 *
 * Model      After Varghese & Lauck (1987), scheme 6: levels of 64 slots; the tick is
 *            RUDP_TIMER_TICK_NS. A timer never fires before its deadline. Within one pass timers
 *            fire in the exact order of their deadlines, so that time kept by timers does not
 *            drift.
 * Cost       arm and cancel are O(1); expiry is O(1) amortised per timer; next_at_ns is O(levels).
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

/* Embedded in its owner. Zeroed means "not armed". */
struct rudp_timer {
	struct rudp_timer *next;
	struct rudp_timer **link; /* the pointer that points to this timer; NULL when not armed */
	int64_t deadline_at_ns;
	uint8_t level;
	uint8_t slot;
};

struct rudp_timer_wheel {
	struct rudp_timer *slots[RUDP_TIMER_LEVELS][RUDP_TIMER_SLOTS];
	/* lower bound of the deadlines; valid if occupied */
	int64_t earliest_at_ns[RUDP_TIMER_LEVELS][RUDP_TIMER_SLOTS];
	uint64_t occupied[RUDP_TIMER_LEVELS]; /* one bit per slot that is not empty */
	struct rudp_timer *due;               /* expired, sorted by deadline, not yet popped */
	struct rudp_timer *fresh;             /* expired, not yet sorted into due */
	int64_t fresh_earliest_at_ns;         /* lower bound of the deadlines; valid if fresh */
	int64_t now_at_ns;
	uint64_t now_tick;
};

void rudp_timer_wheel_init(struct rudp_timer_wheel *wheel, int64_t now_at_ns);

/* Arms or re-arms a timer. A deadline in the past fires at the next pop. RUDP_NEVER cancels. */
void rudp_timer_arm(struct rudp_timer_wheel *wheel, struct rudp_timer *timer,
		    int64_t deadline_at_ns);
void rudp_timer_cancel(struct rudp_timer_wheel *wheel, struct rudp_timer *timer);

static inline bool rudp_timer_is_armed(const struct rudp_timer *timer)
{
	return timer->link != NULL;
}

/*
 * Removes and returns the timer with the earliest deadline at or before now; NULL if there is none.
 * The owner may arm this or any other timer before the next call. A timer that is armed during the
 * pass for an instant not after now fires in the same pass, so callers must bound their loop.
 */
struct rudp_timer *rudp_timer_wheel_pop(struct rudp_timer_wheel *wheel, int64_t now_at_ns);

/*
 * An instant at or before the earliest deadline; RUDP_NEVER if no timer is armed. Usually it is
 * that deadline. It can be earlier if a timer of the same slot was cancelled, or if the deadline
 * lies beyond the top level. Then a pop at that instant returns NULL and makes the next answer more
 * exact.
 */
int64_t rudp_timer_wheel_next_at_ns(const struct rudp_timer_wheel *wheel);

#endif
