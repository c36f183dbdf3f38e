/* SPDX-License-Identifier: MIT */
/*
 * names - encodes what rudp must know about a socket into the AF_UNIX names of that socket.
 *
 * The program's descriptor is an AF_UNIX stream socket. rudp keeps no table of descriptors in the
 * process: the names that the kernel returns from getpeername and getsockname are the only record.
 * So they hold all that is needed later, in any thread, after dup, fork, exec or SCM_RIGHTS, and
 * even when the engine has ended.
 *
 *	connection  one end of a connection is bound to it: the engine's end, which the program's
 *	            end sees as its peer, or the program's end itself if its peer is "join":
 *	            "rudp1c" nonce(22) id(11) local(30) remote(30), both as the program sees them
 *	bound       the program's own name after bind or listen:
 *	            "rudp1b" nonce(22) id(11) local(30) 30 x '-'
 *	control     the engine accepts control calls here:    "rudp1e" nonce(22)
 *	well-known  a user's first call finds an engine here: "rudp1w" uid "-" settings(16 hex)
 *	port share  an engine in a thread shares this UDP port (engine/ports/port_share.h):
 *	            "rudp1s" uid "-" port and port share (16 hex, port << 16 | port share)
 *
 * Every user of the host can call an abstract name. So if an engine has a private directory
 * (run_dir.h), three of these names are paths in it. The control and the well-known path contain
 * the network namespace (16 hex), because network namespaces share paths but not abstract names. In
 * the well-known path this number also depends on user namespace and root directory (run_dir.h).
 *
 *	bound       "DIR/rudp1b" nonce(22) id(11) local(30)
 *	control     "DIR/rudp1e" nonce(22) "-" network
 *	well-known  "DIR/rudp1w" uid "-" settings(16 hex) "-" network
 *
 * The engine connects the sockets of programs to one listener of its own, which no other user can
 * reach (engine/app/join.h). Its name is a path relative to DIR, so that it can be recognised by
 * its first bytes:
 *
 *	join        "rudp1j" nonce(22)
 *
 * All characters are printable (base64url), because /proc/net/unix shows the names to every user. A
 * nonce is therefore no secret. An address is 16 bytes of IPv6 (IPv4 as a mapped address), port and
 * scope id: 22 bytes, 30 characters. A mapped address decodes to AF_INET; the caller converts it
 * for an AF_INET6 program.
 *
 * Uses only libc and allocates nothing; async-signal-safe.
 * Threads  any.
 */
#ifndef RUDP_API_NAMES_H
#define RUDP_API_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/addr.h"

#define RUDP_NONCE_BYTES 16

struct rudp_nonce {
	uint8_t bytes[RUDP_NONCE_BYTES];
};

enum rudp_name_kind {
	RUDP_NAME_NONE, /* not written by rudp, or malformed */
	RUDP_NAME_CONNECTION,
	RUDP_NAME_BOUND,
	RUDP_NAME_CONTROL,
	RUDP_NAME_WELL_KNOWN,
	RUDP_NAME_PORT_SHARE,
	RUDP_NAME_JOIN,
};

struct rudp_name {
	enum rudp_name_kind kind;
	struct rudp_nonce nonce; /* of the engine that wrote it; not in WELL_KNOWN, PORT_SHARE */
	uint64_t id; /* CONNECTION: connection id; BOUND: the engine's id of the binding */
	struct rudp_addr local;  /* CONNECTION, BOUND */
	struct rudp_addr remote; /* CONNECTION */
	uint32_t uid;            /* WELL_KNOWN, PORT_SHARE */
	uint64_t settings;    /* WELL_KNOWN: hash of the engine's settings (and start_limits.h) */
	uint64_t network;     /* CONTROL, WELL_KNOWN as paths: the namespaces (run_dir.h) */
	uint16_t port, share; /* PORT_SHARE */
};

/* Fills *un. Returns the length to give to bind(2) or connect(2). */
socklen_t rudp_name_write(const struct rudp_name *name, struct sockaddr_un *un);

/*
 * Fills *un with a path in dir instead, for BOUND, CONTROL and WELL_KNOWN. Returns 0 if the path is
 * too long for AF_UNIX.
 */
socklen_t rudp_name_write_path(const struct rudp_name *name, const char *dir,
			       struct sockaddr_un *un);

/* Parses a name that the kernel returned. Returns its kind, or NONE if rudp did not write it. */
enum rudp_name_kind rudp_name_parse(struct rudp_name *name, const struct sockaddr_un *un,
				    socklen_t len);

/*
 * Returns whether addr is a CONNECTION or JOIN name, which the peer of a program's connection has.
 * It is judged by len and the kind alone. The function reads no more of addr than
 * sizeof(struct sockaddr), so the caller may have cut addr to that size.
 */
bool rudp_name_is_connection(const void *addr, socklen_t len);

/*
 * Converts to 22 characters and a final 0, and back (false: malformed). For environment variables.
 */
void rudp_nonce_write(const struct rudp_nonce *nonce, char text[23]);
bool rudp_nonce_parse(struct rudp_nonce *nonce, const char *text);

#endif
