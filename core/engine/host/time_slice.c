/* SPDX-License-Identifier: MIT */
#include "engine/host/time_slice.h"

#include <errno.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define SHORTEST_NS 100000 /* the kernel's bound */

void rudp_time_slice_shorten(void)
{
	struct sched_attr attr;

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) == 0) {
		attr.sched_runtime = SHORTEST_NS;
		if (syscall(SYS_sched_setattr, 0, &attr, 0) == 0)
			return;
	}
	rudp_log(RUDP_LOG_DEBUG, "cannot shorten the time slice of the scheduler: %s",
		 strerror(errno));
}
