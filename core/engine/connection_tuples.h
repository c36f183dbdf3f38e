/* SPDX-License-Identifier: MIT */
/*
 * pairs - which two names the connections out of this host have: as with TCP, there is one connection
 * between two names at a time.
 *
 * A pair is a member of what it belongs to; a zeroed one is in no table. Without memory for the table
 * a pair is not in it: another connection may have the same names then, which the protocol can bear.
 */
#ifndef RUDP_ENGINE_PAIRS_H
#define RUDP_ENGINE_PAIRS_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/table.h"

struct rudp_pair {
	struct rudp_addr_key names[2]; /* local, remote */
	bool known;                    /* is in the table */
	UT_hash_handle hh;
};

/* Puts the pair in with these names, in place of those that it had. */
void rudp_pair_add(struct rudp_pair **table, struct rudp_pair *pair, const struct rudp_addr *local,
		   const struct rudp_addr *remote);
void rudp_pair_remove(struct rudp_pair **table, struct rudp_pair *pair);
bool rudp_pair_is_taken(const struct rudp_pair *table, const struct rudp_addr *local,
			const struct rudp_addr *remote);

#endif
