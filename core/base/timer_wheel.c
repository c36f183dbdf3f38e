/* SPDX-License-Identifier: MIT */
/*
 * A timer is at the level of the highest digit (of 6 bits) in which the tick of its deadline
 * differs from the current tick. So all timers of a level are earlier than all timers of the next
 * level. The slots of a level lie ahead of its current digit and do not wrap. The first level whose
 * mask is not 0 has the earliest slot at its lowest bit. Only the top level wraps: its digit has no
 * end.
 *
 * Time may pass without moving timers. While the current tick is before the start of each occupied
 * slot, every timer's highest differing digit stays the same.
 */
#include "base/timer_wheel.h"

#include <assert.h>
#include <string.h>

#define TOP_LEVEL (RUDP_TIMER_LEVELS - 1)
#define NO_LEVEL RUDP_TIMER_LEVELS /* in due or fresh, not in a slot */
#define SLOT_MASK (RUDP_TIMER_SLOTS - 1)
#define SORT_BINS 48 /* bin n holds 2^n timers; the last is never full */

static uint64_t tick_of(int64_t at_ns)
{
	return (uint64_t)(at_ns / RUDP_TIMER_TICK_NS);
}

static unsigned shift_of(unsigned level)
{
	return level * RUDP_TIMER_SLOT_BITS;
}

void rudp_timer_wheel_init(struct rudp_timer_wheel *wheel, int64_t now_at_ns)
{
	assert(now_at_ns >= 0);
	memset(wheel, 0, sizeof *wheel);
	wheel->now_at_ns = now_at_ns;
	wheel->now_tick = tick_of(now_at_ns);
}

static void link_at(struct rudp_timer **link, struct rudp_timer *timer)
{
	timer->next = *link;
	timer->link = link;
	if (timer->next)
		timer->next->link = &timer->next;
	*link = timer;
}

static void unlink_timer(struct rudp_timer_wheel *wheel, struct rudp_timer *timer)
{
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	timer->next = NULL;
	timer->link = NULL;
	if (timer->level < NO_LEVEL && !wheel->slots[timer->level][timer->slot])
		wheel->occupied[timer->level] &= ~(UINT64_C(1) << timer->slot);
}

static void put_fresh(struct rudp_timer_wheel *wheel, struct rudp_timer *timer)
{
	if (!wheel->fresh || timer->deadline_at_ns < wheel->fresh_earliest_at_ns)
		wheel->fresh_earliest_at_ns = timer->deadline_at_ns;
	timer->level = NO_LEVEL;
	link_at(&wheel->fresh, timer);
}

static void put_in_slot(struct rudp_timer_wheel *wheel, struct rudp_timer *timer, unsigned level,
			uint64_t slot)
{
	int64_t *earliest_at_ns = &wheel->earliest_at_ns[level][slot];
	uint64_t bit = UINT64_C(1) << slot;

	if (!(wheel->occupied[level] & bit) || timer->deadline_at_ns < *earliest_at_ns)
		*earliest_at_ns = timer->deadline_at_ns;
	wheel->occupied[level] |= bit;
	timer->level = (uint8_t)level;
	timer->slot = (uint8_t)slot;
	link_at(&wheel->slots[level][slot], timer);
}

/*
 * A timer beyond the top level's reach waits in the farthest slot and is placed again from there.
 */
static void put_at_top(struct rudp_timer_wheel *wheel, struct rudp_timer *timer, uint64_t tick)
{
	uint64_t present = wheel->now_tick >> shift_of(TOP_LEVEL);
	uint64_t ahead = (tick >> shift_of(TOP_LEVEL)) - present;

	if (ahead > SLOT_MASK)
		ahead = SLOT_MASK;
	put_in_slot(wheel, timer, TOP_LEVEL, (present + ahead) & SLOT_MASK);
}

static void place(struct rudp_timer_wheel *wheel, struct rudp_timer *timer)
{
	uint64_t tick, differing;
	unsigned level = 0;

	if (timer->deadline_at_ns <= wheel->now_at_ns) {
		put_fresh(wheel, timer);
		return;
	}
	tick = tick_of(timer->deadline_at_ns);
	differing = tick ^ wheel->now_tick;
	if (differing)
		level = (unsigned)(63 - __builtin_clzll(differing)) / RUDP_TIMER_SLOT_BITS;
	if (level >= TOP_LEVEL)
		put_at_top(wheel, timer, tick);
	else
		put_in_slot(wheel, timer, level, tick >> shift_of(level) & SLOT_MASK);
}

void rudp_timer_arm(struct rudp_timer_wheel *wheel, struct rudp_timer *timer,
		    int64_t deadline_at_ns)
{
	rudp_timer_cancel(wheel, timer);
	if (deadline_at_ns == RUDP_NEVER)
		return;
	timer->deadline_at_ns = deadline_at_ns;
	place(wheel, timer);
}

void rudp_timer_cancel(struct rudp_timer_wheel *wheel, struct rudp_timer *timer)
{
	if (!rudp_timer_is_armed(timer))
		return;
	unlink_timer(wheel, timer);
}

struct position {
	unsigned level;
	unsigned slot;
	uint64_t start_tick;
};

static uint64_t rotate_right(uint64_t x, unsigned bits)
{
	return x >> bits | x << (-bits & SLOT_MASK);
}

/* Finds the earliest occupied slot. False if there is none. */
static bool find_first(const struct rudp_timer_wheel *wheel, struct position *first)
{
	uint64_t present, ahead;
	unsigned level = 0;

	while (level < RUDP_TIMER_LEVELS && !wheel->occupied[level])
		level++;
	if (level == RUDP_TIMER_LEVELS)
		return false;
	present = wheel->now_tick >> shift_of(level);
	ahead = (uint64_t)__builtin_ctzll(
		rotate_right(wheel->occupied[level], (unsigned)(present & SLOT_MASK)));
	first->level = level;
	first->slot = (unsigned)((present + ahead) & SLOT_MASK);
	first->start_tick = (present + ahead) << shift_of(level);
	return true;
}

/*
 * Removes all timers from the slots that start at or before new_tick. The returned list is linked
 * by next only.
 */
static struct rudp_timer *gather(struct rudp_timer_wheel *wheel, uint64_t new_tick)
{
	struct rudp_timer *gathered = NULL;
	struct rudp_timer *timer;
	struct position at;

	while (find_first(wheel, &at) && at.start_tick <= new_tick) {
		/* Timers later within the current tick stay; all other slots are later still. */
		if (wheel->earliest_at_ns[at.level][at.slot] > wheel->now_at_ns && at.level == 0)
			break;
		while ((timer = wheel->slots[at.level][at.slot])) {
			unlink_timer(wheel, timer);
			timer->next = gathered;
			gathered = timer;
		}
	}
	return gathered;
}

static void advance(struct rudp_timer_wheel *wheel, int64_t now_at_ns)
{
	uint64_t new_tick = tick_of(now_at_ns);
	struct rudp_timer *timer, *next;

	wheel->now_at_ns = now_at_ns;
	timer = gather(wheel, new_tick);
	wheel->now_tick = new_tick;
	for (; timer; timer = next) {
		next = timer->next;
		place(wheel, timer);
	}
}

/* Merges two sorted lists, linked by next only. With equal deadlines those of a come first. */
static struct rudp_timer *merge(struct rudp_timer *a, struct rudp_timer *b)
{
	struct rudp_timer *merged = NULL;
	struct rudp_timer **end = &merged;
	struct rudp_timer **from;

	while (a && b) {
		from = b->deadline_at_ns < a->deadline_at_ns ? &b : &a;
		*end = *from;
		end = &(*from)->next;
		*from = *end;
	}
	*end = a ? a : b;
	return merged;
}

static struct rudp_timer *sort(struct rudp_timer *list)
{
	struct rudp_timer *bins[SORT_BINS] = {NULL};
	struct rudp_timer *run = NULL;

	while (list) {
		unsigned bin = 0;

		run = list;
		list = list->next;
		run->next = NULL;
		for (; bins[bin]; bin++) {
			run = merge(bins[bin], run);
			bins[bin] = NULL;
		}
		bins[bin] = run;
	}
	run = NULL;
	for (unsigned bin = 0; bin < SORT_BINS; bin++)
		run = merge(bins[bin], run);
	return run;
}

static void sort_fresh_into_due(struct rudp_timer_wheel *wheel)
{
	struct rudp_timer **link = &wheel->due;
	struct rudp_timer *next;

	for (struct rudp_timer *timer = sort(wheel->fresh); timer; timer = next) {
		next = timer->next;
		while (*link && (*link)->deadline_at_ns <= timer->deadline_at_ns)
			link = &(*link)->next;
		link_at(link, timer);
		link = &timer->next;
	}
	wheel->fresh = NULL;
}

struct rudp_timer *rudp_timer_wheel_pop(struct rudp_timer_wheel *wheel, int64_t now_at_ns)
{
	struct rudp_timer *timer;

	if (now_at_ns > wheel->now_at_ns)
		advance(wheel, now_at_ns);
	/* Expired timers collect in fresh until one could be the earliest: one sort serves many. */
	if (wheel->fresh &&
	    (!wheel->due || wheel->fresh_earliest_at_ns < wheel->due->deadline_at_ns))
		sort_fresh_into_due(wheel);
	timer = wheel->due;
	if (!timer || timer->deadline_at_ns > now_at_ns)
		return NULL;
	rudp_timer_cancel(wheel, timer);
	return timer;
}

/*
 * The bound of a slot is exact unless timers were cancelled. A slot of the top level can also hold
 * timers of a later turn, so the next slot may be earlier. Then the start of the slot is returned.
 */
int64_t rudp_timer_wheel_next_at_ns(const struct rudp_timer_wheel *wheel)
{
	struct position first;
	int64_t earliest_at_ns;

	if (wheel->due || wheel->fresh)
		return rudp_time_min(wheel->due ? wheel->due->deadline_at_ns : RUDP_NEVER,
				     wheel->fresh ? wheel->fresh_earliest_at_ns : RUDP_NEVER);
	if (!find_first(wheel, &first))
		return RUDP_NEVER;
	earliest_at_ns = wheel->earliest_at_ns[first.level][first.slot];
	if (first.level == TOP_LEVEL && tick_of(earliest_at_ns) >> shift_of(TOP_LEVEL) !=
						first.start_tick >> shift_of(TOP_LEVEL))
		return (int64_t)first.start_tick * RUDP_TIMER_TICK_NS;
	return earliest_at_ns;
}
