/* SPDX-License-Identifier: MIT */
/*
 * deferred_close - closes descriptors that other users have sent, in separate threads.
 *
 * Every user of the host can send the engine a descriptor and close its own copy. The engine's
 * close() is then the last one, and it may block for as long as the sender likes. Examples: a
 * kernel TCP socket with SO_LINGER, also one that lies unread in an AF_UNIX socket that was sent; a
 * file on a FUSE file system. A separate thread closes it, so that no connection has to wait. The
 * threads end when nothing is left to close.
 *
 * Every descriptor given to this module is closed, however long that takes. While
 * rudp_deferred_close_is_full(), the control socket that all users can call accepts nothing.
 * Descriptors in the data of a connection, and unauthenticated callers on the listener of a join,
 * are taken even then.
 *
 * Limits   RUDP_DEFERRED_CLOSE_THREADS threads. It is full at RUDP_DEFERRED_CLOSE_MAX descriptors;
 *          the last message may exceed that by RUDP_MESSAGE_FDS_MAX.
 * Threads  any. The state belongs to the process and outlives an engine.
 */
#ifndef RUDP_ENGINE_DEFERRED_CLOSE_H
#define RUDP_ENGINE_DEFERRED_CLOSE_H

#include <stdbool.h>

#define RUDP_DEFERRED_CLOSE_THREADS 16
#define RUDP_DEFERRED_CLOSE_MAX 256
/*
 * The most descriptors in one message (SCM_MAX_FD). The kernel closes what a receiver has no room
 * for, in the receiver's thread.
 */
#define RUDP_MESSAGE_FDS_MAX 253

/* Takes fd over; -1: none. */
void rudp_deferred_close(int fd);
/*
 * Takes over an AF_UNIX socket to which other users can send and which epoll_fd watches. If its
 * queue is empty, it is closed at once. Otherwise the close may have to close descriptors in unread
 * messages, and is left to a thread.
 */
void rudp_deferred_close_socket(int fd, int epoll_fd);
/*
 * For a fork of the engine's thread: the caller takes the lock, and both processes release it. The
 * new process has no other thread, so it calls rudp_deferred_close_forked() instead of _unlock().
 */
void rudp_deferred_close_lock(void);
void rudp_deferred_close_unlock(void);
void rudp_deferred_close_forked(void);
/* Too many descriptors are not closed yet, counting those that a thread is closing. */
bool rudp_deferred_close_is_full(void);
/* No thread could be started: the rest is closed once rudp_deferred_close_go_on() can start one. */
bool rudp_deferred_close_is_short(void);
void rudp_deferred_close_go_on(void);

#endif
