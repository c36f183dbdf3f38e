/* SPDX-License-Identifier: MIT */
/*
 * tcp - one kernel TCP connection that the engine relays for a program.
 *
 * Its face to app_side is that of a protocol connection (carrier.h): two rings, facts, an errno. Bytes
 * move in both directions with half close, resets and the urgent byte as they were.
 *
 * Life     connecting -> established -> (both ends said) closed. After rudp_tcp_close it is an orphan:
 *          what is still in the ring is written, then the kernel takes over.
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

/* Each direction, besides the kernel's own buffers; less where memory is scarce
 * (proto/stream/budget.h). */
#define RUDP_TCP_RING_BYTES (256u << 10)

struct rudp_tcp {
	uint64_t id;
	uint64_t app_id;              /* 0: orphan */
	int fd;
	bool shared;                  /* fd is a duplicate of what a binding has */
	bool connecting;
	bool may_read, may_write;     /* an edge has been seen and not been used up */
	bool fin_wanted, fin_sent;
	bool peer_fin;
	bool resets;                  /* its close is a reset */
	bool discarding;              /* what comes is dropped (SHUT_RD) */
	int lost;                     /* errno that the kernel says once; received bytes come first */
	int error;                    /* the connection is over, and nothing more can be read */
	uint64_t urgent_out, urgent_in; /* ring offset one past the urgent byte; 0: none */
	struct rudp_ring out, in;
	struct rudp_endpoint *ep;     /* whose budget the rings have part in */
	size_t charged_bytes;
	struct rudp_list dirty_link;  /* in engine->tcp_dirty: has bytes to write */
};

struct rudp_sock_options;

/* Where a connection goes out from, and what the program wants of it. */
struct rudp_tcp_from {
	int bound_fd;                  /* stays the caller's, a duplicate is used; -1: none */
	const struct rudp_addr *local; /* what bound_fd is bound to; without: wanted, port 0: any */
	const struct rudp_stored_options *stored; /* NULL: no options */
	const struct rudp_sock_options *options; /* likewise */
};

/* Returns 0 and *out, or -errno of connect(2) where that is known at once. */
int rudp_tcp_connect(struct rudp_engine *engine, uint64_t app_id, const struct rudp_tcp_from *from,
		     const struct rudp_addr *remote, struct rudp_tcp **out);
/* It is established: the binding has given its descriptor up. */
void rudp_tcp_own(struct rudp_tcp *tcp);
/* Takes over an accepted socket; NULL: no memory (fd stays the caller's). */
struct rudp_tcp *rudp_tcp_adopt(struct rudp_engine *engine, uint64_t app_id, int fd);
struct rudp_tcp *rudp_tcp_find(struct rudp_engine *engine, uint64_t id);

/*
 * Sets on a kernel TCP socket what the program has set on its own: of the stored options, which may
 * hold anything, what is harmless in the hands of an engine with more rights; device and mark from
 * options, where the mark has been checked. Both may be NULL.
 */
void rudp_tcp_put_options(int fd, const struct rudp_stored_options *stored,
			  const struct rudp_sock_options *options);

/* At the engine's end: those that still live are given to the kernel as they are. */
void rudp_tcp_close_all(struct rudp_engine *engine);

void rudp_tcp_on_event(struct rudp_engine *engine, struct rudp_tcp *tcp, uint32_t events);
/* Writes what all dirty ones hold. */
void rudp_tcp_flush_all(struct rudp_engine *engine);

/* The verbs of a carrier; as those of proto/conn/conn.h. */
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
/* Something is there to be read, and no memory for it. */
bool rudp_tcp_is_starved(const struct rudp_tcp *tcp);
/* Drops what has come since then; nothing before it. true: more is there. */
bool rudp_tcp_discard(struct rudp_tcp *tcp);
void rudp_tcp_reset(struct rudp_engine *engine, struct rudp_tcp *tcp);
void rudp_tcp_close(struct rudp_engine *engine, struct rudp_tcp *tcp);
/*
 * One option that a program has set on its own end since, for the kernel's socket fd: 0 or -errno. What
 * does not concern the wire is taken and not done.
 */
int rudp_tcp_set(int fd, int level, int option, const void *value, size_t len);
/*
 * TCP_CONGESTION of the kernel's socket fd: 0 or -errno. is_limited: of a program without CAP_NET_ADMIN,
 * which can have the algorithms of net.ipv4.tcp_allowed_congestion_control alone (tcp(7)).
 */
int rudp_tcp_set_congestion(int fd, const void *name, size_t size, bool is_limited);
/* Bytes that the peer has not acknowledged; those of them not sent yet. */
uint64_t rudp_tcp_unacked(const struct rudp_tcp *tcp, uint64_t *unsent);
void rudp_tcp_stats(const struct rudp_tcp *tcp, struct rudp_conn_stats *stats);
void rudp_tcp_congestion(const struct rudp_tcp *tcp, char name[RUDP_CONGESTION_BYTES]);

#endif
