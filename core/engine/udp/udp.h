/* SPDX-License-Identifier: MIT */
/*
 * udp - the UDP sockets of the engine.
 *
 * A struct rudp_udp is the "socket" in the protocol's datagrams and trains. The binding or
 * connection attempt that opened it holds a reference (owners). Without owners it is an orphan, and
 * exists while connections use it.
 *
 * IPv4 addresses are AF_INET everywhere, also on a dual-stack socket (AF_INET6 bound to ::).
 */
#ifndef RUDP_ENGINE_UDP_H
#define RUDP_ENGINE_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "engine/loop/engine.h"
#include "engine/udp/udp_moderation.h"

#define RUDP_UDP_BUFFER_BYTES (4 << 20)
#define RUDP_UDP_NARROW_BYTES (16u << 10) /* received, before it gets large buffers */
#define RUDP_UDP_TOS_REPEATED 8 /* messages with the same TOS before it becomes the socket's TOS */
#define RUDP_UDP_PENDING_MAX 8  /* trains that wait for space in the socket; more are dropped */

/* A train that waits because the socket's send buffer was full. */
struct rudp_queued_train {
	uint8_t *data;
	size_t len, segment_bytes;
	struct rudp_addr local, remote;
	uint8_t tos;
};

/* The socket options of a program that affect routing. */
struct rudp_udp_route {
	int device;    /* interface index; 0: as routing says */
	uint32_t mark; /* SO_MARK; 0: none */
};

struct rudp_udp {
	uint64_t id;
	int fd;
	int share_fd;       /* socket of its port share (port_share.h), or -1 */
	unsigned share;     /* number of the port share */
	uint32_t share_uid; /* user id under which it was taken */
	bool share_paused;  /* epoll does not watch share_fd */
	uint64_t share_id;  /* the slot of share_fd */
	sa_family_t family;
	bool v6only;
	bool connected;
	bool reconnect_failed; /* no route to the peer, for now */
	bool gso;
	bool no_tos;          /* the kernel rejects TOS in control messages */
	uint8_t tos;          /* connected: the socket's own TOS */
	uint8_t tos_before;   /* connected: the last TOS that differed from it */
	uint8_t tos_repeated; /* connected: repetitions of that TOS */
	bool wide;            /* its buffers have RUDP_UDP_BUFFER_BYTES */
	unsigned owners;
	uint32_t narrow_bytes;   /* bytes received so far, while not wide */
	unsigned batch;          /* datagrams to ask for in one call */
	uint64_t full_at_turn;   /* turn of the loop in which a call returned all of them */
	struct rudp_addr local;  /* bound address */
	struct rudp_addr remote; /* connected: the peer */
	struct rudp_queued_train *pending; /* RUDP_UDP_PENDING_MAX entries; NULL while none waits */
	unsigned pending_count;
	struct rudp_list ports;     /* of the bindings (binding.h); several only on a fixed port */
	struct rudp_list link;      /* in engine->udps */
	struct rudp_list port_link; /* in engine->udps_by_port */
	struct rudp_list orphan_link; /* in engine->orphan_udps */
	struct rudp_udp_route route;  /* connected: as the program asked */
	struct rudp_moderation moderation;
	bool had_error;              /* an error was reported on it */
	struct rudp_list spare_link; /* in engine->spare_udps (udp_spare.h) */
	int64_t spare_since_ns;
};

struct rudp_udp_options {
	bool v6only;
	bool reuse_address; /* another socket of this engine has the port, too */
	bool reuse_port;
	int device; /* interface index; 0: any */
	bool freebind;
};

/*
 * Opens a socket bound to local (port 0: any port; only the family set: any address).
 *
 * Returns  0 with one owner counted, or -errno.
 */
int rudp_udp_open(struct rudp_engine *engine, const struct rudp_addr *local,
		  const struct rudp_udp_options *options, struct rudp_udp **out);
/*
 * Opens a socket connected to remote, bound to a free port and the address that routing chose. Or
 * returns a socket that has just served another connection to remote. A connected socket serves one
 * connection at a time, and most connections are short: so its buffers are enlarged only when
 * needed.
 */
int rudp_udp_open_connected(struct rudp_engine *engine, const struct rudp_addr *remote,
			    const struct rudp_udp_route *route, struct rudp_udp **out);
/*
 * Takes over a bound socket that another engine has opened (failover_state.h). Owns fd, also on
 * failure. Returns 0 with one owner counted, or -errno.
 */
int rudp_udp_adopt(struct rudp_engine *engine, int fd, bool v6only, struct rudp_udp **out);
/* Like rudp_udp_open(), but binds local's address to a free port, which is not published to
 * peers. */
int rudp_udp_open_hidden(struct rudp_engine *engine, const struct rudp_addr *local, bool v6only,
			 bool freebind, struct rudp_udp **out);
/* The source address that routing would choose for remote, with port 0. Returns 0 or -errno. */
int rudp_udp_source_by(const struct rudp_addr *remote, const struct rudp_udp_route *route,
		       struct rudp_addr *source);
/*
 * Reconnects a connected socket, so that it gets the source address that routing chooses now, and a
 * free port. Returns 0 or -errno. After an error it has no address and sends nothing until another
 * call succeeds.
 */
int rudp_udp_connect_anew(struct rudp_engine *engine, struct rudp_udp *udp);

/* UDP payload of a packet of mtu bytes. */
uint32_t rudp_udp_payload_of(sa_family_t family, uint32_t mtu);
/*
 * The callback datagram_max of the protocol (endpoint.h); socket: struct rudp_udp. Reads the MTU of
 * the route to remote.
 */
uint32_t rudp_udp_datagram_max(void *engine, void *socket, const struct rudp_addr *remote);

/* Prepares the socket for bulk: large buffers, and datagrams coalesced by the kernel (UDP_GRO). */
void rudp_udp_widen(struct rudp_udp *udp);

void rudp_udp_hold(struct rudp_udp *udp);
/*
 * Gives up a reference. Without owners the socket is an orphan. It is closed by the end of the turn
 * in which no connection uses it any more.
 */
void rudp_udp_release(struct rudp_engine *engine, struct rudp_udp *udp);
/* Closes the orphans that have become unused since the last call, or keeps them as spares. */
void rudp_udp_close_orphans(struct rudp_engine *engine);
/* Whether a connection occupies its port: any connection except one that was reset. */
void rudp_udp_close(struct rudp_engine *engine, struct rudp_udp *udp);

/* This engine's socket with exactly this local address (family, host, port, v6only); or NULL. */
struct rudp_udp *rudp_udp_find(struct rudp_engine *engine, const struct rudp_addr *local,
			       bool v6only);
/*
 * If to is a loopback address: this engine's socket that receives datagrams to it. A datagram sent
 * over loopback can be read as soon as sendmsg() returns. NULL: none, or not loopback (udp_own.c).
 */
struct rudp_udp *rudp_udp_own_at(struct rudp_engine *engine, const struct rudp_addr *to);
/* Whether any socket of this engine has this port. */
bool rudp_udp_has_port(struct rudp_engine *engine, uint16_t port);
/* Allows or forbids other sockets, of any user, to bind this port of the engine's sockets. */
void rudp_udp_share_port(struct rudp_engine *engine, uint16_t port, bool is_shared);

/* Handles an epoll event (udp_receive.c, udp_send.c). */
void rudp_udp_on_event(struct rudp_engine *engine, struct rudp_udp *udp, uint32_t events);
/* Receives one batch of datagrams. true: there may be more. */
bool rudp_udp_receive(struct rudp_engine *engine, struct rudp_udp *udp);
/* Reads the error queue and reports the errors to the connections concerned. */
void rudp_udp_receive_errors(struct rudp_engine *engine, struct rudp_udp *udp);

/* Sends the train, queues it until the socket has space, or drops it (the protocol retransmits). */
void rudp_udp_send(struct rudp_engine *engine, struct rudp_udp *udp,
		   const struct rudp_train *train);
void rudp_udp_send_pending(struct rudp_engine *engine, struct rudp_udp *udp);

/* Converts the address for a socket of this family; returns its length. */
socklen_t rudp_udp_address_for(sa_family_t family, const struct rudp_addr *addr,
			       struct sockaddr_in6 *out);

#endif
