/* SPDX-License-Identifier: MIT */
/*
 * receive_all - MSG_WAITALL as TCP does it when the connection is reset.
 *
 * If some bytes have arrived before the reset, TCP returns them and gives the error to the next
 * call. AF_UNIX also returns them, but drops the error: the next call would read an end of file.
 */
#ifndef RUDP_SHIM_RECEIVE_ALL_H
#define RUDP_SHIM_RECEIVE_ALL_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * As recvmsg with MSG_WAITALL and without MSG_PEEK, errno included. len is the sum of the buffers
 * in message.
 */
ssize_t rudp_receive_all(int fd, struct msghdr *message, size_t len, int flags);

#endif
