/* SPDX-License-Identifier: MIT */
/*
 * pid_proxy - keeps the process that a supervisor has started alive after a hand-over to another
 * process.
 *
 * A service manager that listens (NOTIFY_SOCKET) is told the new main process, and the old one
 * ends. Any other parent (a shell, runit, a container) knows only the process that it has started,
 * and takes its end for the end of the service. So that process stays: it forwards signals to the
 * serving process, and ends with it and with the same exit code. For later hand-overs it acts as
 * the listening manager, so there is never more than one such proxy.
 *
 * Trust    A notice counts only if the kernel says that it comes from the serving process.
 * Threads  the main thread; no other thread that is left takes signals.
 */
#ifndef APO_SERVER_PID_PROXY_H
#define APO_SERVER_PID_PROXY_H

#include <sys/types.h>

#define APO_PID_PROXY_NAME_SIZE 128

/* Makes the socket for notices, and "NOTIFY_SOCKET=..." for the environment of the new process.
 * Returns the descriptor, or a negative errno value. */
int apo_pid_proxy_open(char variable[APO_PID_PROXY_NAME_SIZE]);

/*
 * Runs until the service ends. signals_fd is a non-blocking signalfd for SIGCHLD and the signals to
 * forward. successor, the serving process, is a child of this process; orphaned descendants become
 * children, too.
 *
 * Returns  the exit code of the last serving process (128 plus the signal that ended it).
 */
int apo_pid_proxy_run(int notices_fd, int signals_fd, pid_t successor);

#endif
