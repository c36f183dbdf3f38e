/* SPDX-License-Identifier: MIT */
/* A histogram of time spans with 32 buckets a power of two: quantiles within 3 %. */
#ifndef LINKEM_HISTOGRAM_H
#define LINKEM_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 5,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
	uint64_t count, max_ns;
	double sum_ns;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t span_ns);

/* 0 for an empty histogram. */
double histogram_mean_ns(const struct histogram *histogram);

/* The span that this share (0 to 1) of all spans does not exceed, rounded up to its bucket. */
uint64_t histogram_quantile_ns(const struct histogram *histogram, double share);

#endif
