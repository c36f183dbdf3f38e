/* SPDX-License-Identifier: MIT */
/*
 * receive_look - the kernel's look at a message that a program wants filled, where we are to read it
 * ourselves: a wrong pointer must give EFAULT as with TCP, never a signal.
 */
#ifndef RUDP_SHIM_RECEIVE_LOOK_H
#define RUDP_SHIM_RECEIVE_LOOK_H

#include <sys/socket.h>

/*
 * Of the message and its vector, not of where that points; nothing is written.
 *
 * Returns  0; -EFAULT; -EMSGSIZE: a vector of too many pieces.
 * Threads  any. Without a free descriptor, and behind a filter of system calls, everything is right.
 */
int rudp_receive_look(const struct msghdr *message);

#endif
