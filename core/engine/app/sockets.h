/* SPDX-License-Identifier: MIT */
/*
 * sockets - AF_UNIX stream sockets made ahead.
 *
 * Each end of a connection takes one: to be what the program is connected through, or our end of what a
 * program accepts. Making one takes the kernel 3 us, and a program waits for it. So some are made
 * while the engine waits for programs anyway.
 */
#ifndef RUDP_ENGINE_SOCKETS_H
#define RUDP_ENGINE_SOCKETS_H

#include <stdbool.h>

#define RUDP_SOCKETS_MAX 4

struct rudp_sockets {
	int fds[RUDP_SOCKETS_MAX];
	unsigned count;
	bool scarce;          /* descriptors are: none is kept */
};

/* A fresh one, non-blocking and close-on-exec, the caller's: made ahead or now; -errno. */
int rudp_sockets_take(struct rudp_sockets *sockets);
/* Makes one ahead. false: there are enough, or descriptors are scarce. */
bool rudp_sockets_make(struct rudp_sockets *sockets);
/* Whether descriptors are scarce is seen by what numbers new ones get. */
void rudp_sockets_on_scarce(struct rudp_sockets *sockets, bool scarce);
void rudp_sockets_close(struct rudp_sockets *sockets);

#endif
