/* SPDX-License-Identifier: MIT */
/*
 * pid_proxy - what becomes of the process that a supervisor has started, once another one serves.
 *
 * A service manager that listens (NOTIFY_SOCKET) is told which process is the main one, and the one
 * before ends. Whoever else has started a server (a shell, runit, a container) knows one process, and
 * takes its end for the end of the service. So that one stays: it passes signals on to the one that
 * serves, and ends with it, as it has ended. For those who come later it is the manager that
 * listens, so there is never more than one of them.
 *
 * Trust    a notice counts if the kernel says that it comes from the process that serves.
 * Threads  the main thread's; none that is left takes signals.
 */
#ifndef APO_SERVER_PID_PROXY_H
#define APO_SERVER_PID_PROXY_H

#include <sys/types.h>

#define APO_PID_PROXY_NAME_SIZE 128

/* Makes the socket for notices, and "NOTIFY_SOCKET=..." for the environment of the one that is to serve.
 * Returns the descriptor, or a negative errno value. */
int apo_pid_proxy_open(char variable[APO_PID_PROXY_NAME_SIZE]);

/*
 * Until the service ends. signals_fd, a signalfd that does not block, tells of what is to be passed on
 * and of SIGCHLD. heir, which serves, is a child of ours, and orphans that descend from us become ours.
 *
 * Returns  the exit code of the process that has served last (128 and the signal that ended it).
 */
int apo_pid_proxy_run(int notices_fd, int signals_fd, pid_t heir);

#endif
