/* SPDX-License-Identifier: MIT */
/*
 * tcp_private - what the files of tcp share: tcp.c (life, events), tcp_connect.c (going out),
 * tcp_stream.c (bytes), tcp_figures.c (options and statistics).
 */
#ifndef RUDP_ENGINE_TCP_PRIVATE_H
#define RUDP_ENGINE_TCP_PRIVATE_H

#include "engine/carrier/tcp.h"

/* Watches fd, which is its own from then on; NULL: no memory. */
struct rudp_tcp *rudp_tcp_new(struct rudp_engine *engine, uint64_t app_id, int fd);
/* What every relayed socket has set. */
void rudp_tcp_prepare(int fd);
/* It has something to do for rudp_tcp_flush_all. */
void rudp_tcp_set_dirty(struct rudp_engine *engine, struct rudp_tcp *tcp);

/* Its rings may have grown or shrunk: what they hold counts with what all connections hold. */
void rudp_tcp_charge(struct rudp_tcp *tcp);
/* Reads what there is and room for. */
void rudp_tcp_fill(struct rudp_tcp *tcp);
/* Writes what the socket takes, and the end behind it. */
void rudp_tcp_flush(struct rudp_tcp *tcp);
/* Over: at once, or behind all that came before. error: errno. */
void rudp_tcp_fail(struct rudp_tcp *tcp, int error);
void rudp_tcp_lose(struct rudp_tcp *tcp, int error);

#endif
