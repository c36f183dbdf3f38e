/* SPDX-License-Identifier: MIT */
/*
 * Limits the system calls of an engine and of its supervisor by seccomp(2). filter/main.c makes the
 * filters.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "engine/confine/confine.h"
#include "engine_filters.h"

/* A sanitizer needs further system calls, such as ptrace(2) at the end. */
#define IS_SANITIZED (RUDP_WITH_ASAN || RUDP_WITH_TSAN)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PROGRAM(filter)                                                                            \
	{                                                                                          \
		COUNT(filter), (struct sock_filter *)(filter)                                      \
	} /* the kernel copies it */

/*
 * LOG: the kernel logs refused calls (Linux 4.14). SPEC_ALLOW (4.17): no speculation mitigations,
 * which some kernels enable for each process with a filter and which slow it down. The engine runs
 * no foreign code.
 */
static const unsigned wishes[] = {SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
				  SECCOMP_FILTER_FLAG_LOG, 0};

int rudp_confine_calls(bool for_supervisor)
{
	static const struct sock_fprog engine = PROGRAM(engine_filter),
				       supervisor = PROGRAM(supervisor_filter);
	long rc = -1;

	if (IS_SANITIZED)
		return -EOPNOTSUPP;
	errno = EINVAL;
	for (size_t i = 0; i < COUNT(wishes) && rc < 0 && errno == EINVAL; i++)
		rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			     SECCOMP_FILTER_FLAG_TSYNC | wishes[i],
			     for_supervisor ? &supervisor : &engine);
	if (rc > 0) /* the id of a thread with another filter */
		return -EBUSY;
	return rc < 0 ? -errno : 0;
}
