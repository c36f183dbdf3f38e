/* SPDX-License-Identifier: MIT */
/*
 * conn_known - a connection and what its endpoint knows of paths (known_paths.h): it presumes a window
 * in place of looking for it, looks beside those that start to the same host (startup_group.h), and
 * tells what it has measured. The others say what has happened; only conn_known.c writes what follows.
 *
 * Start    nothing may be presumed before there is a round trip, or trust (may_start); then once, when
 *          more is due than the first window lets leave (on_due), unless something was lost before.
 * Source   docs/protocol.md section 11.1.
 */
#ifndef RUDP_PROTO_CONN_KNOWN_H
#define RUDP_PROTO_CONN_KNOWN_H

#include "proto/cc/startup_group.h"
#include "proto/conn/conn.h"

struct rudp_conn_known {
	bool is_to_start;             /* it has not had more to say than its first window lets leave */
	bool may_jump;                /* nothing has been lost, and nothing asked of known_paths */
	bool noted_busy;              /* known_paths was last told that it goes on, */
	int64_t noted_at_ns;          /* and when that was, */
	uint64_t noted_bytes;         /* what was delivered by then, */
	uint64_t noted_answered, noted_lost; /* and how many packets */
	/* to its host; NULL: it does not look for its rate now */
	struct rudp_startup_group *startup_group;
	uint64_t jump_bytes;          /* what was presumed; 0: nothing */
	int64_t presumed_rtt_ns;      /* likewise, until one has been measured; 0: not so */
};

void rudp_conn_known_init(struct rudp_conn *conn, int64_t now_at_ns);
/* There is its first round trip, or it may send without: what is known may serve from here on. */
void rudp_conn_known_may_start(struct rudp_conn *conn);
/* A train is about to be made: what is due may be more than the window lets leave. */
void rudp_conn_known_on_due(struct rudp_conn *conn, int64_t now_at_ns);
/* An ACK has been taken; packets were lost; all that was written has been acknowledged. */
void rudp_conn_known_on_ack(struct rudp_conn *conn, bool has_rtt, int64_t now_at_ns);
void rudp_conn_known_on_lost(struct rudp_conn *conn);
void rudp_conn_known_on_sent_all(struct rudp_conn *conn, int64_t now_at_ns);
/* It goes another way, of which there is no round trip yet. */
void rudp_conn_known_on_path_left(struct rudp_conn *conn);
/* It starts no more, or not there. */
void rudp_conn_known_leave(struct rudp_conn *conn);

#endif
