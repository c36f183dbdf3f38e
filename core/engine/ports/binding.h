/* SPDX-License-Identifier: MIT */
/*
 * binding - records which socket of which program owns which port.
 *
 * A binding is one bound or listening socket of a program. It holds a kernel TCP socket bound to
 * the same address with the same options. So EADDRINUSE, port 0 and SO_REUSE* work as usual between
 * all programs of the host. Bindings of one address share one port object (port.h). New connections
 * go to the listening ones in turn.
 *
 * The program's socket is bound to a path in the user's private directory, and the path is removed
 * at once. So only the engine can connect to it, through a descriptor of its file (private_dir.h).
 * Without a private directory the name is abstract, and every user can connect. Then only the
 * accept in the program's shim can tell unauthenticated callers from the engine.
 *
 * No event reports that a program's socket was closed, so the engine probes it. A path: a connect
 * from another type of socket is refused if the socket is gone. An abstract name: if the socket is
 * gone, another socket can be bound to the name. Until the engine notices, any user of the host can
 * read the abstract name and bind it. So a descriptor with that name belongs to the binding only if
 * it is the same socket (cookie). A listener there that belongs to another user gets no connection
 * (listener.h).
 */
#ifndef RUDP_ENGINE_BINDING_H
#define RUDP_ENGINE_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "engine/app/options.h"
#include "engine/config/policy.h"
#include "engine/loop/engine.h"
#include "engine/udp/udp.h"

struct rudp_binding {
	uint64_t id;
	struct rudp_port *port;
	int tcp_fd;
	/* O_PATH descriptor of the program's socket; -1: abstract name */
	int path_fd;
	/* tcp_fd is shared with others: it listens on without this engine */
	bool adopted;
	bool listening;
	enum rudp_way way;    /* which transports its listener serves */
	unsigned policy_line; /* line of the rule that decided; 0: none */
	bool early;           /* that rule allows data in the SYN */
	/* tcp_fd listens, also for other bindings of the port, or only to refuse (listener.h) */
	bool tcp_listening;
	bool tcp_may_accept; /* an edge has been seen and not used up */
	bool reuse_address, reuse_port, v6only;
	uint32_t uid;   /* only bindings of one user share by SO_REUSEPORT */
	uint64_t inode; /* of the program's socket */
	/* SO_COOKIE of the program's socket, as another may take its name */
	uint64_t cookie;
	struct rudp_addr local;
	struct rudp_sock_options options;
	struct rudp_client_program program;
	int backlog;
	uint64_t waiting_id;          /* app that waits for room in the accept queue; 0: none */
	unsigned queued;              /* handed over and not accepted yet */
	unsigned failover_index;      /* index of its record (failover_state.h) + 1; 0: none */
	struct rudp_list link;        /* in port->bindings */
	struct rudp_list all_link;    /* in engine->bindings */
	struct rudp_list number_link; /* in engine->bindings_by_port */
};

/*
 * Takes addr's port (0: a free one) for the program's socket fd, and binds fd to its AF_UNIX name.
 * The caller checks whether the program may have that port (caller.h).
 *
 * Returns  0, or -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (fd is bound already), -errno.
 */
int rudp_binding_new(struct rudp_engine *engine, int fd, unsigned mark_flags,
		     const struct rudp_addr *addr, uint32_t pid, struct rudp_binding **out);
/*
 * The same for a kernel listener that came with the program (LISTEN_FDS): uses its address and a
 * duplicate of tcp_fd.
 *
 * Returns  0; -EINVAL: no listening TCP socket; -EOPNOTSUPP: it stays with the kernel, unchanged;
 *          -EACCES: rudp cannot serve it (logged), and plain TCP is forbidden; -errno.
 */
int rudp_binding_adopt(struct rudp_engine *engine, int fd, unsigned mark_flags, int tcp_fd,
		       uint32_t pid, struct rudp_binding **out);
void rudp_binding_close(struct rudp_engine *engine, struct rudp_binding *binding);
/* Adds a binding with id and local port to the engine's lists. */
void rudp_binding_enlist(struct rudp_engine *engine, struct rudp_binding *binding);

/* Finds the binding of the socket fd. NULL: fd is not bound by this engine, or is a connection. */
struct rudp_binding *rudp_binding_of(struct rudp_engine *engine, int fd);
/* The same for a descriptor that is known not to be a connection. */
struct rudp_binding *rudp_binding_of_unconnected(struct rudp_engine *engine, int fd);
struct rudp_binding *rudp_binding_find(struct rudp_engine *engine, uint64_t id);

/* The address to connect to. If the name is a path, only this thread can use the address. */
socklen_t rudp_binding_address(const struct rudp_engine *engine, const struct rudp_binding *binding,
			       struct sockaddr_un *un);
/* Checks whether the program's socket is open. false: it was closed, and the binding is freed. */
bool rudp_binding_probe(struct rudp_engine *engine, struct rudp_binding *binding);
void rudp_binding_probe_all(struct rudp_engine *engine);
/*
 * The same for all with this port, which is requested again; notices if another socket has taken
 * the name.
 */
void rudp_binding_probe_closely(struct rudp_engine *engine, const struct rudp_addr *local);
/* Probes the bindings that serve plain TCP on this port. */
void rudp_binding_probe_port(struct rudp_engine *engine, const struct rudp_addr *remote);

/* Closes tcp_fd: a connection owns that kernel TCP socket now, and holds the port with it. */
void rudp_binding_drop_tcp(struct rudp_binding *binding);

/* It listens, and not only for plain TCP. */
bool rudp_binding_serves_rudp(const struct rudp_binding *binding);
/* It listens, and not only for rudp. */
bool rudp_binding_serves_tcp(const struct rudp_binding *binding);

/* Another listening binding overlaps with this one and may not share the port. */
bool rudp_binding_is_blocked(struct rudp_engine *engine, const struct rudp_binding *binding);

#endif
