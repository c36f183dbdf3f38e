/* SPDX-License-Identifier: MIT */
/*
 * tcp - one kernel TCP connection that the engine relays for a program.
 *
 * For app_side it has the same interface as a connection of the protocol (carrier.h): two rings,
 * state, an errno. It relays bytes in both directions and preserves half-close, resets and the
 * urgent byte.
 *
 * Life     connecting -> established -> (both directions ended) closed. After rudp_tcp_close() it
 * is an orphan: the rest of its ring is written, then the kernel takes over. The kernel's limit for
 * sockets without a program does not apply before that, so it gets another one (rudp_tcp_orphan).
 */
#ifndef RUDP_ENGINE_TCP_H
#define RUDP_ENGINE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/mark.h"
#include "base/addr.h"
#include "base/list.h"
#include "base/ring.h"
#include "engine/loop/engine.h"
#include "proto/conn/conn.h"

/* In each direction, besides the kernel's buffers; less if memory is scarce
 * (proto/stream/budget.h). */
#define RUDP_TCP_RING_BYTES (256u << 10)

struct rudp_tcp {
	uint64_t id;
	uint64_t app_id; /* 0: orphan */
	int fd;
	bool shared; /* fd is a duplicate of a binding's descriptor */
	bool connecting;
	bool may_read, may_write; /* epoll reported an edge, and no EAGAIN since then */
	bool fin_wanted, fin_sent;
	bool peer_fin;
	bool reset_on_close; /* closing it sends a reset */
	bool has_orphan_limit;
	bool discarding;    /* received bytes are dropped (SHUT_RD) */
	int deferred_error; /* errno that the kernel reports once; received bytes come first */
	int error;          /* the connection is over and all bytes have been read */
	uint64_t urgent_out, urgent_in; /* ring offset one past the urgent byte; 0: none */
	struct rudp_ring out, in;
	struct rudp_endpoint *ep; /* the rings count against its memory budget */
	size_t charged_bytes;
	struct rudp_list dirty_link; /* in engine->tcp_dirty: has bytes to write */
};

struct rudp_sock_options;

/* Source of an outgoing connection, and its options. */
struct rudp_tcp_from {
	int bound_fd;                  /* remains the caller's, a duplicate is used; -1: none */
	const struct rudp_addr *local; /* bound_fd's address; else the wanted one, port 0: any */
	const struct rudp_stored_options *stored; /* NULL: no options */
	const struct rudp_sock_options *options;  /* NULL: no options */
};

/* Returns 0 and *out, or the -errno of connect(2) if it fails at once. */
int rudp_tcp_connect(struct rudp_engine *engine, uint64_t app_id, const struct rudp_tcp_from *from,
		     const struct rudp_addr *remote, struct rudp_tcp **out);
/* The connection is established and the binding has closed its descriptor. */
void rudp_tcp_own(struct rudp_tcp *tcp);
/* Takes over an accepted socket. Returns NULL if there is no memory; fd is then still the
 * caller's. */
struct rudp_tcp *rudp_tcp_adopt(struct rudp_engine *engine, uint64_t app_id, int fd);

/*
 * Sets on a kernel TCP socket the options that the program has set on its own socket. The stored
 * options may contain anything, so only those are set that do no harm with the engine's greater
 * rights. Device and mark come from options; the right to set the mark has been checked. Both may
 * be NULL.
 */
void rudp_tcp_put_options(int fd, const struct rudp_stored_options *stored,
			  const struct rudp_sock_options *options);

/* To be called at the engine's end: leaves open connections to the kernel. */
void rudp_tcp_close_all(struct rudp_engine *engine);

void rudp_tcp_on_event(struct rudp_engine *engine, struct rudp_tcp *tcp, uint32_t events);
/* Writes what is in the rings of all dirty connections. */
void rudp_tcp_flush_all(struct rudp_engine *engine);

/* The operations of a carrier, as in proto/conn/conn.h. */
size_t rudp_tcp_send_room(const struct rudp_tcp *tcp);
int rudp_tcp_send_reserve(struct rudp_tcp *tcp, size_t want, struct iovec iov[2]);
void rudp_tcp_send_commit(struct rudp_engine *engine, struct rudp_tcp *tcp, size_t n);
void rudp_tcp_mark_urgent(struct rudp_engine *engine, struct rudp_tcp *tcp);
int rudp_tcp_receive_readable(struct rudp_tcp *tcp, struct iovec iov[2]);
size_t rudp_tcp_receive_available(const struct rudp_tcp *tcp);
void rudp_tcp_receive_consume(struct rudp_tcp *tcp, size_t n);
size_t rudp_tcp_urgent_ahead(const struct rudp_tcp *tcp);
bool rudp_tcp_receive_eof(const struct rudp_tcp *tcp);
void rudp_tcp_shutdown_send(struct rudp_engine *engine, struct rudp_tcp *tcp);
void rudp_tcp_shutdown_receive(struct rudp_tcp *tcp);
/* There are bytes to read, but no memory for them. */
bool rudp_tcp_is_starved(const struct rudp_tcp *tcp);
/* Drops bytes received after rudp_tcp_shutdown_receive(). true: more is waiting. */
bool rudp_tcp_discard(struct rudp_tcp *tcp);
void rudp_tcp_reset(struct rudp_engine *engine, struct rudp_tcp *tcp);
/* Limits how long the kernel waits for a peer that does not read: RUDP_ORPHAN_NS. */
void rudp_tcp_orphan(struct rudp_tcp *tcp);
void rudp_tcp_close(struct rudp_engine *engine, struct rudp_tcp *tcp);
/*
 * Sets one option that the program has set on its own end, on the kernel socket fd. Returns 0 or
 * -errno. Options that do not affect the network are accepted and ignored.
 */
int rudp_tcp_set(int fd, int level, int option, const void *value, size_t len);
/*
 * Sets TCP_CONGESTION on the kernel socket fd. Returns 0 or -errno. is_limited: the program lacks
 * CAP_NET_ADMIN, so only the algorithms of net.ipv4.tcp_allowed_congestion_control are permitted
 * (tcp(7)).
 */
int rudp_tcp_set_congestion(int fd, const void *name, size_t size, bool is_limited);
/* Bytes that the peer has not acknowledged; *unsent: how many of them have not been sent. */
uint64_t rudp_tcp_unacked(const struct rudp_tcp *tcp, uint64_t *unsent);
void rudp_tcp_stats(const struct rudp_tcp *tcp, struct rudp_conn_stats *stats);
void rudp_tcp_congestion(const struct rudp_tcp *tcp, char name[RUDP_CONGESTION_BYTES]);

#endif
