/* SPDX-License-Identifier: MIT */
/*
 * udp_spare - keeps the connected socket of an ended connection: for the next connection to the
 * same address, and to answer late packets.
 *
 * A program that connects to one address repeatedly costs the engine a socket each time. To create,
 * configure, connect, watch and close it takes eight system calls and 16 us. When a connection has
 * ended with all data acknowledged, its socket is available for the next connection to the same
 * address for RUDP_UDP_SPARE_NS. Kernel TCP also may reuse a port for a new connection. Except over
 * loopback, the socket is connected again then, which checks that its source address still works.
 *
 * The socket is kept longer than that for the sake of the peer. The peer may have missed our last
 * acknowledgements and retransmit after our TIME_WAIT (for example, when many connections have
 * overrun its buffers). An open port answers with a RESET. A closed port answers only within the
 * limit for ICMP messages, which is almost never then (docs/protocol.md section 12.5).
 *
 * Not kept: a socket on which an error was reported, or whose connection was lost. A late ICMP
 * error would be attributed to the next connection.
 */
#ifndef RUDP_ENGINE_UDP_SPARE_H
#define RUDP_ENGINE_UDP_SPARE_H

#include "engine/udp/udp.h"

#define RUDP_UDP_SPARES_MAX 1024u /* at most a sixteenth of the process's descriptor limit */
#define RUDP_UDP_SPARES_MIN 8u
#define RUDP_UDP_SPARES_TRIED 8u               /* only the newest ones are compared */
#define RUDP_UDP_SPARE_NS (1 * RUDP_NS_PER_S)  /* reuse period: routes and addresses change */
#define RUDP_UDP_LINGER_NS (5 * RUDP_NS_PER_S) /* how long late packets are answered */

/* Returns a spare connected to remote with this route, with one owner counted; NULL: there is
 * none. */
struct rudp_udp *rudp_udp_take_spare(struct rudp_engine *engine, const struct rudp_addr *remote,
				     const struct rudp_udp_route *route);
/*
 * Keeps a socket without owner and connection if it is suitable; closes the oldest spare if there
 * are too many. false: it is not suitable.
 */
bool rudp_udp_spare(struct rudp_engine *engine, struct rudp_udp *udp);
/* Removes the socket from the spares, if it is one: it is in use again, or about to be closed. */
void rudp_udp_unspare(struct rudp_engine *engine, struct rudp_udp *udp);
/* Closes the spares with this port. */
void rudp_udp_drop_spares_with(struct rudp_engine *engine, uint16_t port);
void rudp_udp_drop_spares(struct rudp_engine *engine);
/* rc: result of creating a descriptor. true: none was left, spares have been closed, try again. */
bool rudp_udp_gives_way(struct rudp_engine *engine, int rc);
/*
 * rudp_udp_drop_old_spares() closes spares after RUDP_UDP_LINGER_NS. rudp_udp_spares_deadline_ns()
 * tells when that is due next, or RUDP_NEVER.
 */
void rudp_udp_drop_old_spares(struct rudp_engine *engine);
int64_t rudp_udp_spares_deadline_ns(const struct rudp_engine *engine);

#endif
