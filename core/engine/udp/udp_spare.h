/* SPDX-License-Identifier: MIT */
/*
 * udp_spare - connected sockets that outlive their connection: they are used again, and answer for it.
 *
 * A program that connects to one place again and again costs the engine a socket each time: made, set,
 * connected, watched and closed, eight system calls and 16 us. When a connection has ended with all of
 * it said and acknowledged, its socket waits for the next one to the same place, for a moment. It is
 * connected again then, which tells whether its own address still leads there. Kernel TCP may give a
 * port to a new connection then, too.
 *
 * It is kept for longer than that for the peer's sake. The peer may have missed our last
 * acknowledgements and repeat itself after TIME_WAIT (a crowd that has overrun its buffers does):
 * from an open port it gets a RESET, from a closed one it gets what ICMP's limit leaves over, which
 * is next to nothing (docs/protocol.md section 12.5).
 *
 * Not kept: a socket on which an error was reported, or whose connection was lost. What comes back of
 * that (ICMP) would be taken for an answer to the next attempt.
 */
#ifndef RUDP_ENGINE_UDP_SPARE_H
#define RUDP_ENGINE_UDP_SPARE_H

#include "engine/udp/udp.h"

#define RUDP_UDP_SPARES_MAX 1024u /* or a sixteenth of the descriptors that there may be */
#define RUDP_UDP_SPARES_MIN 8u
#define RUDP_UDP_SPARES_TRIED 8u /* the youngest, for the next connection */
#define RUDP_UDP_SPARE_NS (1 * RUDP_NS_PER_S) /* used again: routes and addresses change */
#define RUDP_UDP_LINGER_NS (5 * RUDP_NS_PER_S) /* answers */

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
/* rc: what making a descriptor gave. true: there was none left, some have been given back, try again. */
bool rudp_udp_gives_way(struct rudp_engine *engine, int rc);
/* Closes those that have waited for RUDP_UDP_LINGER_NS; and when that is next due, or RUDP_NEVER. */
void rudp_udp_drop_old_spares(struct rudp_engine *engine);
int64_t rudp_udp_spares_deadline_ns(const struct rudp_engine *engine);

#endif
