/* SPDX-License-Identifier: MIT */
/*
 * udp_spare - connected sockets that are used again.
 *
 * A program that connects to one place again and again costs the engine a socket each time: made, set,
 * connected, watched and closed, eight system calls and 16 us. When a connection has ended with all of
 * it said and acknowledged, its socket waits for the next one to the same place, for a moment. It is
 * connected again then, which tells whether its own address still leads there. Kernel TCP may give a
 * port to a new connection then, too.
 *
 * Not kept: a socket on which an error was reported, or whose connection was lost. What comes back of
 * that (ICMP) would be taken for an answer to the next attempt.
 */
#ifndef RUDP_ENGINE_UDP_SPARE_H
#define RUDP_ENGINE_UDP_SPARE_H

#include "engine/udp.h"

#define RUDP_UDP_SPARES_MAX 8
#define RUDP_UDP_SPARE_NS (1 * RUDP_NS_PER_S) /* routes and addresses change */

/* One connected to remote that way, with one owner counted; NULL: none. */
struct rudp_udp *rudp_udp_take_spare(struct rudp_engine *engine, const struct rudp_addr *remote,
				     const struct rudp_udp_route *route);
/* Keeps one without owner or connection, if it is fit; the oldest is closed for it. false: it is not. */
bool rudp_udp_spare(struct rudp_engine *engine, struct rudp_udp *udp);
/* It is in use again, or goes; also one that is no spare. */
void rudp_udp_unspare(struct rudp_engine *engine, struct rudp_udp *udp);
/* Closes those with this port. */
void rudp_udp_drop_spares_with(struct rudp_engine *engine, uint16_t port);
void rudp_udp_drop_spares(struct rudp_engine *engine);
/* Closes those that have waited for RUDP_UDP_SPARE_NS; and when that is next due, or RUDP_NEVER. */
void rudp_udp_drop_old_spares(struct rudp_engine *engine);
int64_t rudp_udp_spares_deadline_ns(const struct rudp_engine *engine);

#endif
