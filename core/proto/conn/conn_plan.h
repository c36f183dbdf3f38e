/* SPDX-License-Identifier: MIT */
/*
 * conn_plan - chooses the frames of one outgoing packet and builds it.
 *
 * Small frames are written to a buffer. Stream bytes are encrypted directly from the send ring into
 * the datagram. conn_tx.c decides whether the packet may be sent and records it.
 */
#ifndef RUDP_PROTO_CONN_PLAN_H
#define RUDP_PROTO_CONN_PLAN_H

#include "proto/conn/conn_private.h"

#define RUDP_PLAN_HEAD_MAX_BYTES 1100 /* limit of the frames before the stream bytes of a packet */

struct rudp_plan {
	struct rudp_conn *conn;
	int64_t now_at_ns;
	bool is_short;          /* the packet has the short form of the connection id */
	size_t plain_max_bytes; /* room for frames */
	struct rudp_writer head;
	struct rudp_sent sent;
	struct iovec stream[2];
	int stream_count;
	size_t stream_bytes, padding_bytes, repair_bytes; /* bytes in stream, by kind */
	bool has_ack, is_ack_only_due;
	uint8_t head_bytes[RUDP_PLAN_HEAD_MAX_BYTES];
};

/* Whether any frame could be sent. For an idle connection this needs no memory. */
bool rudp_conn_has_anything_due(const struct rudp_conn *conn, int64_t now_at_ns);
/* Starts an empty plan for a datagram of at most datagram_max bytes. */
void rudp_plan_init(struct rudp_plan *plan, struct rudp_conn *conn, size_t datagram_max,
		    int64_t now_at_ns);
/* Adds every due frame that fits. The connection counts them as sent. */
void rudp_plan_fill(struct rudp_plan *plan, bool may_send_data);
/*
 * Adds only the repair symbol that rudp_conn_fec_next() chose. The plan is empty; datagram_max as
 * in rudp_plan_init().
 */
void rudp_plan_fill_fec(struct rudp_plan *plan, size_t datagram_max);
/*
 * Encrypts the packet into out and reports it to the observer. Needs the send key
 * (rudp_keys_wake_to_send). Returns the length of the datagram.
 */
size_t rudp_plan_seal(struct rudp_plan *plan, uint8_t *out);

#endif
