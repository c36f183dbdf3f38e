/* SPDX-License-Identifier: MIT */
/*
 * connection_tuples - which two names the connections out of this host have: as with TCP, there is
 * one connection between two names at a time.
 *
 * A tuple is a member of what it belongs to; a zeroed one is in no table. Without memory for the table
 * a tuple is not in it: another connection may have the same names then, which the protocol can bear.
 */
#ifndef RUDP_ENGINE_CONNECTION_TUPLES_H
#define RUDP_ENGINE_CONNECTION_TUPLES_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/table.h"

struct rudp_connection_tuple {
	struct rudp_addr_key names[2]; /* local, remote */
	bool known;                    /* is in the table */
	UT_hash_handle hh;
};

/* Puts the tuple in with these names, in place of those that it had. */
void rudp_connection_tuple_add(struct rudp_connection_tuple **table,
			       struct rudp_connection_tuple *tuple, const struct rudp_addr *local,
			       const struct rudp_addr *remote);
void rudp_connection_tuple_remove(struct rudp_connection_tuple **table,
				  struct rudp_connection_tuple *tuple);
bool rudp_connection_tuple_is_taken(const struct rudp_connection_tuple *table,
				    const struct rudp_addr *local, const struct rudp_addr *remote);

#endif
