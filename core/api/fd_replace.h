/* SPDX-License-Identifier: MIT */
/*
 * fd_replace - placing another socket under a number that the program holds.
 *
 * For an AF_UNIX end that is spent (connect after a failed one), and for a destination that must have
 * kernel TCP. Descriptor flags, options and epoll entries of this process go along; copies made by dup
 * and sets held by other processes stay with the old socket.
 */
#ifndef RUDP_API_FD_REPLACE_H
#define RUDP_API_FD_REPLACE_H

#include "api/socket.h"

/* Both return 0 or -errno; on error nothing has changed. */
int rudp_fd_replace_fresh(int fd, const struct rudp_socket *s);
int rudp_fd_replace_kernel(int fd, const struct rudp_socket *s);

/* Gives replacement the number, the flags and the epoll entries of fd; consumes it, also on error. */
int rudp_fd_replace(int fd, int replacement);

/* Sets on a kernel TCP socket what was set on ours; what it refuses is left out. */
void rudp_fd_copy_options(int from, int to, const struct rudp_socket *s);

/* Options that AF_UNIX sockets keep themselves, copied as they are. */
void rudp_fd_copy_native_options(int from, int to);
/* One of them. */
void rudp_fd_copy_native_option(int from, int to, int option);

#endif
