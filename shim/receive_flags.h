/* SPDX-License-Identifier: MIT */
/*
 * receive_flags - flags of recv that TCP and AF_UNIX take differently: MSG_ERRQUEUE (TCP has nothing in
 * that queue), MSG_TRUNC (TCP throws the bytes away), MSG_PEEK with MSG_WAITALL (TCP waits), and
 * MSG_WAITALL (receive_all.h).
 */
#ifndef RUDP_SHIM_RECEIVE_FLAGS_H
#define RUDP_SHIM_RECEIVE_FLAGS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "api/mark.h"
#include "filtered.h"

/* The first two behind a filter, too: the kernel would take, or store, bytes that it must not. */
static inline bool rudp_receive_is_special(int flags)
{
	return flags & (MSG_ERRQUEUE | MSG_TRUNC) ||
	       (flags & MSG_WAITALL && !rudp_is_filtered());
}

/* No system call but for such flags. */
static inline bool rudp_receive_is_ours(int fd, int flags)
{
	return rudp_receive_is_special(flags) && rudp_mark_get(fd) >= 0;
}

/* As recv and recvmsg, errno included; fd is one of ours. */
ssize_t rudp_receive_special(int fd, void *data, size_t len, int flags);
ssize_t rudp_receive_special_message(int fd, struct msghdr *message, int flags);

#endif
