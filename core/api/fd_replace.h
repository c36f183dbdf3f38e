/* SPDX-License-Identifier: MIT */
/*
 * fd_replace - places another socket under a descriptor number that the program already uses.
 *
 * This is needed after a failed connect, because an AF_UNIX socket cannot connect a second time,
 * and for a destination that must use kernel TCP. The new socket gets the descriptor flags, the
 * options and the epoll entries of this process. Copies made by dup, and epoll sets of other
 * processes, keep the old socket.
 */
#ifndef RUDP_API_FD_REPLACE_H
#define RUDP_API_FD_REPLACE_H

#include "api/socket.h"

/*
 * Replace fd by a fresh rudp socket or by a kernel TCP socket. 0 or -errno; on error nothing has
 * changed.
 */
int rudp_fd_replace_fresh(int fd, const struct rudp_socket *s);
int rudp_fd_replace_kernel(int fd, const struct rudp_socket *s);

/*
 * Gives replacement the number, the flags and the epoll entries of fd. Closes replacement's own
 * number in any case, also on error.
 */
int rudp_fd_replace(int fd, int replacement);

/* Copies the options that AF_UNIX sockets keep themselves, unchanged. */
void rudp_fd_copy_native_options(int from, int to);
/* Copies one of them. */
void rudp_fd_copy_native_option(int from, int to, int option);

#endif
