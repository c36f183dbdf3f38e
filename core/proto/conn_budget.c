/* SPDX-License-Identifier: MIT */
/* What a connection takes of the memory that all connections share: proto/budget.h. */
#include "proto/conn_private.h"
#include "proto/endpoint_private.h"

uint64_t rudp_conn_buffer_bytes(const struct rudp_conn *conn)
{
	const struct rudp_sendbuf *out = &conn->sendbuf;
	const struct rudp_recvbuf *in = &conn->recvbuf;
	uint64_t ranges = (uint64_t)out->lost.capacity + out->acked.capacity + in->pending.capacity +
			  conn->acks.received.capacity;

	return out->ring.capacity_bytes + in->ring.capacity_bytes + conn->repairs.bytes +
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

size_t rudp_conn_send_allowance_bytes(const struct rudp_conn *conn)
{
	const struct rudp_budget *budget = &conn->ep->budget;
	const struct rudp_ring *ring = &conn->sendbuf.ring;
	size_t wanted = (size_t)conn->send_limit_bytes;
	size_t held = ring->capacity_bytes > RUDP_BUDGET_FLOOR_BYTES ? ring->capacity_bytes
								     : RUDP_BUDGET_FLOOR_BYTES;

	if (wanted <= held || (!rudp_budget_is_scarce(budget) &&
			       rudp_budget_allows(budget, ring, ring->head + wanted)))
		return wanted;
	return held;
}
