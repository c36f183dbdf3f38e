/* SPDX-License-Identifier: MIT */
/*
 * cc_pace - arithmetic on rates, time spans and bursts that the congestion control algorithms
 * share.
 *
 * All values are integers. The product of a rate and a span can exceed 64 bits on fast long paths.
 */
#ifndef RUDP_PROTO_CC_PACE_H
#define RUDP_PROTO_CC_PACE_H

#include <stdint.h>

#include "base/time.h"

#define RUDP_CC_QUANTUM_BYTES_MAX 65536
#define RUDP_CC_QUANTUM_DATAGRAMS_MIN 2
#define RUDP_CC_QUANTUM_NS_MAX (1 * RUDP_NS_PER_MS)
#define RUDP_CC_QUANTUM_NS_MIN (RUDP_NS_PER_MS / 8)
#define RUDP_CC_QUANTUM_RTT_DIVISOR 8

/* a * b / c without overflow of the product; UINT64_MAX if the result does not fit. c > 0. */
static inline uint64_t rudp_cc_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 result = (unsigned __int128)a * b / c;

	return result > UINT64_MAX ? UINT64_MAX : (uint64_t)result;
}

/* The bytes sent in a time span at a rate. */
static inline uint64_t rudp_cc_bytes_in(uint64_t rate_bytes_per_s, int64_t span_ns)
{
	return rudp_cc_mul_div(rate_bytes_per_s, (uint64_t)span_ns, (uint64_t)RUDP_NS_PER_S);
}

/* The time that bytes take at a rate > 0. */
static inline int64_t rudp_cc_span_ns(uint64_t bytes, uint64_t rate_bytes_per_s)
{
	uint64_t ns = rudp_cc_mul_div(bytes, (uint64_t)RUDP_NS_PER_S, rate_bytes_per_s);

	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

/* The rate that sends bytes in a time span, at least 1. span_ns > 0. */
static inline uint64_t rudp_cc_rate(uint64_t bytes, int64_t span_ns)
{
	uint64_t rate = rudp_cc_mul_div(bytes, (uint64_t)RUDP_NS_PER_S, (uint64_t)span_ns);

	return rate > 0 ? rate : 1;
}

/*
 * The largest burst (send quantum, draft-ietf-ccwg-bbr section 5.6.3): about 1 ms at the given
 * rate, at least two datagrams, at most 64 KiB. Fast senders then make few system calls, and slow
 * senders cause no queue. If the RTT is below 8 ms the burst is RTT/8: the queue of a short path is
 * often a fraction of its BDP, and a burst of 1 ms alone would overflow it. rtt_ns is the shortest
 * RTT, or RUDP_NEVER if none is known.
 */
static inline uint64_t rudp_cc_quantum_bytes(uint64_t rate_bytes_per_s, int64_t rtt_ns,
					     uint32_t datagram_bytes)
{
	int64_t span_ns = rudp_time_min(
		rudp_time_max(rtt_ns / RUDP_CC_QUANTUM_RTT_DIVISOR, RUDP_CC_QUANTUM_NS_MIN),
		RUDP_CC_QUANTUM_NS_MAX);
	uint64_t quantum = rudp_cc_bytes_in(rate_bytes_per_s, span_ns);
	uint64_t least = RUDP_CC_QUANTUM_DATAGRAMS_MIN * (uint64_t)datagram_bytes;

	if (quantum > RUDP_CC_QUANTUM_BYTES_MAX)
		quantum = RUDP_CC_QUANTUM_BYTES_MAX;
	return quantum > least ? quantum : least;
}

#endif
