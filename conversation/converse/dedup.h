/* SPDX-License-Identifier: MIT */
/*
 * dedup - recognizes messages that were received before, by a hash of their names. It remembers the
 * last CV_DEDUP_MAX; older ones count as new.
 */
#ifndef CV_DEDUP_H
#define CV_DEDUP_H

#include <stdbool.h>
#include <stdint.h>

#define CV_DEDUP_MAX 8192 /* a power of two */

struct cv_dedup {
	uint64_t ring[CV_DEDUP_MAX];      /* 0: none */
	uint32_t table[2 * CV_DEDUP_MAX]; /* hash table: place in ring + 1; 0: empty */
	uint32_t next;
};

/* The hash of a name. Never 0. */
uint64_t cv_dedup_hash(const char *name);
bool cv_dedup_has(const struct cv_dedup *dedup, uint64_t hash);
/* Adds a hash, and forgets the oldest. It may be there already. Returns its place in the ring. */
uint32_t cv_dedup_add(struct cv_dedup *dedup, uint64_t hash);

#endif
