/* SPDX-License-Identifier: MIT */
/*
 * caller_process - what the kernel says of the process that has connected to a control socket.
 *
 * SO_PEERCRED holds the pid and the user as of connect(2). A request is judged later: by then the
 * process may have executed another program, or ended, and its pid may belong to another process. So
 * what is read of a pid counts only if the process that called still has it (SO_PEERPIDFD, Linux 6.5).
 * On an older kernel a pid that is used again is not noticed.
 */
#ifndef RUDP_ENGINE_CALLER_PROCESS_H
#define RUDP_ENGINE_CALLER_PROCESS_H

#include <stdbool.h>

#include "engine/control/control.h"

/*
 * Whether the process has this capability (linux/capability.h) in the user namespace of the engine, and
 * had it by itself: not by executing a program with set-user-ID or file capabilities. The shim is not
 * loaded into such a program, so a call of its process was made before. Two are judged by what they have
 * alone: root, to whom execution gives nothing new, and the process in which the engine is a thread. A
 * program with file capabilities that is linked with the library gets them at no other engine.
 *
 * false, too: the process has ended, or the engine may not read what it needs to know.
 */
bool rudp_caller_has_capability(const struct rudp_call *call, unsigned capability);

/*
 * Whether the process is in the user namespace of the engine. The kernel answers that from Linux 6.11
 * on. Before, and for a process that cannot be dumped, user namespaces with equal maps count as one;
 * without a privilege nobody makes one whose map equals the engine's. true, too, on an older kernel
 * where there is nothing to compare: the engine does not see the pid, or has no /proc.
 */
bool rudp_caller_shares_user_namespace(const struct rudp_call *call);

#endif
