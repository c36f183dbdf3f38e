/* SPDX-License-Identifier: MIT */
/*
 * deferred_close - closes descriptors that other users sent, in threads of its own.
 *
 * Anybody on this host can send the engine a descriptor and close his own copy. The engine's close is
 * then the last one, and it may wait for as long as the sender likes: a kernel TCP socket with
 * SO_LINGER (also one that lies unread in an AF_UNIX socket that was sent), a file of a FUSE file
 * system. A thread closes it, so that no connection waits. The threads end when nothing is left to
 * close.
 *
 * Every descriptor that is given is closed, however long that takes. The control socket that everybody
 * can call stops while rudp_deferred_close_is_full(). Descriptors that come with the bytes of a
 * connection, and unauthenticated callers at the join of one, are taken beyond that.
 *
 * Limits   RUDP_DEFERRED_CLOSE_THREADS closes at once. RUDP_DEFERRED_CLOSE_MAX descriptors before it
 * is
 *          full, and what one message can bring beyond that.
 * Threads  any. The state is the process's: it outlives an engine.
 */
#ifndef RUDP_ENGINE_DEFERRED_CLOSE_H
#define RUDP_ENGINE_DEFERRED_CLOSE_H

#include <stdbool.h>

#define RUDP_DEFERRED_CLOSE_THREADS 16
#define RUDP_DEFERRED_CLOSE_MAX 256
/* In one message (SCM_MAX_FD). What finds no room at a receiver the kernel closes in its thread. */
#define RUDP_MESSAGE_FDS_MAX 253

/* Takes fd over; -1 is none. */
void rudp_deferred_close(int fd);
/*
 * Takes over an AF_UNIX socket to which others can send, and which epoll_fd watches. If nothing lies in
 * it, it is closed at once. Else descriptors in unread messages may be closed with it.
 */
void rudp_deferred_close_socket(int fd, int epoll_fd);
/*
 * For a fork of the engine's thread, which holds the lock meanwhile. The new process has no other
 * thread; it says so, and the lock is free there, too.
 */
void rudp_deferred_close_lock(void);
void rudp_deferred_close_unlock(void);
void rudp_deferred_close_forked(void);
/* Too many are not closed yet, those included that a thread is closing. */
bool rudp_deferred_close_is_full(void);
/* The system has refused a thread: what waits is closed when rudp_deferred_close_go_on() gets one. */
bool rudp_deferred_close_is_short(void);
void rudp_deferred_close_go_on(void);

#endif
