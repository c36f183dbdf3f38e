/* SPDX-License-Identifier: MIT */
/*
 * carrier - what carries a program's connection: the protocol, or a kernel TCP connection.
 *
 * app_side moves bytes between the program's socket and this, and does not know which it is. While a
 * connection attempt races there may be both; the first to be established carries, and only
 * race.c looks at them apart. The verbs mean what those of proto/conn/conn.h mean.
 */
#ifndef RUDP_ENGINE_CARRIER_H
#define RUDP_ENGINE_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "engine/loop/engine.h"
#include "proto/conn/conn.h"

struct rudp_tcp;

struct rudp_carrier {
	struct rudp_conn *conn;  /* ours until rudp_conn_close */
	struct rudp_tcp *tcp;
	bool by_tcp;             /* that carries, and conn, if any, is just being listened for */
};

size_t rudp_carrier_send_room(const struct rudp_carrier *carrier);
int rudp_carrier_send_reserve(struct rudp_carrier *carrier, size_t want, struct iovec iov[2]);
void rudp_carrier_send_commit(struct rudp_engine *engine, struct rudp_carrier *carrier, size_t n);
void rudp_carrier_mark_urgent(struct rudp_engine *engine, struct rudp_carrier *carrier);
void rudp_carrier_shutdown_send(struct rudp_engine *engine, struct rudp_carrier *carrier);

int rudp_carrier_receive_readable(struct rudp_carrier *carrier, struct iovec iov[2]);
size_t rudp_carrier_receive_available(const struct rudp_carrier *carrier);
void rudp_carrier_receive_consume(struct rudp_engine *engine, struct rudp_carrier *carrier,
				  size_t n);
size_t rudp_carrier_urgent_ahead(const struct rudp_carrier *carrier);
bool rudp_carrier_receive_eof(const struct rudp_carrier *carrier);
void rudp_carrier_shutdown_receive(struct rudp_engine *engine, struct rudp_carrier *carrier);
/* Something has come, and there is no memory for it. */
bool rudp_carrier_is_starved(const struct rudp_carrier *carrier);
/* Drops what has come since then; nothing before it. true: more is there. */
bool rudp_carrier_discard(struct rudp_carrier *carrier);

/* errno with which the connection is over, else 0. What came before may still be read. */
int rudp_carrier_error(const struct rudp_carrier *carrier);
/* Gives the carrier up: the peer gets a reset at once. */
void rudp_carrier_reset(struct rudp_engine *engine, struct rudp_carrier *carrier);
/*
 * Gives it up: what was written is delivered, and the peer gets an end behind it; if the program
 * left_unread what it had been given, a reset.
 */
void rudp_carrier_close(struct rudp_engine *engine, struct rudp_carrier *carrier, bool left_unread);

void rudp_carrier_stats(const struct rudp_carrier *carrier, struct rudp_conn_stats *stats);

#endif
