/* SPDX-License-Identifier: MIT */
/*
 * age - makes connections older than they are.
 */
#ifndef RUDP_SIM_AGE_H
#define RUDP_SIM_AGE_H

#include "proto/conn/conn_private.h"

/*
 * As if millions of packets had gone: the next one that leaves begins a key update. For every third
 * packet number as if an hour had passed, too: so there are updates between two exchanges of keys.
 * context: the most exchanges that a connection has had.
 */
static inline bool age_keys(void *context, struct rudp_conn *conn)
{
	uint32_t *exchanges_most = context;

	if (*exchanges_most < conn->keys.exchanges)
		*exchanges_most = conn->keys.exchanges;
	if (conn->has_keys && conn->keys.sent_under_key > 0)
		conn->keys.sent_under_key = RUDP_KEY_PACKETS_DUE;
	if (conn->reliability.next % 3 == 0)
		conn->exchange_from_ns -= RUDP_KEY_EXCHANGE_DUE_NS;
	return true;
}

#endif
