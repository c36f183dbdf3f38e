/* SPDX-License-Identifier: MIT */
#include "engine/connect/connection_tuples.h"

void rudp_connection_tuple_add(struct rudp_connection_tuple **table,
			       struct rudp_connection_tuple *tuple, const struct rudp_addr *local,
			       const struct rudp_addr *remote)
{
	rudp_connection_tuple_remove(table, tuple);
	tuple->names[0] = rudp_addr_key_of(local);
	tuple->names[1] = rudp_addr_key_of(remote);
	tuple->known = RUDP_TABLE_ADD(hh, *table, names, tuple);
}

void rudp_connection_tuple_remove(struct rudp_connection_tuple **table,
				  struct rudp_connection_tuple *tuple)
{
	if (!tuple->known)
		return;
	HASH_DELETE(hh, *table, tuple);
	tuple->known = false;
}

bool rudp_connection_tuple_is_taken(const struct rudp_connection_tuple *table,
				    const struct rudp_addr *local, const struct rudp_addr *remote)
{
	const struct rudp_addr_key names[2] = {rudp_addr_key_of(local), rudp_addr_key_of(remote)};

	return RUDP_TABLE_FIND_KEY(hh, table, names, sizeof names) != NULL;
}
