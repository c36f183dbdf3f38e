/* SPDX-License-Identifier: MIT */
/*
 * A policer: a token bucket without a queue. What finds too few tokens is dropped at once (RFC
 * 2697's committed rate and burst, without its colours).
 */
#ifndef NETMODEL_TOKEN_BUCKET_H
#define NETMODEL_TOKEN_BUCKET_H

#include "item.h"

struct nm_token_bucket {
	double bits_per_s; /* 0: everything passes */
	size_t burst_bytes;
	double tokens_bytes;
	uint64_t filled_at_ns;
};

/* The bucket is full. */
void nm_token_bucket_init(struct nm_token_bucket *bucket, double bits_per_s, size_t burst_bytes);

/* Whether a packet passes that comes at this instant, never before an earlier one. */
bool nm_token_bucket_pass(struct nm_token_bucket *bucket, uint64_t now_ns, size_t bytes);

#endif
