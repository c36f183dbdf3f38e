/* SPDX-License-Identifier: MIT */
/*
 * udp_port_release - releases a listener's UDP port to a program that wants to bind it.
 *
 * Programs use one number for TCP and UDP (name servers, HTTP/3). If such a program binds its UDP
 * socket after its TCP socket, this engine already has the UDP port. The engine releases it; from
 * then on the listener serves plain TCP only.
 */
#ifndef RUDP_ENGINE_UDP_PORT_RELEASE_H
#define RUDP_ENGINE_UDP_PORT_RELEASE_H

#include "base/addr.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"

/*
 * Releases every UDP socket that conflicts with a socket bound to addr.
 *
 * Returns  0: the port may be free now; -EADDRINUSE: nothing has changed, because a connection uses
 *          the socket, or the policy requires rudp for this listener; -ENOENT: this engine does not
 *          have the port.
 */
int rudp_udp_port_release(struct rudp_engine *engine, const struct rudp_addr *addr);

#endif
