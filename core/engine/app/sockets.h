/* SPDX-License-Identifier: MIT */
/*
 * sockets - creates AF_UNIX stream sockets in advance, so that programs do not wait for it.
 *
 * Each end of a connection needs one: the socket to which the program's socket is connected, or the
 * engine's end of a connection that a program accepts. Creating a socket takes the kernel 3 us. So
 * the engine creates a few while it would wait for programs anyway.
 */
#ifndef RUDP_ENGINE_SOCKETS_H
#define RUDP_ENGINE_SOCKETS_H

#include <stdbool.h>

#define RUDP_SOCKETS_MAX 4

struct rudp_sockets {
	int fds[RUDP_SOCKETS_MAX];
	unsigned count;
	bool scarce; /* few descriptors are left: keep none in advance */
};

/*
 * Returns a non-blocking, close-on-exec socket, which the caller owns; or -errno. Creates it now if
 * there is none in advance.
 */
int rudp_sockets_take(struct rudp_sockets *sockets);
/* Creates one in advance. false: there are enough, or descriptors are scarce. */
bool rudp_sockets_make(struct rudp_sockets *sockets);
/* To be called when descriptors become scarce, or are not scarce any more. */
void rudp_sockets_on_scarce(struct rudp_sockets *sockets, bool scarce);
void rudp_sockets_close(struct rudp_sockets *sockets);

#endif
