/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <string.h>

#include "api/environment.h"

#define TYPE_MASK 0xf /* include/linux/net.h; the other bits of type are flags */

bool rudp_policy_disabled(void)
{
	const char *value = rudp_environment_get("RUDP_DISABLE");

	return value && strcmp(value, "1") == 0;
}

bool rudp_policy_takes(int domain, int type, int protocol)
{
	int flags = type & ~TYPE_MASK;

	if (domain != AF_INET && domain != AF_INET6)
		return false;
	if ((type & TYPE_MASK) != SOCK_STREAM || flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return false;
	if (protocol != 0 && protocol != IPPROTO_TCP)
		return false;
	return !rudp_policy_disabled();
}

bool rudp_policy_wants_kernel(const struct rudp_addr *remote)
{
	return rudp_addr_port(remote) == 0;
}
