/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/histogram.h"
#include "../../integration/linkem/prng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct histogram histogram;

Test(histogram, empty_is_zero)
{
	cr_assert(eq(u64, histogram_quantile_ns(&histogram, 0.99), 0));
	cr_assert(eq(dbl, histogram_mean_ns(&histogram), 0));
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

Test(histogram, quantiles_are_right_within_three_percent)
{
	enum { COUNT = 10000 };
	static uint64_t value[COUNT];
	static const double share[] = {0.01, 0.5, 0.9, 0.99, 1};
	struct prng prng;

	prng_init(&prng, 15, 0);
	for (int i = 0; i < COUNT; i++) {
		value[i] = prng_next(&prng) >> (20 + prng_below(&prng, 44));
		histogram_add(&histogram, value[i]);
	}
	qsort(value, COUNT, sizeof *value, compare);
	for (int i = 0; i < 5; i++) {
		uint64_t exact = value[(int)(share[i] * COUNT) - 1];
		uint64_t found = histogram_quantile_ns(&histogram, share[i]);

		cr_assert(ge(u64, found, exact));
		cr_assert(le(u64, found, exact + exact / 31 + 1));
	}
	cr_assert(eq(u64, histogram.max_ns, value[COUNT - 1]));
}

Test(histogram, takes_the_biggest_span)
{
	histogram_add(&histogram, UINT64_MAX);
	histogram_add(&histogram, 0);
	cr_assert(eq(u64, histogram_quantile_ns(&histogram, 1), UINT64_MAX));
}
