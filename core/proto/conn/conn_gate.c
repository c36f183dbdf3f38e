/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_gate.h"

#include "proto/conn/endpoint_private.h"

#define PROBE_RECORDS 4096

bool rudp_conn_has_data_due(const struct rudp_conn *conn)
{
	return rudp_conn_may_send(conn) &&
	       rudp_sendbuf_has_due(&conn->sendbuf, conn->peer_window_end);
}

/*
 * RFC 9002 section 7.7: an initial window may leave in a burst. A rate that was measured on traffic as
 * sparse as this is the application's, not the path's; pacing by it would only delay the next word.
 * Who has more to say than that is paced from the first byte on.
 */
bool rudp_conn_is_sparse(const struct rudp_conn *conn)
{
	uint64_t window = rudp_cc_initial_window_bytes(conn->path.datagram_bytes);

	return conn->reliability.app_limited_until > 0 &&
	       conn->options.pacing_bytes_per_s_max == 0 &&
	       conn->reliability.bytes_in_flight + conn->path.datagram_bytes <= window &&
	       conn->reliability.bytes_in_flight + rudp_sendbuf_unsent(&conn->sendbuf) <= window;
}

/* No other full packet may be in flight. */
static bool is_window_full(const struct rudp_conn *conn)
{
	return conn->reliability.bytes_in_flight + conn->path.datagram_bytes > conn->cc.cwnd_bytes;
}

/*
 * A peer that asks and asks, and answers nothing, has a record made for each of our answers. Where
 * memory is scarce it has to go without them.
 */
static bool may_grow(const struct rudp_conn *conn)
{
	uint32_t capacity = conn->reliability.capacity;

	return capacity < RUDP_SENT_RECORDS_MAX &&
	       (capacity < 2 * RUDP_BUDGET_RECORDS_FLOOR || conn->probes_due > 0 ||
		!rudp_budget_is_scarce(&conn->ep->budget));
}

/*
 * The last records are for probes: without them nothing could find out that all the rest is lost. Where
 * memory is scarce half of those that are there will do, so that there are no more soon.
 */
static bool is_short_of_records(const struct rudp_conn *conn)
{
	const struct rudp_reliability *r = &conn->reliability;
	uint32_t most = RUDP_SENT_RECORDS_MAX - PROBE_RECORDS;

	if (rudp_budget_is_scarce(&conn->ep->budget))
		most = r->capacity / 2 > RUDP_BUDGET_RECORDS_FLOOR ? r->capacity / 2
								   : RUDP_BUDGET_RECORDS_FLOOR;
	return r->outstanding >= most || (rudp_reliability_is_full(r) && !may_grow(conn));
}

bool rudp_conn_may_record(struct rudp_conn *conn)
{
	return may_grow(conn) ? rudp_reliability_can_send(&conn->reliability)
			      : rudp_reliability_has_room(&conn->reliability);
}

/* For whatever is due. */
static enum rudp_gate gate(const struct rudp_conn *conn, uint64_t pacer_bytes)
{
	if (is_short_of_records(conn))
		return RUDP_GATE_RECORDS;
	if (is_window_full(conn))
		return RUDP_GATE_WINDOW;
	return pacer_bytes > 0 || rudp_conn_is_sparse(conn) ? RUDP_GATE_OPEN : RUDP_GATE_PACER;
}

enum rudp_gate rudp_conn_gate_of_data(const struct rudp_conn *conn, uint64_t pacer_bytes)
{
	return rudp_conn_has_data_due(conn) ? gate(conn, pacer_bytes) : RUDP_GATE_NOTHING;
}

enum rudp_gate rudp_conn_gate_of_sums(const struct rudp_conn *conn, uint64_t pacer_bytes)
{
	return rudp_conn_fec_is_due(conn) ? gate(conn, pacer_bytes) : RUDP_GATE_NOTHING;
}

int64_t rudp_conn_gate_at_ns(const struct rudp_conn *conn)
{
	enum rudp_gate next = rudp_conn_gate_of_data(conn, 0);

	if (next == RUDP_GATE_NOTHING)
		next = rudp_conn_gate_of_sums(conn, 0);
	switch (next) {
	case RUDP_GATE_OPEN:
		return 0;
	case RUDP_GATE_PACER:
		return rudp_pacer_release_at_ns(&conn->pacer);
	case RUDP_GATE_WINDOW:
	case RUDP_GATE_RECORDS:
	case RUDP_GATE_NOTHING:
		return RUDP_NEVER;
	}
	return RUDP_NEVER;
}
