/* SPDX-License-Identifier: MIT */
#include "token_bucket.h"

void nm_token_bucket_init(struct nm_token_bucket *bucket, double bits_per_s, size_t burst_bytes)
{
	*bucket = (struct nm_token_bucket){.bits_per_s = bits_per_s,
					   .burst_bytes = burst_bytes,
					   .tokens_bytes = (double)burst_bytes};
}

bool nm_token_bucket_pass(struct nm_token_bucket *bucket, uint64_t now_ns, size_t bytes)
{
	double span_ns = (double)(now_ns - bucket->filled_at_ns);

	if (bucket->bits_per_s <= 0)
		return true;
	bucket->filled_at_ns = now_ns;
	bucket->tokens_bytes += span_ns * bucket->bits_per_s / 8e9;
	if (bucket->tokens_bytes > (double)bucket->burst_bytes)
		bucket->tokens_bytes = (double)bucket->burst_bytes;
	if (bucket->tokens_bytes < (double)bytes)
		return false;
	bucket->tokens_bytes -= (double)bytes;
	return true;
}
