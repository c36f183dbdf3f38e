/* SPDX-License-Identifier: MIT */
/*
 * token_bucket - a budget of bytes that fills up at a given rate, up to a given burst.
 */
#ifndef RUDP_PROTO_TOKEN_BUCKET_H
#define RUDP_PROTO_TOKEN_BUCKET_H

#include <stdint.h>

#include "proto/cc/cc_pace.h"

struct rudp_token_bucket {
	uint64_t bytes;
	int64_t at_ns; /* it was so much then */
};

/* What there is now. To spend is to take from bytes. */
static inline uint64_t rudp_token_bucket_now(struct rudp_token_bucket *bucket, uint64_t bytes_per_s,
					     uint64_t max_bytes, int64_t now_at_ns)
{
	bucket->bytes += rudp_cc_bytes_in(bytes_per_s, now_at_ns - bucket->at_ns);
	bucket->at_ns = now_at_ns;
	if (bucket->bytes > max_bytes)
		bucket->bytes = max_bytes;
	return bucket->bytes;
}

#endif
