/* SPDX-License-Identifier: MIT */
/*
 * age - makes a connection look old, to test key updates.
 */
#ifndef RUDP_SIM_AGE_H
#define RUDP_SIM_AGE_H

#include "proto/conn/conn_keys.h"

/*
 * Acts as if millions of packets had been sent: the next packet begins a key update. For every
 * third packet number also as if an hour had passed. So there are key updates between two key
 * exchanges. context: the largest number of key exchanges that a connection has had.
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
