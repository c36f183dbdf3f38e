/* SPDX-License-Identifier: MIT */
/*
 * connection_tuples - the address pairs (local, remote) of outgoing connections. As with TCP, two
 * connections must not have the same pair.
 *
 * A tuple is a member of its connection; a zeroed one is in no table. If there is no memory for the
 * table, the tuple is left out. Another connection may then have the same pair, which the protocol
 * can handle.
 */
#ifndef RUDP_ENGINE_CONNECTION_TUPLES_H
#define RUDP_ENGINE_CONNECTION_TUPLES_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/table.h"

struct rudp_connection_tuple {
	struct rudp_addr_key names[2]; /* local, remote */
	bool known;                    /* it is in the table */
	UT_hash_handle hh;
};

/* Adds the tuple with this address pair, in place of the pair that it had. */
void rudp_connection_tuple_add(struct rudp_connection_tuple **table,
			       struct rudp_connection_tuple *tuple, const struct rudp_addr *local,
			       const struct rudp_addr *remote);
void rudp_connection_tuple_remove(struct rudp_connection_tuple **table,
				  struct rudp_connection_tuple *tuple);
bool rudp_connection_tuple_is_taken(const struct rudp_connection_tuple *table,
				    const struct rudp_addr *local, const struct rudp_addr *remote);

#endif
