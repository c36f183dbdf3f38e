/* SPDX-License-Identifier: MIT */
/*
 * filtered - whether this program has put itself under a system call filter (seccomp), which kills
 * it for a call that it would not have made itself: the pre-authentication child of sshd, for example.
 *
 * Seen in prctl(2) and, as libseccomp has it, in syscall(SYS_seccomp); fork hands it on. Then a
 * call on a socket is made as the program made it, and no other: what costs more (the reason of a
 * reset, options of TCP that only the engine knows) is left out.
 */
#ifndef RUDP_SHIM_FILTERED_H
#define RUDP_SHIM_FILTERED_H

#include <stdbool.h>
#include <sys/socket.h>

/* Threads  any; no system call. */
bool rudp_is_filtered(void);

/* The system call seccomp(2), errno included. */
long rudp_filtered_seccomp(unsigned operation, unsigned flags, void *arguments);

/* true: *rc is the answer (errno set), given without another call than this one. */
bool rudp_filtered_setsockopt(int fd, int level, int option, const void *value, socklen_t len,
			      int *rc);
bool rudp_filtered_getsockopt(int fd, int level, int option, void *value, socklen_t *len,
			      int *rc);

#endif
