/* SPDX-License-Identifier: MIT */
/*
 * filtered - tells whether this program has installed a system call filter (seccomp). Such a filter
 * kills the program for calls that it would not have made itself, for example the
 * pre-authentication child of sshd.
 *
 * The shim notices the filter in prctl(2) and in syscall(SYS_seccomp), which libseccomp uses; fork
 * keeps the state. From then on a call on a socket makes only that system call. What needs more
 * calls (the reason of a reset, TCP options that only the engine knows) is left out.
 */
#ifndef RUDP_SHIM_FILTERED_H
#define RUDP_SHIM_FILTERED_H

#include <stdbool.h>
#include <sys/socket.h>

/* Threads  any; no system call. */
bool rudp_is_filtered(void);

/* Makes the system call seccomp(2), and notes a filter. Returns as libc would, errno included. */
long rudp_filtered_seccomp(unsigned operation, unsigned flags, void *arguments);

/* Return true if *rc is the result (with errno). They make no other call than this one. */
bool rudp_filtered_setsockopt(int fd, int level, int option, const void *value, socklen_t len,
			      int *rc);
bool rudp_filtered_getsockopt(int fd, int level, int option, void *value, socklen_t *len, int *rc);

#endif
