/* SPDX-License-Identifier: MIT */
/*
 * names - what rudp writes into the AF_UNIX names of its sockets.
 *
 * The descriptor in a program's hand is an AF_UNIX stream socket; the kernel's own getpeername and
 * getsockname on it are our only table, so they hold all that anybody needs later: in any thread,
 * after dup, fork, exec or SCM_RIGHTS, and even when the engine is gone.
 *
 *	connection  name of the ENGINE's end, seen by the program as its peer:
 *	            "rudp1c" nonce(22) id(11) local(30) remote(30), as the program sees local/remote
 *	bound       the program's own name after bind or listen:
 *	            "rudp1b" nonce(22) id(11) local(30) 30 x '-'
 *	control     where an engine takes control calls:      "rudp1e" nonce(22)
 *	well-known  where a user's first call finds an engine: "rudp1w" uid "-" settings(16 hex)
 *	port share  an engine in a thread shares this UDP port (engine/ports/port_share.h):
 *	            "rudp1s" uid "-" port and port share (16 hex, port << 16 | port share)
 *
 * Where an engine has a private directory (run_dir.h), three of them are paths in it, since an abstract
 * name can be called by every user. The network namespace (16 hex) is part of those by which programs
 * find an engine: unlike abstract names, paths are shared by all network namespaces. In the well-known
 * name the number says the user namespace, too.
 *
 *	bound       "DIR/rudp1b" nonce(22) id(11) local(30)
 *	control     "DIR/rudp1e" nonce(22) "-" network
 *	well-known  "DIR/rudp1w" uid "-" settings(16 hex) "-" network
 *
 * All printable (base64url), since /proc/net/unix shows them to everybody; a nonce is therefore no
 * secret. An address is 16 bytes of IPv6 (IPv4 as mapped), port, scope id: 22 bytes, 30 characters.
 * An address decodes to AF_INET when mapped; presenting it to an AF_INET6 program is the caller's job.
 *
 * Uses libc alone, no allocation, async-signal-safe.
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
	RUDP_NAME_NONE, /* not one of ours, or malformed */
	RUDP_NAME_CONNECTION,
	RUDP_NAME_BOUND,
	RUDP_NAME_CONTROL,
	RUDP_NAME_WELL_KNOWN,
	RUDP_NAME_PORT_SHARE,
};

struct rudp_name {
	enum rudp_name_kind kind;
	struct rudp_nonce nonce; /* of the engine that made it; not WELL_KNOWN, PORT_SHARE */
	uint64_t id;             /* CONNECTION: connection id; BOUND: the engine's id of the binding */
	struct rudp_addr local;  /* CONNECTION, BOUND */
	struct rudp_addr remote; /* CONNECTION */
	uint32_t uid;            /* WELL_KNOWN, PORT_SHARE */
	uint64_t settings;       /* WELL_KNOWN: hash of the settings the engine runs with */
	uint64_t network;        /* CONTROL, WELL_KNOWN in a directory: the namespaces (run_dir.h) */
	uint16_t port, share;    /* PORT_SHARE */
};

/* Fills *un; returns the length to give to bind(2) or connect(2). */
socklen_t rudp_name_write(const struct rudp_name *name, struct sockaddr_un *un);

/*
 * The same as a path in dir, for BOUND, CONTROL and WELL_KNOWN. Returns 0 if it is longer than a path of
 * AF_UNIX may be.
 */
socklen_t rudp_name_write_path(const struct rudp_name *name, const char *dir, struct sockaddr_un *un);

/* Reads a name that the kernel returned. Returns its kind, RUDP_NAME_NONE if rudp did not write it. */
enum rudp_name_kind rudp_name_parse(struct rudp_name *name, const struct sockaddr_un *un,
				    socklen_t len);

/*
 * Whether this is a CONNECTION, by length and kind alone: of what the kernel has written it reads no
 * more than a struct sockaddr has, so that addr may have been cut to that.
 */
bool rudp_name_is_connection(const void *addr, socklen_t len);

/* 22 characters and a 0; and back (false: malformed). For the environment. */
void rudp_nonce_write(const struct rudp_nonce *nonce, char text[23]);
bool rudp_nonce_parse(struct rudp_nonce *nonce, const char *text);

#endif
