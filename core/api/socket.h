/* SPDX-License-Identifier: MIT */
/*
 * socket - finds out what state a rudp descriptor is in. It asks the kernel each time and caches
 * nothing.
 *
 * Threads  any. No allocation; async-signal-safe.
 */
#ifndef RUDP_API_SOCKET_H
#define RUDP_API_SOCKET_H

#include <stdbool.h>

#include "api/control.h"
#include "api/mark.h"
#include "api/names.h"

enum rudp_socket_state {
	RUDP_SOCKET_FRESH,
	RUDP_SOCKET_BOUND,
	RUDP_SOCKET_LISTENING,
	RUDP_SOCKET_CONNECTED, /* an engine has the other end: connecting, established, closed */
};

struct rudp_socket {
	unsigned flags; /* enum rudp_mark_flag */
	enum rudp_socket_state state;
	struct rudp_name name; /* BOUND, LISTENING, CONNECTED */
};

/* The progress of a connection, from connect to its end. */
enum rudp_progress {
	RUDP_PROGRESS_CONNECTING,
	RUDP_PROGRESS_ESTABLISHED,
	RUDP_PROGRESS_OVER, /* failed, reset, or both directions have ended */
};

/* Fills *s. Returns false, with *s unchanged, if fd is not a rudp descriptor. */
bool rudp_socket_inspect(int fd, struct rudp_socket *s);

/*
 * The same, but it also takes a connection that a process without the shim has accepted. Such a
 * socket has no mark; the name of its peer identifies it.
 */
bool rudp_socket_recognise(int fd, struct rudp_socket *s);

/* The progress of a CONNECTED socket. Asks the engine only if the kernel does not know. */
enum rudp_progress rudp_socket_progress(int fd, const struct rudp_socket *s);

/* AF_INET or AF_INET6. */
int rudp_socket_family(const struct rudp_socket *s);
bool rudp_socket_is_nonblocking(int fd);

/*
 * Over loopback, TCP shows what the peer has done, or a refusal, as soon as the call that caused it
 * has returned. So the engine, which often has both ends, first finishes what programs did before.
 */
void rudp_socket_catch_up(const struct rudp_socket *s);

/*
 * Takes the error that SO_ERROR would give, translated to TCP's errno; 0 if there is none. As with
 * TCP, an error is given once: the kernel keeps and clears it, and the engine tells the true errno.
 */
int rudp_socket_take_error(int fd, const struct rudp_socket *s);
/*
 * Translates error, which the kernel reported for a dead connection, to the errno that the engine
 * knows.
 */
int rudp_socket_true_error(const struct rudp_socket *s, int error);

/*
 * Replaces fd by a new socket with the options and the bound address of the old one, and its port
 * if that is free (call_socket.c). Returns 0 or -errno.
 */
int rudp_socket_renew(int fd, const struct rudp_socket *s);

/*
 * Renews a socket after the program gave its connection or connect attempt up, or before it has
 * seen a reset. The next call on it then reports ECONNRESET, as TCP does.
 */
int rudp_socket_abort(int fd, const struct rudp_socket *s);

/*
 * Renews a listener that was shut down, and inspects it again: TCP can bind it, listen and connect
 * with it, AF_UNIX cannot.
 *
 * Returns  0, also for any other socket, or -errno.
 */
int rudp_socket_renew_listener(int fd, struct rudp_socket *s);

/*
 * Makes a new unconnected rudp descriptor, or -errno. flags: its mark; type_flags: SOCK_NONBLOCK,
 * SOCK_CLOEXEC.
 */
int rudp_socket_make(unsigned flags, int type_flags);

/*
 * One call to the engine about this socket. It goes to the engine in the socket's name. For a fresh
 * socket it goes to the engine that this process remembers, or to a new one if that has ended.
 *
 * Returns  0 with the reply; -errno as rudp_control_make or rudp_engine_find.
 */
struct rudp_control_call;
void rudp_socket_begin(const struct rudp_socket *s, struct rudp_control_call *call,
		       enum rudp_control_operation operation, int fd);
int rudp_socket_call(const struct rudp_socket *s, struct rudp_control_call *call);

#endif
