/* SPDX-License-Identifier: MIT */
/* Addresses change: docs/protocol.md section 13. */
#include "base/log.h"
#include "proto/conn_private.h"
#include "proto/endpoint_private.h"

static void challenge(struct rudp_conn *conn, struct rudp_path *path, int64_t now_at_ns)
{
	uint8_t data[8];

	rudp_endpoint_random(conn->ep, data, sizeof data);
	rudp_path_challenge(path, data, now_at_ns);
}

/*
 * Another port on the same host is a NAT that has forgotten us: the path is the same one. Another
 * host is another path, about which nothing is known.
 */
static void restart_measurement(struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_cc_init(&conn->cc, conn->cc.ops, conn->cc.datagram_bytes, now_at_ns);
	rudp_rtt_init(&conn->rtt);
	rudp_pacer_init(&conn->pacer, now_at_ns);
}

static void log_move(const struct rudp_conn *conn, const char *what)
{
	char from[RUDP_ADDR_TEXT_SIZE], to[RUDP_ADDR_TEXT_SIZE];

	rudp_log(RUDP_LOG_INFO, "connection %016llx %s: %s -> %s", (unsigned long long)conn->id, what,
		 rudp_addr_format(&conn->previous.remote, from),
		 rudp_addr_format(&conn->path.remote, to));
}

static void move(struct rudp_conn *conn, const struct rudp_datagram *datagram, int64_t now_at_ns)
{
	struct rudp_path next;
	bool same_host = rudp_addr_same_host(&conn->path.remote, &datagram->remote);

	rudp_path_init(&next, datagram->socket, &datagram->local, &datagram->remote, false);
	next.datagram_bytes = conn->path.datagram_bytes;
	if (conn->path.validated)
		conn->previous = conn->path;
	conn->path = next;
	conn->path_changes++;
	if (!same_host)
		restart_measurement(conn, now_at_ns);
	challenge(conn, &conn->path, now_at_ns);
	log_move(conn, "moved");
}

void rudp_conn_path_on_packet(struct rudp_conn *conn, const struct rudp_datagram *datagram,
			      bool newest, int64_t now_at_ns)
{
	struct rudp_path *path = &conn->path;

	if (!rudp_addr_equal(&path->remote, &datagram->remote)) {
		if (!newest)
			return;
		move(conn, datagram, now_at_ns);
	} else if (!rudp_addr_same_host(&path->local, &datagram->local)) {
		path->local = datagram->local;
	}
	rudp_path_on_received(path, datagram->len);
}

void rudp_conn_path_on_response(struct rudp_conn *conn, const uint8_t data[8], int64_t now_at_ns)
{
	if (!rudp_path_on_response(&conn->path, data))
		return;
	conn->previous.remote.family = AF_UNSPEC;
	conn->progress_at_ns = now_at_ns;
}

/* A path that never answered was forged by somebody who can only send: back to the last good one. */
void rudp_conn_path_on_time(struct rudp_conn *conn, int64_t now_at_ns)
{
	/* A challenge that may not even be sent counts as one that was not answered. */
	if (rudp_path_is_mute(&conn->path) && conn->path.challenge_at_ns <= now_at_ns &&
	    conn->path.challenges < RUDP_PATH_CHALLENGES_MAX)
		rudp_path_on_challenge_sent(&conn->path, rudp_rtt_pto_ns(&conn->rtt, 0), now_at_ns);
	if (!rudp_path_is_failed(&conn->path, now_at_ns))
		return;
	if (conn->previous.remote.family == AF_UNSPEC) {
		conn->path.challenge_at_ns = RUDP_NEVER; /* the user time-out decides */
		return;
	}
	conn->path = conn->previous;
	conn->previous.remote.family = AF_UNSPEC;
	rudp_log(RUDP_LOG_INFO, "connection %016llx: new path not proven, back to the last",
		 (unsigned long long)conn->id);
	rudp_endpoint_touch(conn->ep, conn);
}

void rudp_conn_rebind(struct rudp_conn *conn, void *socket, const struct rudp_addr *local,
		      int64_t now_at_ns)
{
	conn->path.socket = socket;
	conn->path.local = *local;
	if (!conn->has_keys)
		return;
	challenge(conn, &conn->path, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
}
