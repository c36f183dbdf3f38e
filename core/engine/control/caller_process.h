/* SPDX-License-Identifier: MIT */
/*
 * caller_process - what the kernel says about the process that has connected to a control socket.
 *
 * SO_PEERCRED holds pid and uid at the time of connect(2). A request is checked later. By then the
 * process may have executed another program, or ended, and its pid may belong to another process.
 * So facts read by pid count only if the process that connected still has the pid (SO_PEERPIDFD,
 * Linux 6.5). On an older kernel the reuse of a pid is not noticed.
 */
#ifndef RUDP_ENGINE_CALLER_PROCESS_H
#define RUDP_ENGINE_CALLER_PROCESS_H

#include <stdbool.h>

#include "engine/control/control.h"

/*
 * Whether the process has this capability (linux/capability.h) in the user namespace of the engine,
 * and did not get it by executing a program with set-user-ID or file capabilities. The shim is not
 * loaded into such a program, so its process connected before it executed the program.
 *
 * In two cases only the capability itself counts: the process runs as root, to whom execution gives
 * nothing new; or the engine is a thread of the process. A program with file capabilities that is
 * linked with the library gets their rights from no other engine.
 *
 * false, too, if the process has ended, or the engine may not read what it needs.
 */
bool rudp_caller_has_capability(const struct rudp_call *call, unsigned capability);

/*
 * Whether the process is in the user namespace of the engine and has the same root directory. If
 * not, it is in another container.
 *
 * User namespaces: from Linux 6.11 on the kernel reports them. Before, and for a process that is
 * not dumpable, user namespaces with equal maps count as the same one. An unprivileged process
 * cannot create a namespace whose map equals the engine's.
 *
 * Root directories: a mount namespace by itself does not count, since services of systemd have one
 * of their own and are no containers. A caller whose pid the engine does not see is in another
 * container.
 *
 * true, too, if there is nothing to compare because the engine has no /proc.
 */
bool rudp_caller_shares_container(const struct rudp_call *call);

#endif
