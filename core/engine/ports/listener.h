/* SPDX-License-Identifier: MIT */
/*
 * listener - hands established connections over to the accept queues of the programs.
 *
 * For each established connection the engine calls connect(2) to the program's AF_UNIX listener,
 * from a socket whose name holds both addresses. If the accept queue is full, connect fails with
 * EAGAIN, and no event reports when there is room. So one connection of each binding waits; the
 * others stay in the protocol's queue. It is tried again when an accept is seen (the sentinel has
 * come), and every RUDP_RETRY_NS.
 *
 * If the policy allows it, plain TCP peers are served on the same port. The kernel socket that
 * holds the port for the binding then listens, too, and its connections are relayed (tcp.h). Of
 * bindings that share a port (SO_REUSEPORT) one listens for all, with the options set last by any
 * of them, and they are served in turn. When that binding closes, its socket continues to listen
 * for the others.
 */
#ifndef RUDP_ENGINE_LISTENER_H
#define RUDP_ENGINE_LISTENER_H

#include "engine/control/control.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"

/*
 * LISTEN on the bound socket call->held_fd. backlog: of listen(2), or RUDP_CONTROL_AS_BEFORE. 0 or
 * -errno.
 */
int rudp_listener_start(struct rudp_engine *engine, struct rudp_binding *binding,
			const struct rudp_call *call, int backlog);
/*
 * Continues a listener of an engine that was killed; its port and sockets are unchanged. 0 or
 * -errno.
 */
int rudp_listener_go_on(struct rudp_engine *engine, struct rudp_binding *binding);
/* It serves no more new plain TCP peers: peers must prove an identity now. Its way was auto. */
void rudp_listener_forbid_tcp(struct rudp_engine *engine, struct rudp_binding *binding);
/* To call when the binding's options have changed. */
void rudp_listener_on_options(struct rudp_engine *engine, struct rudp_binding *binding);
/* Takes no more connections; those in the program's accept queue continue. The port stays taken. */
void rudp_listener_stop(struct rudp_engine *engine, struct rudp_binding *binding);
/* Resets connections in the program's queue that will never be accepted, as TCP does at a
 * shutdown. */
void rudp_listener_reset_queued(struct rudp_engine *engine, const struct rudp_binding *binding);

/* Hands over as many connections as the programs have room for. */
void rudp_listener_pump(struct rudp_engine *engine, struct rudp_port *port);
/* Accepts plain TCP peers of the port; resets them if it serves only rudp. */
void rudp_listener_on_tcp(struct rudp_engine *engine, struct rudp_binding *binding);
/* The binding whose kernel socket listens for this one, perhaps itself; NULL: none. */
struct rudp_binding *rudp_listener_on_tcp_for(const struct rudp_binding *binding);
/* For bindings of one port: the kernel socket of either may listen for both. */
bool rudp_listener_shares_tcp(const struct rudp_binding *a, const struct rudp_binding *b);
/* Over which transports its peers can connect. */
enum rudp_transport rudp_listener_transport(const struct rudp_engine *engine,
					    const struct rudp_binding *binding);
/* To call when an accept queue may have room again. */
void rudp_listener_retry(struct rudp_engine *engine, uint64_t binding_id);
void rudp_listener_retry_all(struct rudp_engine *engine);

/* Closes bindings whose program's socket was closed: those of this UDP socket and port. */
void rudp_listener_probe(struct rudp_engine *engine, const struct rudp_udp *udp, uint16_t port);

#endif
