/* SPDX-License-Identifier: MIT */
/*
 * rtt - the smoothed round-trip time and the probe time-out derived from it.
 *
 * Invariant  samples == 0  <=>  srtt_ns is the initial guess, not a measurement.
 * Source     RFC 9002 sections 5 and 6.2.1; docs/protocol.md section 9.1.
 */
#ifndef RUDP_PROTO_RTT_H
#define RUDP_PROTO_RTT_H

#include <stdint.h>

#include "base/time.h"

/* a guess; the handshake gives the first sample */
#define RUDP_RTT_INITIAL_NS (100 * RUDP_NS_PER_MS)
/* a known RTT is clamped from this ... */
#define RUDP_RTT_KNOWN_NS_MIN (30 * RUDP_NS_PER_MS)
#define RUDP_RTT_KNOWN_NS_MAX (1 * RUDP_NS_PER_S)    /* ... to this */
#define RUDP_RTT_GRANULARITY_NS (1 * RUDP_NS_PER_MS) /* RFC 9002 kGranularity */

struct rudp_rtt {
	uint64_t samples;
	int64_t latest_ns;   /* without the delay of the ACK, which is no queue */
	int64_t believed_ns; /* with that delay, limited to a plausible value */
	int64_t srtt_ns;
	int64_t var_ns;
	int64_t min_ns; /* RUDP_NEVER until the first sample */
};

/*
 * known_ns is the minimum RTT of earlier connections on the same path; 0: none. It replaces the
 * default guess (RFC 9002 section 6.2.2). On a longer path no handshake packet is then repeated
 * before it can be answered, which would spoil the RTT sample. On a shorter path a lost one is
 * repeated sooner. The first time-out is three times the guess, which leaves room for queueing.
 */
void rudp_rtt_init(struct rudp_rtt *rtt, int64_t known_ns);

/*
 * Adds a sample. latest_ns is the time from sending the largest newly acknowledged packet to its
 * ACK. ack_delay_ns is the delay reported by the peer, capped to its maximum once the handshake is
 * complete. A sample far above all earlier ones counts only in part.
 *
 * Below some 100 packets a second each ACK waits up to 25 ms for a second packet. Congestion
 * control would mistake that delay for a queue, so it must not see it.
 */
void rudp_rtt_sample(struct rudp_rtt *rtt, int64_t latest_ns, int64_t ack_delay_ns);

/* The probe time-out without backoff: srtt + max(4 var, granularity) + ack_delay_max. */
int64_t rudp_rtt_pto_ns(const struct rudp_rtt *rtt, int64_t ack_delay_max_ns);

#endif
