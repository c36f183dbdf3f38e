/* SPDX-License-Identifier: MIT */
/*
 * prr - Proportional Rate Reduction: how much leaves while a window is being reduced.
 *
 * Cutting the window at once silences the sender until as much has been delivered as was cut. Here for
 * each delivered byte a part of one leaves, so that the flight arrives at the threshold when the
 * recovery ends, on the clock of the acknowledgements. Where losses alone have brought the flight below
 * the threshold, no more leaves than has arrived (the conservative bound).
 *
 * Departures  The first datagram of a recovery may always leave, and not only where nothing else may:
 *            shares are bytes here, and less than a datagram cannot leave. What the document calls a
 *            safe ACK, one that shows what was sent again to have arrived, ends a recovery here, where
 *            packets have numbers of their own: so it has no bound for them.
 * Limits     none: three counters.
 * Threads    none.
 * Source     RFC 9937 section 6, with bytes of packets in place of sequence numbers.
 */
#ifndef RUDP_PROTO_PRR_H
#define RUDP_PROTO_PRR_H

#include <stdint.h>

struct rudp_prr {
	uint64_t flight_bytes;    /* RecoverFS: in flight when it began, what was lost included; > 0 */
	uint64_t delivered_bytes; /* prr_delivered */
	uint64_t out_bytes;       /* prr_out */
};

/* What has happened by now to the bytes of a recovery. */
struct rudp_prr_ack {
	uint64_t ssthresh_bytes;
	uint64_t inflight_bytes;  /* after it */
	uint64_t acked_bytes;     /* by this ACK; 0: a timer has found a loss */
	uint32_t datagram_bytes;
};

/* The window is reduced: flight_bytes before anything was lost, or acknowledged by the same ACK. */
void rudp_prr_begin(struct rudp_prr *prr, uint64_t flight_bytes);
void rudp_prr_on_sent(struct rudp_prr *prr, uint64_t bytes);
/* Each ACK of a recovery, the first included. Returns the window until the next. */
uint64_t rudp_prr_on_ack(struct rudp_prr *prr, const struct rudp_prr_ack *ack);

#endif
