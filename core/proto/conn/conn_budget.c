/* SPDX-License-Identifier: MIT */
/* The memory of a connection, which counts in the endpoint's budget: stream/budget.h. */
#include "base/min_max.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

uint64_t rudp_conn_buffer_bytes(const struct rudp_conn *conn)
{
	const struct rudp_sendbuf *out = &conn->sendbuf;
	const struct rudp_recvbuf *in = &conn->recvbuf;
	uint64_t ranges = (uint64_t)out->lost.capacity + out->acked.capacity +
			  in->pending.capacity + conn->acks.received.capacity;

	return out->ring.capacity_bytes + in->ring.capacity_bytes + conn->fec_store.bytes +
	       conn->reliability.capacity * (uint64_t)sizeof(struct rudp_sent) +
	       ranges * sizeof(struct rudp_range);
}

void rudp_conn_charge(struct rudp_conn *conn)
{
	uint64_t bytes = rudp_conn_buffer_bytes(conn);

	conn->ep->budget.used_bytes += bytes - conn->charged_bytes;
	conn->charged_bytes = bytes;
}

void rudp_conn_uncharge(struct rudp_conn *conn)
{
	conn->ep->budget.used_bytes -= conn->charged_bytes;
	conn->charged_bytes = 0;
}

/* The program's limit if it has set one. */
static uint64_t limit_of(uint64_t asked_bytes, uint64_t max_bytes)
{
	if (asked_bytes == 0)
		return max_bytes;
	return rudp_min(max_bytes, asked_bytes > RUDP_BUFFER_LEAST_BYTES ? asked_bytes
									 : RUDP_BUFFER_LEAST_BYTES);
}

void rudp_conn_limit_buffers(struct rudp_conn *conn)
{
	uint64_t max_bytes = conn->ep->config.receive_buffer_max_bytes;

	if (conn->is_same_host && conn->recvbuf.ring.head < RUDP_SAME_HOST_BULK_BYTES)
		max_bytes = rudp_min(max_bytes, RUDP_SAME_HOST_WINDOW_BYTES);
	rudp_recvbuf_limit(&conn->recvbuf, limit_of(conn->options.receive_max_bytes, max_bytes));
}

/* The peer has received all that its window allows, so its program does not read. */
static bool is_peer_full(const struct rudp_conn *conn)
{
	return conn->sendbuf.ring.head > 0 && conn->sendbuf.ring.head >= conn->peer_window_end;
}

bool rudp_conn_waits_for_reader(const struct rudp_conn *conn)
{
	return is_peer_full(conn) && conn->reliability.bytes_in_flight == 0;
}

/*
 * The bytes that the peer has already, but behind a lost packet. A packet that is lost several
 * times holds them for as many round trips, and meanwhile the program must be able to write more.
 */
static uint64_t held_bytes(const struct rudp_conn *conn)
{
	uint64_t busy = rudp_sendbuf_unsent(&conn->sendbuf) + conn->reliability.bytes_in_flight;
	uint64_t used = rudp_ring_used(&conn->sendbuf.ring);

	return used > busy ? used - busy : 0;
}

/*
 * The send buffer holds what can be sent soon. If the peer's program does not read, a larger buffer
 * only lets the writer write more before it blocks. Some bytes stay in the buffer, so that BLOCKED
 * is sent.
 */
static uint64_t wanted_bytes(const struct rudp_conn *conn)
{
	uint64_t wanted = limit_of(conn->options.send_max_bytes, conn->send_limit_bytes);

	if (is_peer_full(conn))
		return rudp_min(wanted, RUDP_SEND_LIMIT_FULL_BYTES);
	if (conn->options.send_max_bytes > 0)
		return wanted;
	return rudp_min(wanted + held_bytes(conn), conn->ep->config.send_buffer_max_bytes);
}

size_t rudp_conn_send_allowance_bytes(const struct rudp_conn *conn)
{
	const struct rudp_budget *budget = &conn->ep->budget;
	const struct rudp_ring *ring = &conn->sendbuf.ring;
	size_t wanted = (size_t)wanted_bytes(conn);
	size_t held = ring->capacity_bytes > RUDP_BUDGET_FLOOR_BYTES ? ring->capacity_bytes
								     : RUDP_BUDGET_FLOOR_BYTES;

	if (wanted <= held || (!rudp_budget_is_scarce(budget) &&
			       rudp_budget_allows(budget, ring, ring->head + wanted)))
		return wanted;
	return held;
}
