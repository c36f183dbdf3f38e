/* SPDX-License-Identifier: MIT */
/*
 * receive_flags - implements the flags of recv that TCP and AF_UNIX treat differently: MSG_ERRQUEUE
 * (TCP has nothing in that queue), MSG_TRUNC (TCP discards the bytes), MSG_PEEK with MSG_WAITALL
 * (TCP waits), and MSG_WAITALL (receive_all.h).
 */
#ifndef RUDP_SHIM_RECEIVE_FLAGS_H
#define RUDP_SHIM_RECEIVE_FLAGS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "api/mark.h"
#include "filtered.h"

/*
 * Whether a flag needs treatment. The first two do under a system call filter too: else the kernel
 * would take bytes off the queue, or store bytes, that it must not.
 */
static inline bool rudp_receive_is_special(int flags)
{
	return flags & (MSG_ERRQUEUE | MSG_TRUNC) || (flags & MSG_WAITALL && !rudp_is_filtered());
}

/* Makes a system call only if such a flag is set. */
static inline bool rudp_receive_is_ours(int fd, int flags)
{
	return rudp_receive_is_special(flags) && rudp_mark_get(fd) >= 0;
}

/* As recv and recvmsg, errno included. fd is a rudp descriptor. */
ssize_t rudp_receive_special(int fd, void *data, size_t len, int flags);
ssize_t rudp_receive_special_message(int fd, struct msghdr *message, int flags);

#endif
