/* SPDX-License-Identifier: MIT */
#include "filtered.h"

#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "api/raw_syscall.h"
#include "real.h"

static atomic_bool filtered;

bool rudp_is_filtered(void)
{
	return atomic_load_explicit(&filtered, memory_order_relaxed);
}

/*
 * The kernel takes at most four arguments. Reading some that were not passed is what libc does too.
 */
RUDP_EXPORT int prctl(int option, ...)
{
	unsigned long a[4];
	va_list list;
	int rc;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(list, unsigned long);
	va_end(list);
	rc = REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (option == PR_SET_SECCOMP && rc == 0)
		atomic_store(&filtered, true);
	return rc;
}

/*
 * A positive result is the id of a thread to which the filter could not be applied, unless the
 * caller asked for a descriptor.
 */
long rudp_filtered_seccomp(unsigned operation, unsigned flags, void *arguments)
{
	long rc = rudp_raw_syscall(SYS_seccomp, operation, flags, (long)arguments, 0, 0, 0);

	if ((operation == SECCOMP_SET_MODE_STRICT || operation == SECCOMP_SET_MODE_FILTER) &&
	    (rc == 0 || (rc > 0 && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)))
		atomic_store(&filtered, true);
	return rudp_result(rc);
}

/*
 * AF_UNIX refuses an unknown level with EOPNOTSUPP, which a TCP socket never returns. So it
 * succeeds.
 */
bool rudp_filtered_setsockopt(int fd, int level, int option, const void *value, socklen_t len,
			      int *rc)
{
	bool same = level == SOL_SOCKET && (option == SO_KEEPALIVE || option == SO_RCVTIMEO ||
					    option == SO_SNDTIMEO || option == SO_REUSEADDR);

	if (!rudp_is_filtered() || (level == SOL_SOCKET && !same))
		return false;
	*rc = REAL(setsockopt)(fd, level, option, value, len);
	if (*rc < 0 && errno == EOPNOTSUPP)
		*rc = 0;
	return true;
}

bool rudp_filtered_getsockopt(int fd, int level, int option, void *value, socklen_t *len, int *rc)
{
	if (!rudp_is_filtered() || level != SOL_SOCKET || option != SO_ERROR)
		return false;
	*rc = REAL(getsockopt)(fd, level, option, value, len);
	return true;
}
