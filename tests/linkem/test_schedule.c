/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/schedule.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(schedule, blackout_covers_its_span_and_no_more)
{
	struct direction_conf conf = {.blackout = {{.start_ns = 10, .duration_ns = 5}},
				      .blackouts = 1};

	cr_assert(not(schedule_is_dark(&conf, 9)));
	cr_assert(schedule_is_dark(&conf, 10));
	cr_assert(schedule_is_dark(&conf, 14));
	cr_assert(not(schedule_is_dark(&conf, 15)));
	cr_assert(not(schedule_is_dark(&conf, 1000010)));
}

Test(schedule, blackouts_repeat_and_add_up)
{
	struct direction_conf conf = {
		.blackout = {{.start_ns = 10, .duration_ns = 5, .period_ns = 100},
			     {.start_ns = 50, .duration_ns = 1}},
		.blackouts = 2,
	};

	cr_assert(schedule_is_dark(&conf, 50));
	cr_assert(schedule_is_dark(&conf, 112));
	cr_assert(schedule_is_dark(&conf, 100014));
	cr_assert(not(schedule_is_dark(&conf, 150)));
}

Test(schedule, rebindings_count_times_and_periods)
{
	struct nat_conf conf = {.at_ns = {30, 10}, .times = 2, .every_ns = 100};

	cr_assert(eq(u64, schedule_rebinds(&conf, 9), 0));
	cr_assert(eq(u64, schedule_rebinds(&conf, 10), 1));
	cr_assert(eq(u64, schedule_rebinds(&conf, 99), 2));
	cr_assert(eq(u64, schedule_rebinds(&conf, 250), 4));
}
