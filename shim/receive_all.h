/* SPDX-License-Identifier: MIT */
/*
 * receive_all - MSG_WAITALL that leaves the error for the next call.
 *
 * TCP that has some bytes when the connection is reset returns these, and the error next time. AF_UNIX
 * returns them too, but takes the error with it: the next call would read an end of file.
 */
#ifndef RUDP_SHIM_RECEIVE_ALL_H
#define RUDP_SHIM_RECEIVE_ALL_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* As recvmsg with MSG_WAITALL (and without MSG_PEEK), errno included; len: what message has room for. */
ssize_t rudp_receive_all(int fd, struct msghdr *message, size_t len, int flags);

#endif
