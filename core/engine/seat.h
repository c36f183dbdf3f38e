/* SPDX-License-Identifier: MIT */
/*
 * seat - engines in threads share a UDP port with each other, and with nobody else.
 *
 * The kernel deals the datagrams of a port out to all sockets of one user that have SO_REUSEPORT.
 * Workers that share a TCP listener need that, each with an engine in a thread; a program's own UDP
 * socket would lose half of its datagrams to the engine. Therefore an engine that wants such a port
 * takes a seat at it first: an abstract name (api/names.h), which belongs to the network namespace, as
 * the port does, and goes with its holder. The first one takes the port without SO_REUSEPORT, and so
 * finds every stranger that has it already; only then it opens it for others, who join where somebody
 * sits. (A program that comes later is served by yield.h.)
 *
 * Anybody can take such a name: then it is as if there were no seats.
 */
#ifndef RUDP_ENGINE_SEAT_H
#define RUDP_ENGINE_SEAT_H

#include "base/addr.h"
#include "engine/engine.h"
#include "engine/udp.h"

#define RUDP_SEATS_MAX 64        /* at a port; who finds none may share it all the same */
#define RUDP_SEAT_TRIES_MAX 100  /* a millisecond apart, where somebody sits and has not opened it */

/*
 * As rudp_udp_open with reuse_port, which options need not say.
 *
 * Returns  0; -EADDRINUSE: somebody has it who is no engine in a thread of this user, too; -errno.
 */
int rudp_seat_open_udp(struct rudp_engine *engine, const struct rudp_addr *local,
		       const struct rudp_udp_options *options, struct rudp_udp **out);

#endif
