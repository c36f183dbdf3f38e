/* SPDX-License-Identifier: MIT */
/*
 * age - makes connections older than they are.
 */
#ifndef RUDP_SIM_AGE_H
#define RUDP_SIM_AGE_H

#include "proto/conn_private.h"

/* As if millions of packets had gone: the next one that leaves begins a key update. */
static inline bool age_keys(void *context, struct rudp_conn *conn)
{
	(void)context;
	if (conn->has_keys && conn->keys.sent_under_key > 0)
		conn->keys.sent_under_key = RUDP_KEY_PACKETS_DUE;
	return true;
}

#endif
