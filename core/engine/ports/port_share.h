/* SPDX-License-Identifier: MIT */
/*
 * port_share - engines in threads share a UDP port with each other, and with nobody else.
 *
 * The kernel deals the datagrams of a port out to all sockets of one user that have SO_REUSEPORT.
 * Workers that share a TCP listener need that, each with an engine in a thread; a program's own UDP
 * socket would lose half of its datagrams to the engine. Therefore an engine that wants such a port
 * takes a share of it first: an abstract name (api/names.h), which belongs to the network namespace, as
 * the port does, and goes with its holder. The first one takes the port without SO_REUSEPORT, and so
 * finds every other socket that has it already; only then it opens it for others, who join where an
 * engine has a share. (A program that comes later is served by udp_port_release.h.)
 *
 * The kernel chooses the socket of a datagram by addresses and ports. It chooses another one than before
 * when a worker has joined or left, or when a NAT has given the peer another address. So the number of
 * the port share is in the ids that an engine chooses (proto/conn/endpoint.h), and an engine that gets a
 * datagram with the number of another port share passes it on to that port share's name. It does
 * not answer with a RESET: the engines have one secret for reset tokens, so that the RESET would
 * end a living connection. If no engine has the port share, the port share's connections are over,
 * and a RESET says so.
 *
 * SYNs are not passed on: any engine may answer them. Nor are RESETs, which name the peer's id: an
 * engine that misses one learns by a time-out that its peer has forgotten the connection.
 *
 * Anybody can take a name that no engine has, and gets what is addressed to that port share:
 * encrypted packets that are forged or late. An engine takes only what a process of its own user
 * has passed on. Descriptors that come along are closed as deferred_close.h says. When that is full
 * the port share takes nothing for RUDP_CONTROL_LISTENER_PAUSE_NS; what others pass on meanwhile
 * may be lost.
 */
#ifndef RUDP_ENGINE_PORT_SHARE_H
#define RUDP_ENGINE_PORT_SHARE_H

#include "base/addr.h"
#include "engine/loop/engine.h"
#include "engine/udp/udp.h"
#include "proto/conn/endpoint.h"

#define RUDP_PORT_SHARES_MAX RUDP_SHARERS_MAX /* at a port; who finds none does not share it */
#define RUDP_PORT_SHARE_PASS_MAX 64           /* datagrams taken at once */
/* a millisecond apart, where an engine has a share and has not opened it */
#define RUDP_PORT_SHARE_TRIES_MAX 100

/*
 * As rudp_udp_open with reuse_port, which options need not say.
 *
 * Returns  0; -EADDRINUSE: somebody has it who is no engine in a thread of this user, too, or all
 *          port shares are taken; -errno.
 */
int rudp_port_share_open_udp(struct rudp_engine *engine, const struct rudp_addr *local,
			     const struct rudp_udp_options *options, struct rudp_udp **out);
/* Before its socket is closed. */
void rudp_port_share_leave(struct rudp_engine *engine, struct rudp_udp *udp);

/* The protocol's share_number and pass_on (proto/conn/endpoint.h), of a struct rudp_udp. */
int rudp_port_share_number(const void *socket);
bool rudp_port_share_pass_on(void *socket, const struct rudp_datagram *datagram, unsigned number);
/* Something has been passed on to this one. */
void rudp_port_share_on_event(struct rudp_engine *engine, struct rudp_udp *udp);
/* Port shares that took nothing, since too much waited to be closed, go on. */
void rudp_port_shares_resume(struct rudp_engine *engine);

#endif
