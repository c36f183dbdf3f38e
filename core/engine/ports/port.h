/* SPDX-License-Identifier: MIT */
/*
 * port - having a port on both sides: kernel TCP's, which says whether it may be had, and UDP's.
 *
 * Bindings of one address share one port object, which has the UDP socket and the protocol's listener.
 * The UDP port is that of the TCP socket, or the policy's fixed one, which then serves all ports of an
 * address; or one that nobody knows of (hidden), where the listener is for plain TCP alone.
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
	uint16_t number;                 /* what a SYN must name to come here */
	struct rudp_listener *listener;  /* of the protocol; NULL: nobody listens */
	struct rudp_list bindings;       /* first: whose turn it is */
	struct rudp_list link;           /* in udp->ports */
};

/*
 * Takes the port of binding->local (0: a free one, which is put there) on both sides.
 *
 * Returns  0, or -EADDRINUSE, -errno.
 */
int rudp_port_take(struct rudp_engine *engine, struct rudp_binding *binding);
/* The same where the kernel's listener is there already. */
int rudp_port_take_adopted(struct rudp_engine *engine, struct rudp_binding *binding);
/* Joins those on this socket who have its number, and takes over the caller's hold. 0 or -ENOMEM. */
int rudp_port_join(struct rudp_engine *engine, struct rudp_binding *binding, struct rudp_udp *udp);
/* Harmless for a binding that has none. */
void rudp_port_leave(struct rudp_engine *engine, struct rudp_binding *binding);

/* It has been given up, or was another program's from the start: no caller can find the listener. */
bool rudp_port_is_hidden(const struct rudp_engine *engine, const struct rudp_port *port);

#endif
