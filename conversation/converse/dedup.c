/* SPDX-License-Identifier: MIT */
#include "conversation/converse/dedup.h"

#include <string.h>

#include "base/hash.h"

#define MASK (2 * CV_DEDUP_MAX - 1)

uint64_t cv_dedup_hash(const char *name)
{
	/* Names are made by servers and by other converse clients. A client that makes two equal
	 * names hides only its own lines. The key is constant, because hashes are stored. */
	static const uint8_t key[16] = "converse: lines";
	uint64_t hash = rudp_siphash(key, name, strlen(name));

	return hash ? hash : 1;
}

/* The place of the hash in the table, or the free place for it. */
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

/* Removes a hash. Entries after the gap move up, so that searches still find them (Knuth, 6.4,
 * algorithm R). */
static void remove_hash(struct cv_dedup *dedup, uint64_t hash)
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
		remove_hash(dedup, dedup->ring[place]);
	dedup->ring[place] = hash;
	dedup->table[find(dedup, hash)] = place + 1;
	dedup->next = (place + 1) % CV_DEDUP_MAX;
	return place;
}
