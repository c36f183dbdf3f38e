/* SPDX-License-Identifier: MIT */
/*
 * range_set - a sorted set of disjoint, non-adjacent half-open ranges of 64-bit numbers.
 *
 * Used for received packet numbers, for out-of-order stream bytes, and for bytes to retransmit.
 * Cost     Searches are binary. Adding or removing at or near an end is O(1) amortised; elsewhere
 *          the ranges up to the nearer end are moved. The member work counts one unit for every
 *          RUDP_RANGES_PER_WORK ranges that are moved or visited.
 * Memory   The set itself has room for a few ranges, so a set that holds ranges must not be copied.
 *          More ranges are on the heap.
 * Limits   At most count_max ranges; beyond that add fails and changes nothing.
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

/* Enough for most sets: bytes received in order are one range, a retransmission is another. */
#define RUDP_RANGES_FEW 2

#define RUDP_RANGES_PER_WORK 16u /* 256 bytes to move */

struct rudp_range_set {
	struct rudp_range *ranges; /* ascending; points into few or to the heap */
	uint32_t count;
	uint32_t skipped; /* free entries before ranges[0], in the same memory */
	uint32_t capacity;
	uint32_t count_max;
	uint64_t work; /* units of about 10 ns, total */
	struct rudp_range few[RUDP_RANGES_FEW];
};

void rudp_range_set_init(struct rudp_range_set *set, uint32_t count_max);
void rudp_range_set_fini(struct rudp_range_set *set);

/*
 * Adds [start, end) and merges it with its neighbours. Returns 0, or -ENOSPC (count_max) or -ENOMEM
 * with the set unchanged.
 */
int rudp_range_set_add(struct rudp_range_set *set, uint64_t start, uint64_t end);

/*
 * Removes [start, end), which may split a range. Returns 0, or -ENOSPC or -ENOMEM with the set
 * unchanged.
 */
int rudp_range_set_remove(struct rudp_range_set *set, uint64_t start, uint64_t end);

/* Removes everything below limit. Never fails. */
void rudp_range_set_remove_below(struct rudp_range_set *set, uint64_t limit);

/* True if all of [start, end) is in the set. */
bool rudp_range_set_covers(const struct rudp_range_set *set, uint64_t start, uint64_t end);

/* The lowest range that ends above number, or NULL. */
const struct rudp_range *rudp_range_set_find(const struct rudp_range_set *set, uint64_t number);

/*
 * Sum of the lengths inside [start, end). The cost is proportional to the number of ranges there.
 */
uint64_t rudp_range_set_total_within(struct rudp_range_set *set, uint64_t start, uint64_t end);

#endif
