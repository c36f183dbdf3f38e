/* SPDX-License-Identifier: MIT */
/*
 * listener - from the protocol's established queue into the programs' accept queues.
 *
 * Every established connection is a connect(2) of the engine to the program's AF_UNIX listener, from an
 * end named after both addresses. A full accept queue says EAGAIN and nothing ever says that there is
 * room again: one connection a binding waits and is tried again when an accept shows (its sentinel has
 * come) and every RUDP_RETRY_NS; the others wait in the protocol's queue.
 *
 * Where the policy has it so, plain TCP peers are served on the same port: the kernel socket that holds
 * the port for the binding listens, too, and what it accepts is relayed (tcp.h). Of bindings that share
 * a port (SO_REUSEPORT) one listens for all, with the options that any of them has set last, and they
 * are served in turn; when it goes, its socket goes on listening for those that stay.
 */
#ifndef RUDP_ENGINE_LISTENER_H
#define RUDP_ENGINE_LISTENER_H

#include "engine/control/control.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"

/* LISTEN on the bound socket that call holds (backlog: or RUDP_CONTROL_AS_BEFORE). 0 or -errno. */
int rudp_listener_start(struct rudp_engine *engine, struct rudp_binding *binding,
			const struct rudp_call *call, int backlog);
/* One of an engine that was killed, with port and sockets as they were. 0 or -errno. */
int rudp_listener_go_on(struct rudp_engine *engine, struct rudp_binding *binding);
/* Its options have changed. */
void rudp_listener_on_options(struct rudp_engine *engine, struct rudp_binding *binding);
/* No more connections; those in its accept queue see to themselves. The port stays. */
void rudp_listener_stop(struct rudp_engine *engine, struct rudp_binding *binding);
/* No accept will ever take what waits in the program's queue: reset, as TCP does at a shutdown. */
void rudp_listener_reset_queued(struct rudp_engine *engine, const struct rudp_binding *binding);

/* Hands over as many as the programs have room for. */
void rudp_listener_pump(struct rudp_engine *engine, struct rudp_port *port);
/* A plain TCP peer has come to the port. */
void rudp_listener_on_tcp(struct rudp_engine *engine, struct rudp_binding *binding);
/* The one whose kernel socket listens for this one, which may be itself; NULL: none does. */
struct rudp_binding *rudp_listener_on_tcp_for(const struct rudp_binding *binding);
/* Bindings of one port: the kernel socket of either may listen for both. */
bool rudp_listener_shares_tcp(const struct rudp_binding *a, const struct rudp_binding *b);
/* What it serves. */
enum rudp_transport rudp_listener_transport(const struct rudp_engine *engine,
					    const struct rudp_binding *binding);
/* An accept queue may have room again. */
void rudp_listener_retry(struct rudp_engine *engine, uint64_t binding_id);
void rudp_listener_retry_all(struct rudp_engine *engine);

/* Closes the bindings of this port, as SYNs name it, on this socket whose last holder is gone. */
void rudp_listener_probe(struct rudp_engine *engine, const struct rudp_udp *udp, uint16_t port);

#endif
