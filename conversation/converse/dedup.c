/* SPDX-License-Identifier: MIT */
#include "conversation/converse/dedup.h"

#include <string.h>

#include "base/hash.h"

#define MASK (2 * CV_DEDUP_MAX - 1)

uint64_t cv_dedup_hash(const char *name)
{
	/* The names are made by servers and by other clients of ours; who makes two alike can hide
	 * a line of its own. The key is the same in each run, since hashes are kept. */
	static const uint8_t key[16] = "converse: lines";
	uint64_t hash = rudp_siphash(key, name, strlen(name));

	return hash ? hash : 1;
}

/* Where it is, or where it would be. */
static uint32_t find(const struct cv_dedup *dedup, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & MASK;

	while (dedup->table[at] && dedup->ring[dedup->table[at] - 1] != hash)
		at = (at + 1) & MASK;
	return at;
}

bool cv_dedup_has(const struct cv_dedup *dedup, uint64_t hash)
{
	return dedup->table[find(dedup, hash)] != 0;
}

/* Entries behind a gap move up, so that a search still finds them (Knuth, 6.4, algorithm R). */
static void take_out(struct cv_dedup *dedup, uint64_t hash)
{
	uint32_t gap = find(dedup, hash), at = gap, home;

	if (!dedup->table[gap])
		return;
	for (;;) {
		dedup->table[gap] = 0;
		do {
			at = (at + 1) & MASK;
			if (!dedup->table[at])
				return;
			home = (uint32_t)dedup->ring[dedup->table[at] - 1] & MASK;
		} while (((at - home) & MASK) < ((at - gap) & MASK));
		dedup->table[gap] = dedup->table[at];
		gap = at;
	}
}

uint32_t cv_dedup_add(struct cv_dedup *dedup, uint64_t hash)
{
	uint32_t at = find(dedup, hash), place = dedup->next;

	if (dedup->table[at])
		return dedup->table[at] - 1;
	if (dedup->ring[place])
		take_out(dedup, dedup->ring[place]);
	dedup->ring[place] = hash;
	dedup->table[find(dedup, hash)] = place + 1;
	dedup->next = (place + 1) % CV_DEDUP_MAX;
	return place;
}
