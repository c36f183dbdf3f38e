/* SPDX-License-Identifier: MIT */
/*
 * observer - the interface for traces of what connections do.
 *
 * The protocol reports facts as they happen. The observer adds the time and decides what to record.
 * Without an observer nothing is collected; the cost is one branch per packet.
 *
 * An observer may call every function of conn.h that takes a const connection, but nothing that
 * changes the connection.
 * Threads  the endpoint's thread.
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
	RUDP_FACT_STATE, /* a state change; the first fact of a connection is one from CLOSED */
	RUDP_FACT_PACKET_SENT,
	/* authenticated and not a duplicate; reported before its effects */
	RUDP_FACT_PACKET_RECEIVED,
	RUDP_FACT_PACKET_DROPPED,
	RUDP_FACT_PACKET_LOST, /* declared lost */
	RUDP_FACT_PROBE_TIMEOUT,
	RUDP_FACT_METRICS, /* the result of rudp_conn_stats may have changed */
	RUDP_FACT_KEYS_UPDATED,
	RUDP_FACT_MOVED, /* the peer's address has changed */
	RUDP_FACT_GONE,  /* the last fact: the connection is freed after the call */
};

struct rudp_fact_packet {
	enum rudp_packet_type type; /* SYN, SYNACK or DATA */
	uint64_t number;
	size_t size_bytes; /* UDP payload */
	/*
	 * DATA: the frames, in the format of frame.h. A sent packet's STREAM frame, which comes
	 * last, is not included but described below.
	 */
	const uint8_t *frames;
	size_t frames_bytes;
	bool has_stream, fin; /* sent packet: about its STREAM frame */
	uint64_t stream_start;
	size_t stream_bytes;
	size_t padding_bytes; /* sent packet: padding after the frames */
};

struct rudp_fact {
	enum rudp_fact_kind kind;
	union {
		struct {
			enum rudp_state from, to;
		} state;
		struct rudp_fact_packet packet; /* SENT, RECEIVED */
		struct {
			enum rudp_verdict verdict;
			size_t size_bytes;
		} dropped;
		struct {
			uint64_t number;
			size_t size_bytes;
			bool by_count; /* by the packet threshold; else by the time threshold */
		} lost;
		struct {
			const struct rudp_addr *local, *remote;
		} moved;
	};
};

/* Part of the endpoint's configuration. It remains the property of the endpoint's owner. */
struct rudp_observer {
	void *context;
	void (*on_fact)(void *context, struct rudp_conn *conn, const struct rudp_fact *fact);
};

/* A pointer for the observer's own use; NULL at first. */
void *rudp_conn_trace(const struct rudp_conn *conn);
void rudp_conn_set_trace(struct rudp_conn *conn, void *trace);

#endif
