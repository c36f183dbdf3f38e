/* SPDX-License-Identifier: MIT */
/*
 * conn_flow - a connection and the others between the same two hosts (flow_group.h): while it sends as
 * fast as it may it has an equal part with them.
 *
 * Source   docs/protocol.md section 11.2.
 */
#ifndef RUDP_PROTO_CONN_FLOW_H
#define RUDP_PROTO_CONN_FLOW_H

#include "proto/cc/flow_group.h"
#include "proto/conn/conn.h"

struct rudp_conn_flow {
	struct rudp_flow_group *group; /* NULL: it has never sent as fast as it may, on this path */
	bool is_member;                /* it does now */
	struct rudp_flow flow;
	unsigned probes[RUDP_CC_PROBES]; /* of the group's, that it has taken part in or let pass */
	bool was_probing[RUDP_CC_PROBES];
	uint64_t round;                /* of congestion control, that has been looked at */
};

/* An ACK has been taken. */
void rudp_conn_flow_on_ack(struct rudp_conn *conn, int64_t now_at_ns);
/* It has sent all, for now. */
void rudp_conn_flow_leave(struct rudp_conn *conn);
/* It sends no more, or elsewhere. */
void rudp_conn_flow_end(struct rudp_conn *conn);

#endif
