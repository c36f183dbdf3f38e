/* SPDX-License-Identifier: MIT */
/*
 * seen - which messages have been had: the last CV_SEEN_MAX of them, by a hash of their name. What
 * is older than that counts as new.
 */
#ifndef CV_SEEN_H
#define CV_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CV_SEEN_MAX 8192 /* a power of two */

struct cv_seen {
	uint64_t ring[CV_SEEN_MAX];      /* 0: none */
	uint32_t table[2 * CV_SEEN_MAX]; /* place in ring and 1; 0: none */
	uint32_t next;
};

/* Never 0. */
uint64_t cv_seen_hash(const char *name);
bool cv_seen_has(const struct cv_seen *seen, uint64_t hash);
/* The oldest goes. Harmless with one that is there. Returns the place in the ring. */
uint32_t cv_seen_add(struct cv_seen *seen, uint64_t hash);

#endif
