/* SPDX-License-Identifier: MIT */
/*
 * join - connects the sockets of programs to the engine, through one listener that no other user
 * can reach.
 *
 * connect(2) needs a listener at the other end. This one has a path in the private directory, which
 * is removed at once, so only a process with a descriptor of the file can connect: the engine. All
 * peers of this listener have the same name, so the program's own socket is bound to the
 * connection's name (api/names.h). That is not possible if the program has bound its socket, in an
 * engine without a private directory, or in a thread of a program that may change its user. Then
 * the connection gets a listener of its own with an abstract name (app_connect_gate.c), which takes
 * 10 us longer.
 *
 * At most one connection is in the queue: accept() takes the one that connect() has put there.
 */
#ifndef RUDP_ENGINE_JOIN_H
#define RUDP_ENGINE_JOIN_H

#include <sys/socket.h>
#include <sys/un.h>

struct rudp_engine;

struct rudp_join {
	int fd;         /* the listener; -1: none */
	int path_fd;    /* its file */
	unsigned stale; /* connections in the queue that could not be accepted when it was time */
};

/*
 * Opens the listener. If that is not possible, there is none. Changes the working directory for a
 * moment, so no thread of a program may share it.
 */
void rudp_join_open(struct rudp_engine *engine);
void rudp_join_close(struct rudp_join *join);

/*
 * Binds the program's socket to the name and connects it.
 *
 * Returns  0; -EOPNOTSUPP: not possible, and the socket is unchanged; -errno.
 */
int rudp_join_connect(struct rudp_join *join, int program_fd, const struct sockaddr_un *name,
		      socklen_t len);
/* Takes the engine's end of the socket that was connected last. Returns the descriptor or
 * -errno. */
int rudp_join_accept(struct rudp_join *join);
/* Closes that end instead. The program may have sent descriptors, so another thread does it. */
void rudp_join_discard(struct rudp_join *join);

#endif
