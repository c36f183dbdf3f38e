/* SPDX-License-Identifier: MIT */
/*
 * conn_ids - ids beside those of the handshake, so that a connection that moves to another network
 * cannot be recognized there: docs/protocol.md section 13.1.
 *
 * Each side sends the other one a spare id, in a SPARE_ID frame. The side that learns of a new path
 * sends to the other side's spare id from then on, and gets another spare id. A spare id has a
 * random offset that is added to the packet numbers in headers.
 *
 * The ids of the handshake, conn->id and conn->peer_id, stay the name of the connection within this
 * host (log, traces, rudp ss, search for its SYN), whichever ids its packets have.
 *
 * Limits    own ids that packets may have: the current one, the spare one, and the previous one for
 *           RUDP_PREVIOUS_ID_PTOS. Of the peer: the current one and the spare one.
 * Threads   none: belongs to one connection.
 */
#ifndef RUDP_PROTO_CONN_IDS_H
#define RUDP_PROTO_CONN_IDS_H

#include "proto/conn/conn_private.h"

/* Most connections end sooner, and cost nothing. */
#define RUDP_SPARE_ID_AFTER_NS (1 * RUDP_NS_PER_S)
#define RUDP_PREVIOUS_ID_PTOS 3 /* for packets that are late */

/* An id from a SPARE_ID frame: of this side, or of the peer and in use. */
struct rudp_other_id {
	struct rudp_conn *conn;
	bool is_listed;  /* the peer's: it is in the table */
	uint64_t number; /* of the frame */
	uint64_t id;
	uint32_t short_id; /* its low 32 bits */
	uint32_t number_offset;
	UT_hash_handle hh; /* own: by short_id; the peer's: by id */
};

/* Made with the first spare id that is sent or received. */
struct rudp_conn_ids {
	/*
	 * Of this side. current NULL: the peer uses the id of the handshake. previous NULL: there
	 * is none, or it is that of the handshake.
	 */
	struct rudp_other_id *current, *spare, *previous;
	struct rudp_other_id *dest;      /* to which packets are sent; NULL: conn->peer_id */
	struct rudp_spare_id peer_spare; /* number 0: the peer has sent none since the last use */
	uint64_t spare_from;             /* the packet number when the spare id was made */
	int64_t forget_at_ns;            /* when the previous id ends */
	bool is_first_over;              /* the id of the handshake is no longer accepted */
	bool is_spare_due;               /* SPARE_ID must be sent, perhaps again */
	bool is_spare_acked;
	uint32_t changes; /* of the id to which packets are sent */
};

/* The id to which packets are sent, and what is added to their numbers. */
static inline uint64_t rudp_conn_dest_id(const struct rudp_conn *conn)
{
	return conn->ids && conn->ids->dest ? conn->ids->dest->id : conn->peer_id;
}

static inline uint32_t rudp_conn_dest_offset(const struct rudp_conn *conn)
{
	return conn->ids && conn->ids->dest ? conn->ids->dest->number_offset : 0;
}

/* Whether the destination id of the packet is one of this side's ids of the connection. */
bool rudp_conn_has_id(const struct rudp_conn *conn, const struct rudp_packet *packet);
/* The offset of the packet numbers in headers with this id, which the connection has. */
uint32_t rudp_conn_number_offset(const struct rudp_conn *conn, const struct rudp_packet *packet);
/*
 * An authentic packet has arrived. True: it is the first one with the spare id, so the peer knows
 * of a new path.
 */
bool rudp_conn_ids_on_packet(struct rudp_conn *conn, const struct rudp_packet *packet,
			     int64_t now_at_ns);
/* The path is new: sends to the peer's spare id from now on, if there is one. */
void rudp_conn_ids_change(struct rudp_conn *conn);

/*
 * A SPARE_ID frame has arrived. Returns OK (also for a repetition, which has no effect), NO_MEMORY,
 * or BAD_SPARE_ID: the last one is not used yet, or numbers are missing.
 */
enum rudp_verdict rudp_conn_on_spare_id(struct rudp_conn *conn, const struct rudp_spare_id *spare);

/* Whether a spare id should be made with the next packet. */
bool rudp_conn_ids_is_wanted(const struct rudp_conn *conn, int64_t now_at_ns);
/* Makes a spare id, to be sent. If there is no memory, a later packet tries it again. */
void rudp_conn_ids_issue(struct rudp_conn *conn);
/* The frame with the spare id, which must exist. */
struct rudp_spare_id rudp_conn_ids_frame(const struct rudp_conn *conn);
/* Whether a SPARE_ID frame must be sent. */
static inline bool rudp_conn_ids_is_due(const struct rudp_conn *conn)
{
	return conn->ids && conn->ids->is_spare_due;
}
/* The packet with this number, which carried a SPARE_ID frame, is acknowledged, or is lost. */
void rudp_conn_ids_on_acked(struct rudp_conn *conn, uint64_t number);
void rudp_conn_ids_on_lost(struct rudp_conn *conn);

/* When the previous id ends; RUDP_NEVER: there is none. */
int64_t rudp_conn_ids_deadline_ns(const struct rudp_conn *conn);
void rudp_conn_ids_on_time(struct rudp_conn *conn, int64_t now_at_ns);

size_t rudp_conn_ids_bytes(const struct rudp_conn *conn);
void rudp_conn_ids_free(struct rudp_conn *conn);

#endif
