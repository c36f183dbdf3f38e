/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(clock, never_goes_back)
{
	int64_t before_ns = rudp_clock_now_ns(&rudp_clock_monotonic);

	cr_assert(ge(i64, before_ns, 1));
	for (int i = 0; i < 1000; i++) {
		int64_t after_ns = rudp_clock_now_ns(&rudp_clock_monotonic);

		cr_assert(ge(i64, after_ns, before_ns));
		before_ns = after_ns;
	}
}

static int64_t read_counter(void *context)
{
	return ++*(int64_t *)context;
}

Test(clock, calls_the_function_of_the_clock)
{
	int64_t counter = 41;
	struct rudp_clock clock = {read_counter, &counter};

	cr_assert(eq(i64, rudp_clock_now_ns(&clock), 42));
	cr_assert(eq(i64, rudp_clock_now_ns(&clock), 43));
}
