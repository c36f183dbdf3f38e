/* SPDX-License-Identifier: MIT */
#include "engine/carrier/carrier.h"

#include "engine/carrier/tcp.h"

size_t rudp_carrier_send_room(const struct rudp_carrier *carrier)
{
	return carrier->by_tcp ? rudp_tcp_send_room(carrier->tcp)
			       : rudp_conn_send_room(carrier->conn);
}

bool rudp_carrier_waits_for_reader(const struct rudp_carrier *carrier)
{
	return carrier->by_tcp ? rudp_tcp_send_room(carrier->tcp) == 0
			       : rudp_conn_waits_for_reader(carrier->conn);
}

void rudp_carrier_orphan(struct rudp_engine *engine, struct rudp_carrier *carrier)
{
	if (carrier->by_tcp)
		rudp_tcp_orphan(carrier->tcp);
	else if (carrier->conn)
		rudp_conn_orphan(carrier->conn, engine->now_at_ns);
}

int rudp_carrier_send_reserve(struct rudp_carrier *carrier, size_t want, struct iovec iov[2])
{
	return carrier->by_tcp ? rudp_tcp_send_reserve(carrier->tcp, want, iov)
			       : rudp_conn_send_reserve(carrier->conn, want, iov);
}

void rudp_carrier_send_commit(struct rudp_engine *engine, struct rudp_carrier *carrier, size_t n)
{
	if (carrier->by_tcp)
		rudp_tcp_send_commit(engine, carrier->tcp, n);
	else
		rudp_conn_send_commit(carrier->conn, n, engine->now_at_ns);
}

void rudp_carrier_mark_urgent(struct rudp_engine *engine, struct rudp_carrier *carrier)
{
	if (carrier->by_tcp)
		rudp_tcp_mark_urgent(engine, carrier->tcp);
	else
		rudp_conn_mark_urgent(carrier->conn);
}

void rudp_carrier_shutdown_send(struct rudp_engine *engine, struct rudp_carrier *carrier)
{
	if (carrier->by_tcp)
		rudp_tcp_shutdown_send(engine, carrier->tcp);
	else
		rudp_conn_shutdown_send(carrier->conn, engine->now_at_ns);
}

int rudp_carrier_receive_readable(struct rudp_carrier *carrier, struct iovec iov[2])
{
	return carrier->by_tcp ? rudp_tcp_receive_readable(carrier->tcp, iov)
			       : rudp_conn_receive_readable(carrier->conn, iov);
}

size_t rudp_carrier_receive_available(const struct rudp_carrier *carrier)
{
	return carrier->by_tcp ? rudp_tcp_receive_available(carrier->tcp)
			       : rudp_conn_receive_available(carrier->conn);
}

void rudp_carrier_receive_consume(struct rudp_engine *engine, struct rudp_carrier *carrier,
				  size_t n)
{
	if (carrier->by_tcp)
		rudp_tcp_receive_consume(carrier->tcp, n);
	else
		rudp_conn_receive_consume(carrier->conn, n, engine->now_at_ns);
}

size_t rudp_carrier_urgent_ahead(const struct rudp_carrier *carrier)
{
	return carrier->by_tcp ? rudp_tcp_urgent_ahead(carrier->tcp)
			       : rudp_conn_urgent_ahead(carrier->conn);
}

bool rudp_carrier_receive_eof(const struct rudp_carrier *carrier)
{
	return carrier->by_tcp ? rudp_tcp_receive_eof(carrier->tcp)
			       : rudp_conn_receive_eof(carrier->conn);
}

void rudp_carrier_shutdown_receive(struct rudp_carrier *carrier)
{
	if (carrier->by_tcp)
		rudp_tcp_shutdown_receive(carrier->tcp);
	else
		rudp_conn_shutdown_receive(carrier->conn);
}

/* The peer of a rudp connection sends again what there was no memory for. */
bool rudp_carrier_is_starved(const struct rudp_carrier *carrier)
{
	return carrier->by_tcp && rudp_tcp_is_starved(carrier->tcp);
}

/* A rudp connection drops data when it arrives. */
bool rudp_carrier_discard(struct rudp_carrier *carrier)
{
	return carrier->by_tcp && rudp_tcp_discard(carrier->tcp);
}

int rudp_carrier_error(const struct rudp_carrier *carrier)
{
	if (carrier->by_tcp)
		return carrier->tcp->error ? carrier->tcp->error : carrier->tcp->deferred_error;
	return carrier->conn ? rudp_conn_error(carrier->conn) : 0;
}

/* Drops the carrier that lost the race, or was never established; the program does not know it. */
static void drop_idle(struct rudp_engine *engine, struct rudp_carrier *carrier)
{
	if (carrier->by_tcp && carrier->conn) {
		rudp_conn_abandon(carrier->conn, engine->now_at_ns);
		carrier->conn = NULL;
	} else if (!carrier->by_tcp && carrier->tcp) {
		rudp_tcp_close(engine, carrier->tcp);
		carrier->tcp = NULL;
	}
}

void rudp_carrier_reset(struct rudp_engine *engine, struct rudp_carrier *carrier)
{
	drop_idle(engine, carrier);
	if (carrier->tcp) {
		rudp_tcp_reset(engine, carrier->tcp);
	} else if (carrier->conn) {
		rudp_conn_reset(carrier->conn, RUDP_RESET_APPLICATION, engine->now_at_ns);
		rudp_conn_close(carrier->conn, engine->now_at_ns);
	}
	*carrier = (struct rudp_carrier){0};
}

void rudp_carrier_close(struct rudp_engine *engine, struct rudp_carrier *carrier, bool left_unread)
{
	drop_idle(engine, carrier);
	if (carrier->tcp && left_unread)
		rudp_tcp_reset(engine, carrier->tcp);
	else if (carrier->tcp)
		rudp_tcp_close(engine, carrier->tcp);
	else if (carrier->conn && left_unread)
		rudp_conn_close_unread(carrier->conn, engine->now_at_ns);
	else if (carrier->conn)
		rudp_conn_close(carrier->conn, engine->now_at_ns);
	*carrier = (struct rudp_carrier){0};
}

void rudp_carrier_stats(const struct rudp_carrier *carrier, struct rudp_conn_stats *stats)
{
	if (carrier->conn && !carrier->by_tcp)
		rudp_conn_stats(carrier->conn, stats);
	else if (carrier->tcp)
		rudp_tcp_stats(carrier->tcp, stats);
}
