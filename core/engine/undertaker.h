/* SPDX-License-Identifier: MIT */
/*
 * undertaker - closes what came from other users, where that may take as long as they please.
 *
 * Anybody on this host can send the engine a descriptor, and need not keep one himself. The engine's
 * close is the last one then, and waits where the stranger has arranged it so: a socket of kernel TCP
 * with SO_LINGER (also one that lies unread in a socket of AF_UNIX that was sent), a file of FUSE.
 * All connections of all programs would wait with it. So a thread does it, which ends when nothing is
 * left.
 *
 * Limits   RUDP_UNDERTAKER_THREADS that wait at once, RUDP_UNDERTAKER_MAX descriptors behind them; one
 *          more stays open.
 * Threads  any. The state is the process's: it outlives an engine whose strangers it still waits for.
 */
#ifndef RUDP_ENGINE_UNDERTAKER_H
#define RUDP_ENGINE_UNDERTAKER_H

#include <stdbool.h>

#define RUDP_UNDERTAKER_THREADS 16
#define RUDP_UNDERTAKER_MAX 1024

/* Takes fd over; -1 is none. */
void rudp_undertaker_take(int fd);
/* The system has refused a thread: what waits is closed when rudp_undertaker_go_on() gets one. */
bool rudp_undertaker_is_short(void);
void rudp_undertaker_go_on(void);

#endif
