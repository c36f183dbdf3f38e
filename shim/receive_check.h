/* SPDX-License-Identifier: MIT */
/*
 * receive_check - lets the kernel check a struct msghdr that the shim must read itself. A wrong
 * pointer gives EFAULT, as with TCP, and never a signal.
 */
#ifndef RUDP_SHIM_RECEIVE_CHECK_H
#define RUDP_SHIM_RECEIVE_CHECK_H

#include <sys/socket.h>

/*
 * Checks that the message and its vector can be read, but not the buffers of the vector. Writes
 * nothing.
 *
 * Returns  0; -EFAULT; -EMSGSIZE: the vector has too many elements.
 * Threads  any. Without a free descriptor, or under a system call filter, it checks nothing and
 *          returns 0.
 */
int rudp_receive_check(const struct msghdr *message);

#endif
