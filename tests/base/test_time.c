/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/time.h"

#define NOW_NS INT64_C(123456789)

Test(time, poll_time_is_rounded_up_to_milliseconds)
{
	cr_expect(eq(int, rudp_time_poll_ms(NOW_NS + 1, NOW_NS), 1));
	cr_expect(eq(int, rudp_time_poll_ms(NOW_NS + RUDP_NS_PER_MS, NOW_NS), 1));
	cr_expect(eq(int, rudp_time_poll_ms(NOW_NS + RUDP_NS_PER_MS + 1, NOW_NS), 2));
}

Test(time, poll_time_is_zero_when_the_instant_has_come)
{
	cr_expect(eq(int, rudp_time_poll_ms(NOW_NS, NOW_NS), 0));
	cr_expect(eq(int, rudp_time_poll_ms(0, NOW_NS), 0));
}

Test(time, poll_time_has_a_limit_or_is_infinite)
{
	cr_expect(eq(int, rudp_time_poll_ms(RUDP_NEVER - 1, 0), RUDP_POLL_MS_MAX));
	cr_expect(eq(int, rudp_time_poll_ms(RUDP_NEVER, NOW_NS), -1));
}
