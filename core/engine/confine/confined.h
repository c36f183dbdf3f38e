/* SPDX-License-Identifier: MIT */
/*
 * confined - whether the program that started this engine runs in a Landlock domain.
 *
 * An engine inherits the Landlock domain of the program that started it. Such a domain can deny
 * access to the abstract sockets of all processes outside (LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET,
 * since Linux 6.12), and so to the accept queues of their listeners. Such an engine must serve only
 * programs in the domain: it does not take the well-known name.
 */
#ifndef RUDP_ENGINE_CONFINED_H
#define RUDP_ENGINE_CONFINED_H

#include <stdbool.h>

/*
 * Whether this process is in any Landlock domain. The kernel has no call for that: a child enters
 * further domains until the limit of 16 is reached (landlock(7)). false if a seccomp filter is in
 * force: it might kill a process that makes these calls, as @system-service of systemd 252 does.
 */
bool rudp_is_confined(void);

#endif
