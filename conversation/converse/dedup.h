/* SPDX-License-Identifier: MIT */
/*
 * dedup - which messages have been had: the last CV_DEDUP_MAX of them, by a hash of their name. What
 * is older than that counts as new.
 */
#ifndef CV_DEDUP_H
#define CV_DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CV_DEDUP_MAX 8192 /* a power of two */

struct cv_dedup {
	uint64_t ring[CV_DEDUP_MAX];      /* 0: none */
	uint32_t table[2 * CV_DEDUP_MAX]; /* place in ring and 1; 0: none */
	uint32_t next;
};

/* Never 0. */
uint64_t cv_dedup_hash(const char *name);
bool cv_dedup_has(const struct cv_dedup *dedup, uint64_t hash);
/* The oldest goes. Harmless with one that is there. Returns the place in the ring. */
uint32_t cv_dedup_add(struct cv_dedup *dedup, uint64_t hash);

#endif
