/* SPDX-License-Identifier: MIT */
/* Reports to the observer. Call nothing here without an observer. */
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

void *rudp_conn_trace(const struct rudp_conn *conn)
{
	return conn->trace;
}

void rudp_conn_set_trace(struct rudp_conn *conn, void *trace)
{
	conn->trace = trace;
}

static void report(struct rudp_conn *conn, const struct rudp_fact *fact)
{
	const struct rudp_observer *observer = conn->ep->config.observer;

	observer->on_fact(observer->context, conn, fact);
}

void rudp_conn_observe_state(struct rudp_conn *conn, enum rudp_state from, enum rudp_state to)
{
	report(conn, &(struct rudp_fact){.kind = RUDP_FACT_STATE, .state = {from, to}});
}

void rudp_conn_observe_packet(struct rudp_conn *conn, enum rudp_fact_kind kind,
			      const struct rudp_fact_packet *packet)
{
	report(conn, &(struct rudp_fact){.kind = kind, .packet = *packet});
}

void rudp_conn_observe_dropped(struct rudp_conn *conn, enum rudp_verdict verdict, size_t size_bytes)
{
	report(conn, &(struct rudp_fact){.kind = RUDP_FACT_PACKET_DROPPED,
					 .dropped = {verdict, size_bytes}});
}

void rudp_conn_observe_lost(struct rudp_conn *conn, uint64_t number, size_t size_bytes)
{
	const struct rudp_reliability *r = &conn->reliability;

	report(conn,
	       &(struct rudp_fact){.kind = RUDP_FACT_PACKET_LOST,
				   .lost = {number, size_bytes,
					    r->largest_answered - number >= r->packet_threshold}});
}

void rudp_conn_observe_move(struct rudp_conn *conn)
{
	report(conn, &(struct rudp_fact){.kind = RUDP_FACT_MOVED,
					 .moved = {&conn->path.local, &conn->path.remote}});
}

void rudp_conn_observe(struct rudp_conn *conn, enum rudp_fact_kind kind)
{
	report(conn, &(struct rudp_fact){.kind = kind});
}
