/* SPDX-License-Identifier: MIT */
/*
 * confined - whether the program that started this engine has confined it, too.
 *
 * An engine lives in the Landlock domain of whoever happened to start it. Such a domain can keep it from
 * the abstract names of all processes outside (LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, since Linux 6.12),
 * and so from the accept queues of their listeners. It may serve only those inside: it takes no
 * well-known name.
 */
#ifndef RUDP_ENGINE_CONFINED_H
#define RUDP_ENGINE_CONFINED_H

#include <stdbool.h>

/*
 * Whether this process is in a Landlock domain, of whatever kind. The kernel does not tell: a child is
 * put into further domains until there are as many as there may be (landlock(7): 16). false under a
 * filter of system calls, which may kill whoever makes these (@system-service of systemd 252 does).
 */
bool rudp_is_confined(void);

#endif
