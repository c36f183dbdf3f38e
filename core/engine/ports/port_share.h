/* SPDX-License-Identifier: MIT */
/*
 * port_share - lets several engines in threads share one UDP port, without letting other sockets
 * in.
 *
 * With SO_REUSEPORT the kernel distributes the datagrams of a port among all sockets of one user.
 * Workers that share a TCP listener need that, each with an engine in a thread. But a program's own
 * UDP socket on that port would lose half of its datagrams to the engine. Therefore an engine takes
 * a port share first: an abstract name (api/names.h). Like a port it belongs to the network
 * namespace, and it disappears with its holder. The first engine binds the port without
 * SO_REUSEPORT, which fails if any other socket has the port. Only then does it set SO_REUSEPORT
 * for others. Other engines join only if an engine has a share. (udp_port_release.h handles a
 * program that wants the port later.)
 *
 * The kernel chooses the socket of a datagram by addresses and ports. Its choice changes when a
 * worker joins or leaves, or when a NAT gives the peer another address. Therefore the connection
 * ids that an engine chooses contain the number of its port share (proto/conn/endpoint.h). An
 * engine that receives a datagram with the number of another share passes it on to the name of that
 * share. It must not answer with a RESET: all engines have one secret for reset tokens, so the
 * RESET would end a connection in use. If no engine holds that share, its connections are over, and
 * a RESET says so.
 *
 * SYNs are not passed on: any engine may answer them. Nor are RESETs, which carry the peer's id: an
 * engine that misses a RESET learns by a timeout that its peer has forgotten the connection.
 *
 * Any user can take a share's name while no engine has it. That user then receives what is passed
 * on to that share: encrypted packets that are late or forged. An engine accepts only what a
 * process of its own user has passed on. File descriptors that are sent along are closed by
 * deferred_close.h. When its queue is full, the share accepts nothing for
 * RUDP_CONTROL_LISTENER_PAUSE_NS, and datagrams passed on in that time may be lost.
 */
#ifndef RUDP_ENGINE_PORT_SHARE_H
#define RUDP_ENGINE_PORT_SHARE_H

#include "base/addr.h"
#include "engine/loop/engine.h"
#include "engine/udp/udp.h"
#include "proto/conn/endpoint.h"

#define RUDP_PORT_SHARES_MAX RUDP_SHARERS_MAX /* at one port; else an engine does not share it */
#define RUDP_PORT_SHARE_PASS_MAX 64           /* datagrams received in one event */
/* tries, 1 ms apart, while an engine has a share and has not yet set SO_REUSEPORT */
#define RUDP_PORT_SHARE_TRIES_MAX 100

/*
 * Like rudp_udp_open() with reuse_port, which options need not contain.
 *
 * Returns  0; -EADDRINUSE: a socket that is no engine in a thread of this user has the port, or all
 *          port shares are taken; -errno.
 */
int rudp_port_share_open_udp(struct rudp_engine *engine, const struct rudp_addr *local,
			     const struct rudp_udp_options *options, struct rudp_udp **out);
/* To be called before the UDP socket is closed. */
void rudp_port_share_leave(struct rudp_engine *engine, struct rudp_udp *udp);

/* The callbacks share_number and pass_on of proto/conn/endpoint.h; socket: struct rudp_udp. */
int rudp_port_share_number(const void *socket);
bool rudp_port_share_pass_on(void *socket, const struct rudp_datagram *datagram, unsigned number);
/* Another engine has passed datagrams on to this share. */
void rudp_port_share_on_event(struct rudp_engine *engine, struct rudp_udp *udp);
/* Resumes the port shares that were paused because too many descriptors waited to be closed. */
void rudp_port_shares_resume(struct rudp_engine *engine);

#endif
