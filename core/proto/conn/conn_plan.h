/* SPDX-License-Identifier: MIT */
/*
 * conn_plan - one packet in the making: which frames go into it. Small frames are written to a scratch,
 * stream bytes are sealed straight from the send ring into the datagram. Whether it may leave, and what
 * is remembered of it, is for conn_tx.c.
 */
#ifndef RUDP_PROTO_CONN_PLAN_H
#define RUDP_PROTO_CONN_PLAN_H

#include "proto/conn/conn_private.h"

#define RUDP_PLAN_HEAD_MAX_BYTES 1100 /* frames before the stream bytes of one packet */

struct rudp_plan {
	struct rudp_conn *conn;
	int64_t now_at_ns;
	bool is_short;                /* in the form of packets with half an id */
	size_t plain_max_bytes;       /* room for frames */
	struct rudp_writer head;
	struct rudp_sent sent;
	struct iovec stream[2];
	int stream_count;
	size_t stream_bytes, padding_bytes, sum_bytes; /* of what is in stream */
	bool has_ack, is_ack_only_due;
	uint8_t head_bytes[RUDP_PLAN_HEAD_MAX_BYTES];
};

/* Anything that a plan might find to send: an idle connection is looked at without taking memory. */
bool rudp_conn_has_anything_due(const struct rudp_conn *conn, int64_t now_at_ns);
/* Empty; of a datagram of at most datagram_max bytes. */
void rudp_plan_init(struct rudp_plan *plan, struct rudp_conn *conn, size_t datagram_max,
		    int64_t now_at_ns);
/* All that is due and has room; the connection counts it as sent. */
void rudp_plan_fill(struct rudp_plan *plan, bool may_send_data);
/* Nothing but the repair symbol that rudp_conn_fec_next has named; of an empty plan, datagram_max
 * as there. */
void rudp_plan_fill_fec(struct rudp_plan *plan, size_t datagram_max);
/* Seals it into out, with keys that are awake, and tells the observer. Returns the datagram's length. */
size_t rudp_plan_seal(struct rudp_plan *plan, uint8_t *out);

#endif
