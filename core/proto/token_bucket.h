/* SPDX-License-Identifier: MIT */
/*
 * credit - a budget of bytes that fills up with time: so many a second, no more than so many at once.
 */
#ifndef RUDP_PROTO_CREDIT_H
#define RUDP_PROTO_CREDIT_H

#include <stdint.h>

#include "proto/cc_pace.h"

struct rudp_credit {
	uint64_t bytes;
	int64_t at_ns; /* it was so much then */
};

/* What there is now. To spend is to take from bytes. */
static inline uint64_t rudp_credit_now(struct rudp_credit *credit, uint64_t bytes_per_s,
				       uint64_t max_bytes, int64_t now_at_ns)
{
	credit->bytes += rudp_cc_bytes_in(bytes_per_s, now_at_ns - credit->at_ns);
	credit->at_ns = now_at_ns;
	if (credit->bytes > max_bytes)
		credit->bytes = max_bytes;
	return credit->bytes;
}

#endif
