/* SPDX-License-Identifier: MIT */
/*
 * socket - what a descriptor of ours is at this moment, asked of the kernel each time.
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
	RUDP_SOCKET_CONNECTED, /* has an engine's end: connecting, established or over */
};

struct rudp_socket {
	unsigned flags;              /* enum rudp_mark_flag */
	enum rudp_socket_state state;
	struct rudp_name name;       /* BOUND, LISTENING, CONNECTED */
};

/* How far a connection has come. */
enum rudp_progress {
	RUDP_PROGRESS_CONNECTING,
	RUDP_PROGRESS_ESTABLISHED,
	RUDP_PROGRESS_OVER, /* failed, reset, or finished in both directions */
};

/* false: not ours, *s is not filled. */
bool rudp_socket_look(int fd, struct rudp_socket *s);

/* As look, but takes also a connection that an unshimmed process has accepted (by its peer's name). */
bool rudp_socket_recognise(int fd, struct rudp_socket *s);

/* Of a CONNECTED one. Asks the engine only when the kernel cannot tell. */
enum rudp_progress rudp_socket_progress(int fd, const struct rudp_socket *s);

/* AF_INET or AF_INET6. */
int rudp_socket_family(const struct rudp_socket *s);
bool rudp_socket_is_nonblocking(int fd);

/*
 * Takes the error that SO_ERROR would give, as TCP words it; 0 if there is none. The kernel's own
 * "once, then 0" decides; the engine then knows the true errno.
 */
int rudp_socket_take_error(int fd, const struct rudp_socket *s);
/* The true errno of a dead connection for one that the kernel reported. */
int rudp_socket_true_error(const struct rudp_socket *s, int error);

/* The name that bind or listen has given fd, which a connection hides. false: none. */
bool rudp_socket_own_name(int fd, struct rudp_name *name);

/*
 * Puts a new socket in fd's place, with the options and the bound name of the old one (call_socket.c).
 *
 * Returns  0 or -errno; -EADDRINUSE: it is new, but could not have its name again.
 */
int rudp_socket_renew(int fd, const struct rudp_socket *s);

/* Renews a socket whose connection, or attempt, the program gives up; TCP calls that ECONNRESET. */
int rudp_socket_abort(int fd, const struct rudp_socket *s);

/* A new unconnected descriptor with this mark, or -errno. type_flags: SOCK_NONBLOCK, SOCK_CLOEXEC. */
int rudp_socket_make(unsigned flags, int type_flags);

/*
 * One call to the engine about this socket: to the one in its name, or for a fresh one to the one that
 * this process remembers (started anew if that is gone).
 *
 * Returns  0 with the reply, -errno as rudp_control_make or rudp_engine_find.
 */
struct rudp_control_call;
void rudp_socket_begin(const struct rudp_socket *s, struct rudp_control_call *call,
		       enum rudp_control_operation operation, int fd);
int rudp_socket_call(const struct rudp_socket *s, struct rudp_control_call *call);

#endif
