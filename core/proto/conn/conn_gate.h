/* SPDX-License-Identifier: MIT */
/*
 * conn_gate - decides whether data may be sent now, and if not, when.
 *
 * Both the sender and the timer use this decision. If they decided differently, a connection would
 * sleep too long, or wake at every tick for nothing.
 *
 * Data     stream bytes and their repair symbols: they are paced and count against the window.
 *          Acknowledgements and other small frames are not held back. Neither are probes: they
 *          leave whatever is in flight.
 * Order    nothing is due; no records; the window; the pacer. The first that applies is the result.
 *          Only the pacer opens after a time; the others wait for an event.
 */
#ifndef RUDP_PROTO_CONN_GATE_H
#define RUDP_PROTO_CONN_GATE_H

#include "proto/conn/conn_private.h"

enum rudp_gate {
	RUDP_GATE_OPEN,
	RUDP_GATE_PACER,  /* until the pacer releases the next packet */
	RUDP_GATE_WINDOW, /* the congestion window is full, until an event */
	/* as many packets are outstanding as there are records, until an event */
	RUDP_GATE_RECORDS,
	RUDP_GATE_NOTHING, /* no data is due */
};

/*
 * The gate for stream bytes and for repair symbols. pacer_bytes: what the pacer still allows in
 * this train.
 */
enum rudp_gate rudp_conn_gate_of_data(const struct rudp_conn *conn, uint64_t pacer_bytes);
enum rudp_gate rudp_conn_gate_of_repairs(const struct rudp_conn *conn, uint64_t pacer_bytes);
/* When the next data may be sent; 0: at once; RUDP_NEVER: not before an event. */
int64_t rudp_conn_gate_at_ns(const struct rudp_conn *conn);

/*
 * Whether there is a record for one more packet. Allocates more records if needed and if memory
 * allows.
 */
bool rudp_conn_may_record(struct rudp_conn *conn);

/* Whether the pacer is not applied: little is in flight, and the application limits the rate. */
bool rudp_conn_is_sparse(const struct rudp_conn *conn);

#endif
