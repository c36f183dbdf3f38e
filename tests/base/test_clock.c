/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(clock, never_goes_back)
{
	int64_t before_ns = rudp_clock_now_ns();

	cr_assert(ge(i64, before_ns, 1));
	for (int i = 0; i < 1000; i++) {
		int64_t after_ns = rudp_clock_now_ns();

		cr_assert(ge(i64, after_ns, before_ns));
		before_ns = after_ns;
	}
}
