/* SPDX-License-Identifier: MIT */
#include "conversation/converse/dedup.h"

#include <string.h>

#include "base/hash.h"

#define MASK (2 * CV_SEEN_MAX - 1)

uint64_t cv_seen_hash(const char *name)
{
	/* The names are made by servers and by other clients of ours; who makes two alike can hide
	 * a line of its own. The key is the same in each run, since hashes are kept. */
	static const uint8_t key[16] = "converse: lines";
	uint64_t hash = rudp_siphash(key, name, strlen(name));

	return hash ? hash : 1;
}

/* Where it is, or where it would be. */
static uint32_t find(const struct cv_seen *seen, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & MASK;

	while (seen->table[at] && seen->ring[seen->table[at] - 1] != hash)
		at = (at + 1) & MASK;
	return at;
}

bool cv_seen_has(const struct cv_seen *seen, uint64_t hash)
{
	return seen->table[find(seen, hash)] != 0;
}

/* What stands behind a gap must still be found: it moves up (Knuth, 6.4, algorithm R). */
static void take_out(struct cv_seen *seen, uint64_t hash)
{
	uint32_t gap = find(seen, hash), at = gap, home;

	if (!seen->table[gap])
		return;
	for (;;) {
		seen->table[gap] = 0;
		do {
			at = (at + 1) & MASK;
			if (!seen->table[at])
				return;
			home = (uint32_t)seen->ring[seen->table[at] - 1] & MASK;
		} while (((at - home) & MASK) < ((at - gap) & MASK));
		seen->table[gap] = seen->table[at];
		gap = at;
	}
}

uint32_t cv_seen_add(struct cv_seen *seen, uint64_t hash)
{
	uint32_t at = find(seen, hash), place = seen->next;

	if (seen->table[at])
		return seen->table[at] - 1;
	if (seen->ring[place])
		take_out(seen, seen->ring[place]);
	seen->ring[place] = hash;
	seen->table[find(seen, hash)] = place + 1;
	seen->next = (place + 1) % CV_SEEN_MAX;
	return place;
}
