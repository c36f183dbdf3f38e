/* SPDX-License-Identifier: MIT */
/*
 * receive_queue - TCP_INQ: with every message comes how much more lies unread, as a control message.
 *
 * A program that has not asked for it pays nothing.
 * Source   tcp_recvmsg in Linux.
 * Threads  any.
 */
#ifndef RUDP_SHIM_RECEIVE_QUEUE_H
#define RUDP_SHIM_RECEIVE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* setsockopt has succeeded with this. */
void rudp_receive_queue_on_option(int level, int option);

/* It has, on this socket. */
bool rudp_receive_queue_is_told(int fd);

/* Before recvmsg: bytes that the program gives for control messages; 0: nothing is to be added. */
size_t rudp_receive_queue_room(int fd, const struct msghdr *message);

/* After recvmsg has given data, with the room from before. */
void rudp_receive_queue_add(int fd, struct msghdr *message, size_t room);

#endif
