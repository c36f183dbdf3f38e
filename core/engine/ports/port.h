/* SPDX-License-Identifier: MIT */
/*
 * port - takes a port in kernel TCP, which decides whether it is free, and in UDP.
 *
 * All bindings of one address share one port object. It owns the UDP socket and the protocol's
 * listener.
 *
 * The UDP port has the same number as the TCP port. Or it is the fixed port of the policy, which
 * serves all TCP ports of an address. Or the UDP port is hidden: its number is not published, so
 * that the listener serves plain TCP only.
 */
#ifndef RUDP_ENGINE_PORT_H
#define RUDP_ENGINE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"
#include "engine/udp/udp.h"

struct rudp_port {
	struct rudp_udp *udp;
	uint16_t number;                /* the port that a SYN must name to reach this listener */
	struct rudp_listener *listener; /* of the protocol; NULL: no listener */
	struct rudp_list bindings;      /* the first gets the next connection */
	struct rudp_list link;          /* in udp->ports */
};

/*
 * Takes the port of binding->local in TCP and UDP. If the port is 0, chooses a free one and stores
 * it there.
 *
 * Returns  0, or -EADDRINUSE, -errno.
 */
int rudp_port_take(struct rudp_engine *engine, struct rudp_binding *binding);
/* The same for a kernel listener that exists already. */
int rudp_port_take_adopted(struct rudp_engine *engine, struct rudp_binding *binding);
/*
 * Adds the binding to the port object of its number on this UDP socket, creating it if necessary.
 * The caller's reference to udp passes to the port object. Returns 0 or -ENOMEM.
 */
int rudp_port_join(struct rudp_engine *engine, struct rudp_binding *binding, struct rudp_udp *udp);
/* Does nothing for a binding without a port. */
void rudp_port_leave(struct rudp_engine *engine, struct rudp_binding *binding);

/*
 * The UDP port was released to a program, or another program had it from the start: no peer can
 * reach the listener over rudp.
 */
bool rudp_port_is_hidden(const struct rudp_engine *engine, const struct rudp_port *port);

#endif
