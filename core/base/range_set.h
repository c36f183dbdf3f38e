/* SPDX-License-Identifier: MIT */
/*
 * range_set - a sorted set of disjoint, non-adjacent half-open ranges of 64-bit numbers.
 *
 * Used for received packet numbers, for out-of-order stream bytes, and for bytes to send again.
 * Cost     binary search; adding at or near an end and taking from one are O(1) amortised; elsewhere the
 *          ranges up to the nearer end are moved. work counts them: a unit for every
 *          RUDP_RANGES_PER_WORK ranges moved or walked over.
 * Memory   a few ranges are in the set itself, so one with ranges is not copied; more are on the heap.
 * Limits   never more than count_max ranges; add refuses beyond and changes nothing.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_BASE_RANGE_SET_H
#define RUDP_BASE_RANGE_SET_H

#include <stdbool.h>
#include <stdint.h>

struct rudp_range {
	uint64_t start;
	uint64_t end; /* one past the last; start < end */
};

/* More than most ever hold: all that came in order is one range, what is to be sent again another. */
#define RUDP_RANGES_FEW 2

#define RUDP_RANGES_PER_WORK 16u /* 256 bytes to move */

struct rudp_range_set {
	struct rudp_range *ranges; /* ascending; in few or on the heap */
	uint32_t count;
	uint32_t skipped; /* free places before ranges[0], in the same memory */
	uint32_t capacity;
	uint32_t count_max;
	uint64_t work; /* units of about 10 ns, total */
	struct rudp_range few[RUDP_RANGES_FEW];
};

void rudp_range_set_init(struct rudp_range_set *set, uint32_t count_max);
void rudp_range_set_fini(struct rudp_range_set *set);
void rudp_range_set_clear(struct rudp_range_set *set);

/* Adds [start, end), merging. Returns 0; -ENOSPC (count_max) or -ENOMEM with the set unchanged. */
int rudp_range_set_add(struct rudp_range_set *set, uint64_t start, uint64_t end);

/* Takes [start, end) out; may split a range. Returns 0; -ENOSPC or -ENOMEM, set unchanged. */
int rudp_range_set_remove(struct rudp_range_set *set, uint64_t start, uint64_t end);

/* Takes everything below limit out. Never fails. */
void rudp_range_set_remove_below(struct rudp_range_set *set, uint64_t limit);

bool rudp_range_set_contains(const struct rudp_range_set *set, uint64_t number);
/* All of [start, end) is in the set. */
bool rudp_range_set_covers(const struct rudp_range_set *set, uint64_t start, uint64_t end);

/* The lowest range that ends above number, or NULL. */
const struct rudp_range *rudp_range_set_find(const struct rudp_range_set *set, uint64_t number);

/* Sum of the lengths inside [start, end). Its cost is in proportion to the ranges there. */
uint64_t rudp_range_set_total_within(struct rudp_range_set *set, uint64_t start, uint64_t end);

/* Sum of the lengths. O(count). */
uint64_t rudp_range_set_total(const struct rudp_range_set *set);

#endif
