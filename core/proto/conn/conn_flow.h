/* SPDX-License-Identifier: MIT */
/*
 * conn_flow - gives connections between the same two hosts equal shares of the bandwidth
 * (flow_group.h).
 *
 * A connection is a member of the group while it sends as fast as congestion control allows.
 *
 * Source   docs/protocol.md section 11.2.
 */
#ifndef RUDP_PROTO_CONN_FLOW_H
#define RUDP_PROTO_CONN_FLOW_H

#include "proto/cc/flow_group.h"
#include "proto/conn/conn.h"

struct rudp_conn_flow {
	struct rudp_flow_group *group; /* NULL: it was never a member on this path */
	bool is_member;                /* it is a member now */
	struct rudp_flow flow;
	/* of the group: joined or passed over by this connection */
	unsigned probes[RUDP_CC_PROBES];
	bool was_probing[RUDP_CC_PROBES];
	uint64_t round; /* of congestion control, already handled */
};

/* An ACK was processed. */
void rudp_conn_flow_on_ack(struct rudp_conn *conn, int64_t now_at_ns);
/* All data was sent for now: leaves the group. */
void rudp_conn_flow_leave(struct rudp_conn *conn);
/* The connection ends or changes its path: leaves the group and releases it. */
void rudp_conn_flow_end(struct rudp_conn *conn);

#endif
