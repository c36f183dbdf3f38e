/* SPDX-License-Identifier: MIT */
/*
 * carrier - what carries a program's connection: rudp or a kernel TCP connection.
 *
 * app_side moves bytes between the program's socket and the carrier, and does not know which it is.
 * While a connection attempt races, there may be both, and the first to be established carries.
 * Only race.c tells them apart. The functions mean the same as those of proto/conn/conn.h.
 */
#ifndef RUDP_ENGINE_CARRIER_H
#define RUDP_ENGINE_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "engine/loop/engine.h"
#include "proto/conn/conn.h"

struct rudp_tcp;

struct rudp_carrier {
	struct rudp_conn *conn; /* NULL: none; the protocol frees it after rudp_conn_close() */
	struct rudp_tcp *tcp;
	bool by_tcp; /* tcp carries; conn, if any, only waits for late answers */
};

size_t rudp_carrier_send_room(const struct rudp_carrier *carrier);
/* There is no room, and as far as is known it is the peer's program that does not read. */
bool rudp_carrier_waits_for_reader(const struct rudp_carrier *carrier);
/*
 * The program has closed, and not all that it wrote is sent: a peer that does not read is given up
 * after RUDP_ORPHAN_NS.
 */
void rudp_carrier_orphan(struct rudp_engine *engine, struct rudp_carrier *carrier);
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
void rudp_carrier_shutdown_receive(struct rudp_carrier *carrier);
/* Data has arrived, and there is no memory for it. */
bool rudp_carrier_is_starved(const struct rudp_carrier *carrier);
/* Drops received data after rudp_carrier_shutdown_receive(). true: there is more. */
bool rudp_carrier_discard(struct rudp_carrier *carrier);

/* The errno with which the connection has ended, or 0. Data received before may still be read. */
int rudp_carrier_error(const struct rudp_carrier *carrier);
/* Gives the carrier up; the peer gets a reset at once. */
void rudp_carrier_reset(struct rudp_engine *engine, struct rudp_carrier *carrier);
/*
 * Gives the carrier up. What was written is delivered, then the peer gets a FIN. With left_unread
 * (the program left delivered bytes unread) it gets a reset instead of the FIN.
 */
void rudp_carrier_close(struct rudp_engine *engine, struct rudp_carrier *carrier, bool left_unread);

void rudp_carrier_stats(const struct rudp_carrier *carrier, struct rudp_conn_stats *stats);

#endif
