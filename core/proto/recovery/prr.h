/* SPDX-License-Identifier: MIT */
/*
 * prr - Proportional Rate Reduction: how much to send while the congestion window is being reduced.
 *
 * If the window were cut at once, the sender would be silent until as much was delivered as was
 * cut. With PRR a part of each delivered byte may be sent, paced by acknowledgements, so that the
 * flight size reaches ssthresh when the recovery ends. If losses alone bring the flight size below
 * ssthresh, no more is sent than was delivered (the conservative bound).
 *
 * Differences from the RFC: The first datagram of a recovery may always be sent, because the shares
 * are counted in bytes and less than a datagram cannot be sent. There is no bound for "safe ACKs",
 * which show the arrival of retransmissions: with packet numbers such an ACK ends the recovery
 * here.
 *
 * Limits     none: three counters.
 * Threads    none: belongs to one connection.
 * Source     RFC 9937 section 6, with bytes of packets in place of sequence numbers.
 */
#ifndef RUDP_PROTO_PRR_H
#define RUDP_PROTO_PRR_H

#include <stdint.h>

struct rudp_prr {
	/* RecoverFS: in flight when the recovery began, lost bytes included; > 0 */
	uint64_t flight_bytes;
	uint64_t delivered_bytes; /* prr_delivered */
	uint64_t out_bytes;       /* prr_out */
};

/* The state after an ACK of a recovery. */
struct rudp_prr_ack {
	uint64_t ssthresh_bytes;
	uint64_t inflight_bytes; /* after the ACK */
	uint64_t acked_bytes;    /* acknowledged by this ACK; 0: a timer found a loss */
	uint32_t datagram_bytes;
};

/* A recovery begins. flight_bytes was in flight before the loss and before the same ACK. */
void rudp_prr_begin(struct rudp_prr *prr, uint64_t flight_bytes);
void rudp_prr_on_sent(struct rudp_prr *prr, uint64_t bytes);
/*
 * To be called for each ACK of a recovery, including the first. Returns the window until the next
 * ACK.
 */
uint64_t rudp_prr_on_ack(struct rudp_prr *prr, const struct rudp_prr_ack *ack);

#endif
