/* SPDX-License-Identifier: MIT */
/*
 * receive_several - recvmmsg one message at a time, for what the kernel would do otherwise on AF_UNIX:
 * flags that it understands differently there (receive_flags.h), and TCP_INQ (receive_queue.h).
 *
 * Source   do_recvmmsg in Linux.
 */
#ifndef RUDP_SHIM_RECEIVE_SEVERAL_H
#define RUDP_SHIM_RECEIVE_SEVERAL_H

#include <stdbool.h>
#include <sys/socket.h>

/* fd is one of ours, and this call is to go that way. */
bool rudp_receive_is_by_one(int fd, int flags);

/* As recvmmsg, errno included. */
int rudp_receive_several(int fd, struct mmsghdr *messages, unsigned count, int flags,
			 struct timespec *timeout);

#endif
