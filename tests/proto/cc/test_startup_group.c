/* SPDX-License-Identifier: MIT */
#include "proto/cc/startup_group.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/fault.h"

static struct rudp_startup_groups groups;

static struct rudp_startup_group *join(const char *text)
{
	struct rudp_addr remote;

	cr_assert(eq(int, rudp_addr_parse(&remote, text), 0));
	return rudp_startup_group_join(&groups, &remote);
}

Test(startup_group, connections_to_one_host_are_one_group)
{
	struct rudp_startup_group *group = join("10.0.0.2:443");

	cr_assert(eq(uint, group->count, 1));
	cr_assert(eq(ptr, join("10.0.0.2:80"), group));
	cr_assert(eq(uint, group->count, 2));
	cr_assert(ne(ptr, join("10.0.0.3:443"), group));
	cr_assert(ne(ptr, join("[::1]:443"), group));
	cr_assert(eq(uint, HASH_COUNT(groups.by_host), 3));
	cr_assert(eq(uint, group->count, 2));
}

Test(startup_group, group_ends_with_its_last_one)
{
	struct rudp_startup_group *group = join("10.0.0.2:443");

	join("10.0.0.2:443");
	rudp_startup_group_leave(&groups, group);
	cr_assert(eq(uint, group->count, 1));
	cr_assert(eq(uint, group->peak, 2));
	cr_assert(eq(uint, HASH_COUNT(groups.by_host), 1));
	rudp_startup_group_leave(&groups, group);
	cr_assert(zero(uint, group->count));
	rudp_startup_groups_fini(&groups);
	cr_assert(zero(uint, HASH_COUNT(groups.by_host)));
}

Test(startup_group, one_empty_group_is_kept_for_the_next)
{
	struct rudp_startup_group *group = join("10.0.0.2:443"), *other = join("10.0.0.3:443");

	join("10.0.0.2:443");
	rudp_startup_group_leave(&groups, group);
	rudp_startup_group_leave(&groups, group);
	fault_arm(1);
	cr_assert(eq(ptr, join("10.0.0.2:443"), group));
	fault_arm(0);
	cr_assert(eq(uint, group->peak, 1));
	rudp_startup_group_leave(&groups, group);
	rudp_startup_group_leave(&groups, other);
	cr_assert(eq(uint, HASH_COUNT(groups.by_host), 1));
	cr_assert(eq(ptr, groups.empty, other));
	rudp_startup_groups_fini(&groups);
}

Test(startup_group, without_memory_it_starts_alone)
{
	struct rudp_startup_group *group = NULL;

	for (unsigned nth = 1; !group; nth++) {
		cr_assert(lt(uint, nth, 10));
		fault_arm(nth);
		group = join("10.0.0.2:443");
		fault_arm(0);
		cr_assert(eq(uint, HASH_COUNT(groups.by_host), group ? 1 : 0));
	}
	cr_assert(eq(uint, group->count, 1));
}
