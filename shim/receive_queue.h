/* SPDX-License-Identifier: MIT */
/*
 * receive_queue - TCP_INQ: each received message carries the number of bytes that are left to read,
 * as a control message.
 *
 * It costs nothing in a program that does not use the option.
 * Source   tcp_recvmsg in Linux.
 * Threads  any.
 */
#ifndef RUDP_SHIM_RECEIVE_QUEUE_H
#define RUDP_SHIM_RECEIVE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Call it after setsockopt has succeeded with this option. */
void rudp_receive_queue_on_option(int level, int option);

/* Whether the option is on for this socket. */
bool rudp_receive_queue_is_on(int fd);

/* Call it before recvmsg. Returns the program's room for control messages; 0: add nothing. */
size_t rudp_receive_queue_room(int fd, const struct msghdr *message);

/* Call it after recvmsg has returned data, with the room from before. Adds the control message. */
void rudp_receive_queue_add(int fd, struct msghdr *message, size_t room);

#endif
