/* SPDX-License-Identifier: MIT */
/*
 * rtt - smoothed round-trip time, and the probe time-out derived from it.
 *
 * Invariant  samples == 0  <=>  srtt_ns is the initial guess, not a measurement.
 * Source     RFC 9002 sections 5 and 6.2.1; docs/protocol.md section 9.1.
 */
#ifndef RUDP_PROTO_RTT_H
#define RUDP_PROTO_RTT_H

#include <stdint.h>

#include "base/time.h"

#define RUDP_RTT_INITIAL_NS (100 * RUDP_NS_PER_MS)   /* a guess; the handshake measures at once */
#define RUDP_RTT_KNOWN_NS_MIN (30 * RUDP_NS_PER_MS)  /* no shorter one is believed for a guess, */
#define RUDP_RTT_KNOWN_NS_MAX (1 * RUDP_NS_PER_S)    /* and no longer one */
#define RUDP_RTT_GRANULARITY_NS (1 * RUDP_NS_PER_MS) /* RFC 9002 kGranularity */

struct rudp_rtt {
	uint64_t samples;
	int64_t latest_ns;
	int64_t believed_ns;       /* what the latest counts for */
	int64_t srtt_ns;
	int64_t var_ns;
	int64_t min_ns;            /* RUDP_NEVER until the first sample */
};

/*
 * known_ns: the shortest of earlier connections on the same path; 0: there was none. It is taken for the
 * usual guess (RFC 9002 section 6.2.2): no handshake is repeated before it can be answered, as it would
 * measure nothing, and none that was lost waits for the round trip of a longer path. Three of them until
 * the first time-out leave room for a queue that the path may have got.
 */
void rudp_rtt_init(struct rudp_rtt *rtt, int64_t known_ns);

/*
 * Takes one sample: latest_ns from sending the largest newly acknowledged packet to its ack;
 * ack_delay_ns as the peer reported, already capped to its maximum once the handshake is over. One
 * that is far beyond all before counts for a part of it.
 */
void rudp_rtt_sample(struct rudp_rtt *rtt, int64_t latest_ns, int64_t ack_delay_ns);

/* srtt + max(4 var, granularity) + ack_delay_max, without backoff. */
int64_t rudp_rtt_pto_ns(const struct rudp_rtt *rtt, int64_t ack_delay_max_ns);

#endif
