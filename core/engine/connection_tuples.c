/* SPDX-License-Identifier: MIT */
#include "engine/connection_tuples.h"

void rudp_pair_add(struct rudp_pair **table, struct rudp_pair *pair, const struct rudp_addr *local,
		   const struct rudp_addr *remote)
{
	bool rudp_table_add_failed = false;

	rudp_pair_remove(table, pair);
	pair->names[0] = rudp_addr_key_of(local);
	pair->names[1] = rudp_addr_key_of(remote);
	HASH_ADD(hh, *table, names, sizeof pair->names, pair);
	pair->known = !rudp_table_add_failed;
}

void rudp_pair_remove(struct rudp_pair **table, struct rudp_pair *pair)
{
	if (!pair->known)
		return;
	HASH_DELETE(hh, *table, pair);
	pair->known = false;
}

bool rudp_pair_is_taken(const struct rudp_pair *table, const struct rudp_addr *local,
			const struct rudp_addr *remote)
{
	const struct rudp_addr_key names[2] = {rudp_addr_key_of(local), rudp_addr_key_of(remote)};
	const struct rudp_pair *pair;

	HASH_FIND(hh, table, names, sizeof names, pair);
	return pair != NULL;
}
