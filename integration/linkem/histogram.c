/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <stddef.h>

enum { SUB_COUNT = 1 << HISTOGRAM_SUB_BITS };

/* Spans below SUB_COUNT have a bucket each; above, the leading bits below the top bit select the
 * bucket. */
static size_t bucket_of(uint64_t span_ns)
{
	unsigned shift;

	if (span_ns < SUB_COUNT)
		return (size_t)span_ns;
	shift = 63u - (unsigned)__builtin_clzll(span_ns) - HISTOGRAM_SUB_BITS;
	return (size_t)(shift + 1) * SUB_COUNT + (size_t)(span_ns >> shift) - SUB_COUNT;
}

static uint64_t upper_end(size_t bucket)
{
	unsigned shift;

	if (bucket < SUB_COUNT)
		return bucket;
	shift = (unsigned)(bucket / SUB_COUNT) - 1;
	return ((uint64_t)(bucket % SUB_COUNT + SUB_COUNT) << shift) + ((uint64_t)1 << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t span_ns)
{
	histogram->count++;
	histogram->sum_ns += (double)span_ns;
	if (span_ns > histogram->max_ns)
		histogram->max_ns = span_ns;
	histogram->bucket[bucket_of(span_ns)]++;
}

double histogram_mean_ns(const struct histogram *histogram)
{
	return histogram->count ? histogram->sum_ns / (double)histogram->count : 0;
}

uint64_t histogram_quantile_ns(const struct histogram *histogram, double share)
{
	double wanted = share * (double)histogram->count;
	uint64_t seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen && (double)seen >= wanted)
			return upper_end(i) < histogram->max_ns ? upper_end(i) : histogram->max_ns;
	}
	return histogram->max_ns;
}
