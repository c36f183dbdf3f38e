/* SPDX-License-Identifier: MIT */
/*
 * udp - the sockets on the wire.
 *
 * A struct rudp_udp is the "socket" of the protocol's datagrams and trains. It is held (owners) by the
 * binding or the connection attempt that opened it, and lives on as an orphan while connections use it.
 *
 * IPv4 is AF_INET in all addresses, also on a dual-stack socket (AF_INET6 bound to ::).
 */
#ifndef RUDP_ENGINE_UDP_H
#define RUDP_ENGINE_UDP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/list.h"
#include "engine/loop/engine.h"
#include "engine/udp/udp_moderation.h"

#define RUDP_UDP_BUFFER_BYTES (4 << 20)
#define RUDP_UDP_NARROW_BYTES (16u << 10) /* received, before a connected socket is worth so much */
#define RUDP_UDP_TOS_REPEATED 8 /* messages with the same TOS before it becomes the socket's own */
#define RUDP_UDP_PENDING_MAX 8 /* trains that wait for room in the socket; beyond it: lost */

/* A train that the kernel had no room for. */
struct rudp_held_train {
	uint8_t *data;
	size_t len, segment_bytes;
	struct rudp_addr local, remote;
	uint8_t tos;
};

struct rudp_port;

/* What a program has asked of the way there. */
struct rudp_udp_route {
	int device;                   /* its number; 0: as routing says */
	uint32_t mark;                /* SO_MARK; 0: none */
};

struct rudp_udp {
	uint64_t id;
	int fd;
	int share_fd;       /* its port share at a shared port (port_share.h), or -1 */
	unsigned share;     /* which one */
	uint32_t share_uid; /* whose */
	bool share_paused;  /* not watched */
	uint64_t share_id;  /* the slot of share_fd */
	sa_family_t family;
	bool v6only;
	bool connected;
	bool adrift;                  /* ... and is not, for now: there was no way there */
	bool gso;
	bool no_tos;                  /* the kernel refuses to set it by message */
	uint8_t tos;                  /* connected: what it sends with by itself */
	uint8_t tos_before;           /* ... and what the last one that differed from that was to have */
	uint8_t tos_repeated;         /* ... as had so many before it */
	bool wide;                    /* its buffers have RUDP_UDP_BUFFER_BYTES */
	unsigned owners;
	uint32_t narrow_bytes;        /* received so far, while not wide */
	unsigned batch;               /* datagrams to be asked for at once */
	uint64_t full_at_turn;        /* of the loop, in which there were as many */
	struct rudp_addr local;       /* as bound */
	struct rudp_addr remote;      /* connected */
	struct rudp_held_train *pending; /* RUDP_UDP_PENDING_MAX; NULL while none waits */
	unsigned pending_count;
	struct rudp_list ports;       /* the binding side's (binding.h); one, but for a fixed UDP port */
	struct rudp_list link;        /* in engine->udps */
	struct rudp_list port_link;   /* in engine->udps_by_port */
	struct rudp_list orphan_link; /* in engine->orphan_udps */
	struct rudp_udp_route route;  /* connected */
	struct rudp_moderation moderation;
	bool troubled;                /* an error has been reported on it */
	struct rudp_list spare_link;  /* in engine->spare_udps (udp_spare.h) */
	int64_t spare_since_ns;
};

struct rudp_udp_options {
	bool v6only;
	bool reuse_address;           /* another socket of this engine has the port too */
	bool reuse_port;
	int device;                   /* its number; 0: any */
	bool freebind;
};

/*
 * Opens a socket bound to local (port 0: any; family alone: any address).
 *
 * Returns  0 with one owner counted, or -errno.
 */
int rudp_udp_open(struct rudp_engine *engine, const struct rudp_addr *local,
		  const struct rudp_udp_options *options, struct rudp_udp **out);
/*
 * Opens a socket connected to remote, bound to a free port and the address that routing chose; or gives
 * one that has just served another connection there. It serves one connection at a time, and most are
 * short: its buffers grow when they are needed.
 */
int rudp_udp_open_connected(struct rudp_engine *engine, const struct rudp_addr *remote,
			    const struct rudp_udp_route *route, struct rudp_udp **out);
/*
 * Takes over a bound socket that another engine has opened (failover_state.h); it owns fd, also
 * where this fails. 0 with one owner counted, or -errno.
 */
int rudp_udp_adopt(struct rudp_engine *engine, int fd, bool v6only, struct rudp_udp **out);
/* Opens one bound to a free port of local's host that no caller knows of, as rudp_udp_open(). */
int rudp_udp_open_hidden(struct rudp_engine *engine, const struct rudp_addr *local, bool v6only,
			 bool freebind, struct rudp_udp **out);
/* The address that routing would use towards remote; the port is 0. 0 or -errno. */
int rudp_udp_source_for(const struct rudp_addr *remote, struct rudp_addr *source);
int rudp_udp_source_by(const struct rudp_addr *remote, const struct rudp_udp_route *route,
		       struct rudp_addr *source);
/*
 * A connected socket takes the address that routing chooses now, and a free port: its peer is the same.
 * 0, or -errno: it has no address, and sends nothing, until that is done again.
 */
int rudp_udp_connect_anew(struct rudp_engine *engine, struct rudp_udp *udp);

/* UDP payload of a packet of mtu bytes. */
uint32_t rudp_udp_payload_of(sa_family_t family, uint32_t mtu);
/* The protocol's datagram_max (endpoint.h), of a struct rudp_udp; asks the route towards remote. */
uint32_t rudp_udp_datagram_max(void *engine, void *socket, const struct rudp_addr *remote);

/* Gives it what bulk needs: buffers, and datagrams coalesced by the kernel. */
void rudp_udp_widen(struct rudp_udp *udp);

void rudp_udp_hold(struct rudp_udp *udp);
/* Without owners it is an orphan, and closed when no connection uses it, by the end of the turn. */
void rudp_udp_release(struct rudp_engine *engine, struct rudp_udp *udp);
/* Closes the orphans that have become useless since the last time, or keeps them as spares. */
void rudp_udp_close_orphans(struct rudp_engine *engine);
/* A connection holds its port: any but one that was reset. */
bool rudp_udp_has_conn(const struct rudp_engine *engine, const struct rudp_udp *udp);
void rudp_udp_close(struct rudp_engine *engine, struct rudp_udp *udp);

/* One of this engine's with exactly this local address (family, host, port, v6only); or NULL. */
struct rudp_udp *rudp_udp_find(struct rudp_engine *engine, const struct rudp_addr *local,
			       bool v6only);
/*
 * One of this engine's that a datagram to this address reaches, where that is of the loopback device:
 * by the time that it is sent it has come. NULL: none, or somewhere else (udp_own.c).
 */
struct rudp_udp *rudp_udp_own_at(struct rudp_engine *engine, const struct rudp_addr *to);
/* Any of this engine's has this port. */
bool rudp_udp_has_port(struct rudp_engine *engine, uint16_t port);
/* Lets another socket of this engine share the port of those that have it. */
void rudp_udp_share_port(struct rudp_engine *engine, uint16_t port);

/* epoll says so (udp_receive.c, udp_send.c). */
void rudp_udp_on_event(struct rudp_engine *engine, struct rudp_udp *udp, uint32_t events);
/* Takes a batch; true: there may be more. */
bool rudp_udp_receive(struct rudp_engine *engine, struct rudp_udp *udp);
/* Takes what the error queue holds and tells the connections concerned. */
void rudp_udp_receive_errors(struct rudp_engine *engine, struct rudp_udp *udp);

/* Sends the train, or holds it until there is room, or loses it (which the protocol mends). */
void rudp_udp_send(struct rudp_engine *engine, struct rudp_udp *udp,
		   const struct rudp_train *train);
void rudp_udp_send_pending(struct rudp_engine *engine, struct rudp_udp *udp);

/* The address as a socket of this family wants it; returns its length. */
socklen_t rudp_udp_address_for(sa_family_t family, const struct rudp_addr *addr,
			       struct sockaddr_in6 *out);

#endif
