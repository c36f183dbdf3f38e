/* SPDX-License-Identifier: MIT */
/*
 * conn_known - uses what the endpoint knows of paths (host_cache.h) to start a connection faster.
 *
 * The connection starts with a known window instead of searching for it. It shares start-up with
 * other connections to the same host, and it records what it measures. The other
 * modules report events; only conn_known.c decides what follows.
 *
 * Start    known values may be used after the first RTT sample, or earlier if the peer's address is
 *          trusted (may_start). They are used once, when more data is due than the first window
 *          allows (on_due), unless a packet was lost before.
 * Source   docs/protocol.md section 11.1.
 */
#ifndef RUDP_PROTO_CONN_KNOWN_H
#define RUDP_PROTO_CONN_KNOWN_H

#include "proto/cc/host_cache.h"
#include "proto/conn/conn.h"

struct rudp_conn_known {
	bool is_to_start;     /* it never had more to send than its first window allows */
	bool may_jump;        /* nothing was lost yet, and host_cache was not asked yet */
	bool noted_busy;      /* the last note to host_cache was BUSY; */
	int64_t noted_at_ns;  /* when that note was made, */
	uint64_t noted_bytes; /* the bytes delivered by then, */
	uint64_t noted_answered, noted_lost; /* and the packets acknowledged and lost */
	struct rudp_host *startup_host;      /* NULL: the connection is not in start-up */
	uint64_t jump_bytes;                 /* window taken from host_cache; 0: none */
	int64_t presumed_rtt_ns; /* RTT taken from there until one is measured; 0: none */
};

/*
 * The first RTT is measured, or the connection may send without one: known values may be used from
 * now on.
 */
void rudp_conn_known_may_start(struct rudp_conn *conn);
/* A train will be built: checks whether more data is due than the window allows. */
void rudp_conn_known_on_due(struct rudp_conn *conn, int64_t now_at_ns);
/* An ACK was processed; packets were lost; all written bytes were acknowledged. */
void rudp_conn_known_on_ack(struct rudp_conn *conn, bool has_rtt, int64_t now_at_ns);
void rudp_conn_known_on_lost(struct rudp_conn *conn);
void rudp_conn_known_on_sent_all(struct rudp_conn *conn, int64_t now_at_ns);
/* The connection changes to another path, whose RTT is unknown. */
void rudp_conn_known_on_path_left(struct rudp_conn *conn);
/* Start-up is over, or the path has changed: no longer shares start-up. */
void rudp_conn_known_leave(struct rudp_conn *conn);

#endif
