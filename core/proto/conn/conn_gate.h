/* SPDX-License-Identifier: MIT */
/*
 * conn_gate - may data leave now, and if not, when. Whoever sends asks, and whoever sets the timer:
 * were they told different things a connection would sleep too long, or wake at every tick for nothing.
 *
 * Data     stream bytes, and repair symbols of them: what is paced and fills the window.
 *          Acknowledgements and other small frames pass by, and so do probes: one that is due
 * leaves, whatever is out.
 * Order    nothing is due; no records; the window; the pacer. What comes first is the answer, and only
 *          the pacer opens by itself.
 */
#ifndef RUDP_PROTO_CONN_GATE_H
#define RUDP_PROTO_CONN_GATE_H

#include "proto/conn/conn_private.h"

enum rudp_gate {
	RUDP_GATE_OPEN,
	RUDP_GATE_PACER,     /* until the pacer releases the next packet */
	RUDP_GATE_WINDOW,    /* the congestion window is full: an event opens it */
	RUDP_GATE_RECORDS,   /* as many packets are out as there may be records of: likewise */
	RUDP_GATE_NOTHING,   /* is due */
};

/* For stream bytes, for repair symbols. pacer_bytes: what the pacer still gives to the train in the
 * making. */
enum rudp_gate rudp_conn_gate_of_data(const struct rudp_conn *conn, uint64_t pacer_bytes);
enum rudp_gate rudp_conn_gate_of_sums(const struct rudp_conn *conn, uint64_t pacer_bytes);
/* When the next of either may leave; 0: at once; RUDP_NEVER: not before an event. */
int64_t rudp_conn_gate_at_ns(const struct rudp_conn *conn);

/* There is a record for a packet, of whatever kind. Growing if need be, and if memory allows. */
bool rudp_conn_may_record(struct rudp_conn *conn);

/* The pacer does not hold back the next packet: little is out, and the application sets the pace. */
bool rudp_conn_is_sparse(const struct rudp_conn *conn);

#endif
