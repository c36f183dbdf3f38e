/* SPDX-License-Identifier: MIT */
/*
 * observer - somebody who wants to know what connections do, and writes it down: a trace.
 *
 * The protocol names facts as they happen; what to make of them, when it is and where it goes is the
 * observer's affair. Without one nothing is gathered: one branch a packet is all the cost.
 *
 * An observer must not call anything that changes the connection; everything const in conn.h it may.
 * Threads  that of the endpoint.
 */
#ifndef RUDP_PROTO_OBSERVER_H
#define RUDP_PROTO_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/conn/conn.h"
#include "proto/wire/packet.h"
#include "proto/wire/verdict.h"

enum rudp_fact_kind {
	RUDP_FACT_STATE,           /* first of all for a new one: from CLOSED */
	RUDP_FACT_PACKET_SENT,
	RUDP_FACT_PACKET_RECEIVED, /* authentic and new; before what it brings about */
	RUDP_FACT_PACKET_DROPPED,
	RUDP_FACT_PACKET_LOST,     /* declared lost */
	RUDP_FACT_PROBE_TIMEOUT,
	RUDP_FACT_METRICS,         /* what rudp_conn_stats says may have changed */
	RUDP_FACT_KEYS_UPDATED,
	RUDP_FACT_MOVED,           /* to another address of the peer */
	RUDP_FACT_GONE,            /* last of all: freed when the observer returns */
};

struct rudp_fact_packet {
	enum rudp_packet_type type;  /* SYN, SYNACK or DATA */
	uint64_t number;
	size_t size_bytes;           /* UDP payload */
	/* DATA: as frame.h reads them. Of one sent without the STREAM frame, which comes last. */
	const uint8_t *frames;
	size_t frames_bytes;
	bool has_stream, fin;        /* of one sent: that frame */
	uint64_t stream_start;
	size_t stream_bytes;
	size_t padding_bytes;        /* of one sent: behind the frames */
};

struct rudp_fact {
	enum rudp_fact_kind kind;
	union {
		struct {
			enum rudp_state from, to;
		} state;
		struct rudp_fact_packet packet;  /* SENT, RECEIVED */
		struct {
			enum rudp_verdict verdict;
			size_t size_bytes;
		} dropped;
		struct {
			uint64_t number;
			size_t size_bytes;
			bool by_count;           /* enough later ones were answered; else too old */
		} lost;
		struct {
			const struct rudp_addr *local, *remote;
		} moved;
	};
};

/* What the endpoint's owner gives in its configuration; it stays his. */
struct rudp_observer {
	void *context;
	void (*on_fact)(void *context, struct rudp_conn *conn, const struct rudp_fact *fact);
};

/* The observer's own pointer, NULL at first. */
void *rudp_conn_trace(const struct rudp_conn *conn);
void rudp_conn_set_trace(struct rudp_conn *conn, void *trace);

#endif
