/* SPDX-License-Identifier: MIT */
/*
 * tcp_private - shared by the files of tcp: tcp.c (life, events), tcp_connect.c (outgoing
 * connections), tcp_stream.c (bytes), tcp_figures.c (options and statistics).
 */
#ifndef RUDP_ENGINE_TCP_PRIVATE_H
#define RUDP_ENGINE_TCP_PRIVATE_H

#include "engine/carrier/tcp.h"

/* Takes over fd and watches it. NULL: no memory. */
struct rudp_tcp *rudp_tcp_new(struct rudp_engine *engine, uint64_t app_id, int fd);
/* Sets the options that every relayed socket has. */
void rudp_tcp_prepare(int fd);
/* Marks the connection for rudp_tcp_flush_all(). */
void rudp_tcp_set_dirty(struct rudp_engine *engine, struct rudp_tcp *tcp);

/* Updates the memory budget after the size of the rings may have changed. */
void rudp_tcp_charge(struct rudp_tcp *tcp);
/* Reads as much as there is and as the ring can take. */
void rudp_tcp_fill(struct rudp_tcp *tcp);
/* Writes what the socket takes, then the FIN if it is wanted. */
void rudp_tcp_flush(struct rudp_tcp *tcp);
/*
 * Ends the connection with an errno: rudp_tcp_fail() at once, rudp_tcp_fail_after_reading() when
 * all received bytes have been read.
 */
void rudp_tcp_fail(struct rudp_tcp *tcp, int error);
void rudp_tcp_fail_after_reading(struct rudp_tcp *tcp, int error);

#endif
