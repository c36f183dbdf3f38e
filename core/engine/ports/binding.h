/* SPDX-License-Identifier: MIT */
/*
 * binding - which program's socket owns which port.
 *
 * A binding is one bound or listening socket of a program. It holds a kernel TCP socket bound to the
 * same address with the same options, so that EADDRINUSE, port 0 and SO_REUSE* mean to all programs of
 * the host what they always mean. Bindings of one address share one port object (port.h);
 * connections are dealt out to those that listen in turn.
 *
 * The program's socket is bound to a path in the user's private directory, which is removed at once:
 * only the engine can connect to it, through a descriptor of its file (private_dir.h). Without a
 * private directory the name is an abstract one, which every user can call; then the program's accept
 * is the only one to tell unauthenticated callers from the engine.
 *
 * Nobody tells that a program's socket was closed, so it is probed. A path: a connect of another type
 * of socket is refused when it is gone. An abstract name: another socket can be bound to it then.
 * Until that is seen the abstract name is free for anybody on this host, who can read it and may be
 * another user: so a descriptor with that name is the binding's only if it is the very socket, and no
 * connection goes to a listener there that is of another user (listener.h).
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
	int path_fd;                     /* the file of the program's socket; -1: its name is abstract */
	bool adopted;                    /* tcp_fd is others', too: it goes on listening without us */
	bool listening;
	enum rudp_way way;               /* that its listener serves */
	unsigned policy_line;            /* of the rule that decided; 0: none */
	bool early;                      /* that rule lets data come with the SYN */
	bool tcp_listening;              /* for others of the port, too (listener.h) */
	bool tcp_may_accept;             /* an edge has been seen and not been used up */
	bool reuse_address, reuse_port, v6only;
	uint32_t uid;                    /* SO_REUSEPORT is shared within one user only */
	uint64_t inode;                  /* of the program's socket */
	uint64_t cookie;                 /* SO_COOKIE of the program's socket: its name may be taken */
	struct rudp_addr local;
	struct rudp_sock_options options;
	struct rudp_client_program program;
	int backlog;
	uint64_t waiting_id;             /* app that waits for room in the accept queue; 0: none */
	unsigned queued;                 /* handed over, no accept seen yet */
	unsigned kept; /* place of its record (failover_state.h) + 1; 0: it has none */
	struct rudp_list link;           /* in port->bindings */
	struct rudp_list all_link;       /* in engine->bindings */
	struct rudp_list number_link;    /* in engine->bindings_by_port */
};

/*
 * Takes addr's port (0: a free one) for the program's socket fd and gives fd its bound name. Whether
 * the program may have that port is the caller's affair (caller.h).
 *
 * Returns  0, or -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (fd has a name already), -errno.
 */
int rudp_binding_new(struct rudp_engine *engine, int fd, unsigned mark_flags,
		     const struct rudp_addr *addr, uint32_t pid, struct rudp_binding **out);
/*
 * The same with a kernel listener that somebody else has made (LISTEN_FDS), instead of addr: its
 * address is taken, and a duplicate of tcp_fd. -EINVAL: it is no listening TCP socket; -EOPNOTSUPP: no
 * rule takes it, and nothing of it has been touched.
 */
int rudp_binding_adopt(struct rudp_engine *engine, int fd, unsigned mark_flags, int tcp_fd,
		       uint32_t pid, struct rudp_binding **out);
void rudp_binding_close(struct rudp_engine *engine, struct rudp_binding *binding);
/* It has its id and its port's number: it belongs to the engine from now on. */
void rudp_binding_enlist(struct rudp_engine *engine, struct rudp_binding *binding);

/* The binding of the socket fd; NULL: not bound, not by this engine, or fd is a connection. */
struct rudp_binding *rudp_binding_of(struct rudp_engine *engine, int fd);
/* The same where it is known already that fd is no connection. */
struct rudp_binding *rudp_binding_of_unconnected(struct rudp_engine *engine, int fd);
struct rudp_binding *rudp_binding_find(struct rudp_engine *engine, uint64_t id);

/* Where the program's socket is called: by this thread alone, if it is a path. */
socklen_t rudp_binding_address(const struct rudp_engine *engine, const struct rudp_binding *binding,
			       struct sockaddr_un *un);
/* Name of the program's socket. */
void rudp_binding_name(const struct rudp_engine *engine, const struct rudp_binding *binding,
		       struct rudp_name *name);
/* false: its last holder is gone, and so is the binding now. */
bool rudp_binding_probe(struct rudp_engine *engine, struct rudp_binding *binding);
void rudp_binding_probe_all(struct rudp_engine *engine);
/* The same for those with this port, which somebody wants: not deceived by who has taken the name. */
void rudp_binding_probe_closely(struct rudp_engine *engine, const struct rudp_addr *local);
/* Those that serve plain TCP on this port. */
void rudp_binding_probe_port(struct rudp_engine *engine, const struct rudp_addr *remote);

/* A connection has its kernel TCP socket now, and holds the port with it. */
void rudp_binding_drop_tcp(struct rudp_binding *binding);

/* It listens, and not for plain TCP alone. */
bool rudp_binding_serves_rudp(const struct rudp_binding *binding);
/* It listens, and not for rudp alone. */
bool rudp_binding_serves_tcp(const struct rudp_binding *binding);

/* A listening binding stands in the way of this one: they overlap and may not share. */
bool rudp_binding_is_blocked(struct rudp_engine *engine, const struct rudp_binding *binding);

#endif
