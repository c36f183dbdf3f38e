/* SPDX-License-Identifier: MIT */
/* The programs at both ends: they open, accept, write, read, compare, and end connections as
 * planned. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pattern.h"
#include "world_private.h"

static int index_of(const struct world *w, int host, const struct rudp_conn *conn)
{
	for (int i = 0; i < w->config->conns; i++)
		if (w->side[host][i].conn == conn)
			return i;
	return -1;
}

/* The listening side identifies a connection by the client's port. */
static void accept_all(struct world *w)
{
	struct rudp_conn *conn;

	while ((conn = rudp_listener_accept(w->listener))) {
		int index = rudp_addr_port(rudp_conn_remote(conn)) - 20000;
		struct side *side;

		if (w->nat_port)
			index = w->accepted; /* behind a NAT: one connection only */
		if (index < 0 || index >= w->config->conns || w->side[1][index].opened) {
			world_fail(w, "accepted a connection that nobody opened, or twice (%d)",
				   index);
			return;
		}
		side = &w->side[1][index];
		side->conn = conn;
		side->opened = true;
		rudp_conn_set_user(conn, side);
		w->accepted++;
	}
}

/* Returns how many of these bytes are as they were written. */
static size_t right_bytes(const struct side *side, int host, int index, const uint8_t *bytes,
			  size_t len)
{
	size_t n = 0;

	while (n < len && bytes[n] == pattern(index, !host, side->read + n))
		n++;
	return n;
}

static void read_some(struct world *w, int host, int index, size_t max)
{
	struct side *side = &w->side[host][index];
	struct iovec iov[2];

	while (max > 0 && rudp_conn_receive_readable(side->conn, iov) > 0) {
		size_t len = iov[0].iov_len < max ? iov[0].iov_len : max;
		size_t right = right_bytes(side, host, index, iov[0].iov_base, len);

		if (right < len) {
			world_fail(w, "connection %d: wrong byte at offset %" PRIu64, index,
				   side->read + right);
			return;
		}
		side->read += len;
		max -= len;
		rudp_conn_receive_consume(side->conn, len, w->now_ns);
	}
	if (side->read > side->to_read)
		world_fail(w, "connection %d: more bytes than were written", index);
}

static void write_some(struct world *w, int host, int index)
{
	struct side *side = &w->side[host][index];

	while (side->written < side->to_send) {
		uint64_t left = side->to_send - side->written;
		uint64_t want = (uint64_t)prng_between(&w->prng, 1, 65536);
		struct iovec iov[2];
		size_t done = 0;
		int count = rudp_conn_send_reserve(side->conn, want < left ? want : left, iov);

		for (int i = 0; i < count; i++)
			for (size_t k = 0; k < iov[i].iov_len; k++, done++)
				((uint8_t *)iov[i].iov_base)[k] =
					pattern(index, host, side->written + done);
		if (done == 0)
			return;
		rudp_conn_send_commit(side->conn, done, w->now_ns);
		side->written += done;
	}
}

static void close_side(struct world *w, struct side *side)
{
	struct rudp_conn_stats stats;

	if (side->closed || !side->conn)
		return;
	rudp_conn_stats(side->conn, &stats);
	w->result->resumed += stats.handshake_kind != RUDP_HANDSHAKE_KIND_FULL;
	w->result->early += stats.early_bytes > 0;
	side->closed = true;
	rudp_conn_close(side->conn, w->now_ns);
	side->conn = NULL;
}

/* A program reads and writes as much as it may. */
static void pump(struct world *w, int host, int index)
{
	const struct world_config *c = w->config;
	struct side *side = &w->side[host][index];
	size_t max = c->read_every_ns ? c->read_bytes : SIZE_MAX;

	if (!side->conn || side->closed)
		return;
	if (c->end == END_CLOSE_UNREAD && host == 1) {
		if (rudp_conn_receive_available(side->conn) > 0)
			close_side(w, side);
		return;
	}
	if (!c->read_every_ns || w->now_ns >= side->next_read_ns) {
		read_some(w, host, index, max);
		side->next_read_ns = w->now_ns + c->read_every_ns;
	}
	if (w->over || side->failed)
		return;
	write_some(w, host, index);
	if (c->end == END_RESET && host == 0 && side->written >= side->to_send / 2 + 1) {
		rudp_conn_reset(side->conn, RUDP_RESET_APPLICATION, w->now_ns);
		close_side(w, side);
		return;
	}
	if (side->written == side->to_send && !side->fin_sent) {
		side->fin_sent = true;
		rudp_conn_shutdown_send(side->conn, w->now_ns);
	}
	if (!side->eof && rudp_conn_receive_eof(side->conn)) {
		side->eof = true;
		w->result->data_end_ns = w->now_ns;
		/* With these plans this side must never get an orderly end; the other side may. */
		if ((c->end == END_RESET && host == 1) || (c->end == END_CLOSE_UNREAD && host == 0))
			world_fail(w, "connection %d: a reset was read as end of file", index);
		else if (side->read != side->to_read)
			world_fail(w,
				   "connection %d: end of file after %" PRIu64 " of %" PRIu64
				   " bytes",
				   index, side->read, side->to_read);
	}
	if (side->eof && side->fin_sent)
		close_side(w, side);
}

void programs_on_events(struct world *w, int host)
{
	struct rudp_conn *conn;

	while ((conn = rudp_endpoint_next_event(w->ep[host]))) {
		unsigned events = rudp_conn_take_events(conn);
		int index;

		if (host == 1)
			accept_all(w);
		index = index_of(w, host, conn);
		if (index < 0)
			continue;
		if (events & RUDP_EVENT_FAILED) {
			w->side[host][index].failed = true;
			w->side[host][index].error = rudp_conn_error(conn);
			if (w->config->end == END_ORDERLY &&
			    !(w->config->may_be_reset && rudp_conn_error(conn) == ECONNRESET))
				world_fail(w, "connection %d, host %d: %s", index, host,
					   strerror(rudp_conn_error(conn)));
		}
		pump(w, host, index);
		if (w->side[host][index].failed)
			close_side(w, &w->side[host][index]);
	}
}

void programs_open_due(struct world *w)
{
	struct rudp_conn_options options = {.connect_timeout_ns = w->config->connect_timeout_ns,
					    .early = w->config->early};

	for (int i = 0; i < w->config->conns; i++) {
		struct side *side = &w->side[0][i];
		struct rudp_addr local = w->addr[0];
		int error;

		if (side->opened || side->start_at_ns > w->now_ns)
			continue;
		rudp_addr_set_port(&local, (uint16_t)(20000 + i));
		options.deferred = options.early && i % 2;
		options.deferred_max_ns = i % 4 == 3 ? 5 * RUDP_NS_PER_MS : 0;
		side->conn = rudp_endpoint_connect(w->ep[0], w->ep[0], &local, &w->addr[1],
						   WORLD_PORT, &options, w->now_ns, &error);
		side->opened = true;
		if (!side->conn) {
			world_fail(w, "connect: %s", strerror(-error));
			return;
		}
		rudp_conn_set_user(side->conn, side);
		if (w->config->early)
			pump(w, 0, i);
	}
}

bool programs_are_done(struct world *w)
{
	for (int i = 0; i < w->config->conns; i++) {
		/* A connection that was reset before it was accepted does not exist for the
		 * server. */
		bool unseen = w->config->end == END_RESET && !w->side[1][i].opened;

		unseen |= w->config->may_be_reset && w->side[0][i].failed && !w->side[1][i].opened;
		if (!w->side[0][i].closed || (!w->side[1][i].closed && !unseen))
			return false;
		if (w->config->end == END_RESET && !unseen && w->side[1][i].error != ECONNRESET)
			world_fail(w, "connection %d: the reset reached the server as %d", i,
				   w->side[1][i].error);
		if (w->config->end == END_CLOSE_UNREAD && w->side[0][i].error != ECONNRESET)
			world_fail(w, "connection %d: the reset reached the client as %d", i,
				   w->side[0][i].error);
	}
	return rudp_endpoint_conn_count(w->ep[0]) == 0 && rudp_endpoint_conn_count(w->ep[1]) == 0;
}

void programs_read_on(struct world *w)
{
	if (w->config->read_every_ns)
		for (int i = 0; i < 2 * w->config->conns; i++)
			pump(w, i % 2, i / 2);
}

int64_t programs_next_ns(const struct world *w)
{
	int64_t next = RUDP_NEVER;

	for (int i = 0; i < w->config->conns; i++) {
		if (!w->side[0][i].opened)
			next = rudp_time_min(next, w->side[0][i].start_at_ns);
		for (int host = 0; host < 2 && w->config->read_every_ns; host++) {
			const struct side *side = &w->side[host][i];

			if (side->conn && !side->closed &&
			    (rudp_conn_receive_available(side->conn) > 0 ||
			     rudp_conn_receive_eof(side->conn)))
				next = rudp_time_min(next, side->next_read_ns);
		}
	}
	return next;
}
