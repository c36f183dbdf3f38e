/* SPDX-License-Identifier: MIT */
/* Limits the computation that a peer can cause: work.h. */
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

uint64_t rudp_conn_work_total(const struct rudp_conn *conn)
{
	return conn->work.units + conn->recvbuf.pending.work + conn->sendbuf.lost.work +
	       conn->sendbuf.acked.work + conn->acks.received.work + conn->fec_store.work;
}

static uint64_t packet_work(const struct rudp_conn *conn)
{
	return rudp_conn_work_total(conn) - conn->work.packet_from;
}

/* Pays in whole units; the time of an incomplete unit is kept for the next call. */
static void pay_debt(struct rudp_work *work, int64_t now_at_ns)
{
	uint64_t paid = rudp_cc_bytes_in(RUDP_WORK_PER_S, now_at_ns - work->debt_at_ns);

	if (work->debt == 0 || paid >= work->debt) {
		work->debt = 0;
		work->debt_at_ns = now_at_ns;
	} else if (paid > 0) {
		work->debt -= paid;
		work->debt_at_ns = now_at_ns;
	}
}

bool rudp_conn_work_may_begin(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->work.debt > 0)
		pay_debt(&conn->work, now_at_ns);
	return conn->work.debt < RUDP_WORK_DEBT_MAX;
}

void rudp_conn_work_begin(struct rudp_conn *conn)
{
	conn->work.packet_from = rudp_conn_work_total(conn);
}

bool rudp_conn_work_may_go_on(const void *context)
{
	return packet_work(context) <= RUDP_WORK_PACKET_MAX;
}

void rudp_conn_work_end(struct rudp_conn *conn, uint64_t free_units, int64_t now_at_ns)
{
	uint64_t units = packet_work(conn);

	if (units <= free_units)
		return;
	pay_debt(&conn->work, now_at_ns);
	conn->work.debt += units - free_units;
}

bool rudp_endpoint_work_turn(struct rudp_endpoint *ep, unsigned *turns, int64_t now_at_ns)
{
	struct rudp_conn *conn = RUDP_LIST_OWNER(ep->ready.next, struct rudp_conn, ready_link);

	if (rudp_list_is_empty(&ep->ready) || !rudp_conn_has_work(conn))
		return true;
	if (*turns == RUDP_WORK_TURNS_MAX)
		return false;
	++*turns;
	if (conn->dead)
		rudp_conn_ack_drop(conn);
	if (conn->ack_work)
		rudp_conn_ack_turn(conn, now_at_ns);
	if (conn->fec_store.has_news)
		rudp_conn_fec_turn(conn, now_at_ns);
	return true;
}
