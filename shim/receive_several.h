/* SPDX-License-Identifier: MIT */
/*
 * receive_several - recvmmsg, done one message at a time. It is used if the kernel would act
 * differently on AF_UNIX: with the flags of receive_flags.h and with TCP_INQ (receive_queue.h).
 *
 * Source   do_recvmmsg in Linux.
 */
#ifndef RUDP_SHIM_RECEIVE_SEVERAL_H
#define RUDP_SHIM_RECEIVE_SEVERAL_H

#include <stdbool.h>
#include <sys/socket.h>

/* Whether fd is a rudp descriptor and this call must be done one message at a time. */
bool rudp_receive_is_one_by_one(int fd, int flags);

/* As recvmmsg, errno included. */
int rudp_receive_several(int fd, struct mmsghdr *messages, unsigned count, int flags,
			 struct timespec *timeout);

#endif
