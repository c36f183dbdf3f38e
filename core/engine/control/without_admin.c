/* SPDX-License-Identifier: MIT */
#include "engine/control/without_admin.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* These system calls concern the calling thread alone, in an engine within a program, too. */
struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
};

static int set_option(int fd, int level, int option, const void *value, socklen_t len)
{
	return setsockopt(fd, level, option, value, len) < 0 ? -errno : 0;
}

int rudp_set_without_admin(int fd, int level, int option, const void *value, socklen_t len)
{
	struct capabilities own = {.header.version = _LINUX_CAPABILITY_VERSION_3}, lowered;
	int rc;

	if (syscall(SYS_capget, &own.header, own.sets) < 0)
		return -EPERM;
	if (!(own.sets[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)))
		return set_option(fd, level, option, value, len);
	lowered = own;
	lowered.sets[CAP_TO_INDEX(CAP_NET_ADMIN)].effective &= ~CAP_TO_MASK(CAP_NET_ADMIN);
	if (syscall(SYS_capset, &lowered.header, lowered.sets) < 0)
		return -EPERM;
	rc = set_option(fd, level, option, value, len);
	if (syscall(SYS_capset, &own.header, own.sets) < 0)
		rudp_log(RUDP_LOG_ERROR, "cannot take CAP_NET_ADMIN back: marks are not set any more");
	return rc;
}
