/* SPDX-License-Identifier: MIT */
/* A thread asks for a shorter time slice, and nothing else of its scheduling changes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/host/time_slice.h"

#define SHORTEST_NS 100000u

static struct sched_attr scheduling(void)
{
	struct sched_attr attr;

	cr_assert(zero(long, syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0)));
	return attr;
}

/* Linux 6.12. Older ones ignore the slice. */
static bool kernel_has_slices(void)
{
	struct utsname names;
	int major = 0, minor = 0;

	cr_assert(zero(int, uname(&names)));
	cr_assert(eq(int, sscanf(names.release, "%d.%d", &major, &minor), 2));
	return major > 6 || (major == 6 && minor >= 12);
}

Test(time_slice, is_the_shortest_and_the_priority_stays)
{
	struct sched_attr before, after;

	setpriority(PRIO_PROCESS, 0, 5);
	before = scheduling();
	rudp_time_slice_shorten();
	after = scheduling();
	cr_expect(eq(u32, after.sched_policy, before.sched_policy));
	cr_expect(eq(i32, after.sched_nice, before.sched_nice));
	if (kernel_has_slices())
		cr_expect(eq(u64, after.sched_runtime, SHORTEST_NS));
}
