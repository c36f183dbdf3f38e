/* SPDX-License-Identifier: MIT */
/* Which system calls an engine and its supervisor may make: seccomp(2), with filters of
 * filter/main.c. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/confine/confine.h"
#include "engine_filters.h"

/* A sanitizer makes calls of its own, ptrace(2) at the end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PROGRAM(filter) {COUNT(filter), (struct sock_filter *)(filter)} /* the kernel copies it */

/*
 * LOG: a call that is refused is in the kernel's log (Linux 4.14). SPEC_ALLOW: without the measures
 * against speculation that some kernels take for each process under a filter and that slow it down
 * (4.17; the engine runs no foreign code).
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
	if (rc > 0) /* the number of a thread that has another filter */
		return -EBUSY;
	return rc < 0 ? -errno : 0;
}
