/* SPDX-License-Identifier: MIT */
/*
 * udp_port_release - a listener's UDP port is given up to a program that wants it for itself.
 *
 * Programs use one number for TCP and UDP (name servers, HTTP/3). When such a program binds its UDP
 * socket after its TCP one, it is this engine that has the port; then the listener serves plain TCP
 * alone from there on.
 */
#ifndef RUDP_ENGINE_UDP_PORT_RELEASE_H
#define RUDP_ENGINE_UDP_PORT_RELEASE_H

#include "base/addr.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"

/*
 * Gives up every UDP socket that is in the way of one bound to addr.
 *
 * Returns  0: the port may be free now; -EADDRINUSE: nothing has changed, since a connection uses the
 *          socket, or callers must be rudp there; -ENOENT: it is no socket of this engine.
 */
int rudp_udp_port_release(struct rudp_engine *engine, const struct rudp_addr *addr);

#endif
