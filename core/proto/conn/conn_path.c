/* SPDX-License-Identifier: MIT */
/* Change of address and path validation: docs/protocol.md section 13. */
#include "base/log.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

void rudp_conn_path_validate(struct rudp_conn *conn, int64_t now_at_ns)
{
	uint8_t data[8];

	rudp_endpoint_random(conn->ep, data, sizeof data);
	rudp_path_challenge(&conn->path, data, now_at_ns);
}

/*
 * A new port on the same host means that a NAT mapping has changed: the path is the same. A new
 * host means a new path: nothing is known of it, and its RTT may be long.
 */
static void restart_measurement(struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t known_ns = rudp_host_cache_rtt_ns(&conn->ep->hosts, &conn->path.remote, now_at_ns);

	rudp_conn_known_on_path_left(conn);
	rudp_conn_flow_end(conn);
	rudp_cc_init(&conn->cc, conn->cc.ops, conn->cc.datagram_bytes, now_at_ns);
	rudp_rtt_init(&conn->rtt, rudp_time_max(known_ns, RUDP_RTT_INITIAL_NS));
	rudp_reliability_leave_path(&conn->reliability);
	rudp_conn_ack_on_path_left(conn);
	rudp_pacer_init(&conn->pacer, now_at_ns);
	rudp_tail_restart(&conn->tail, now_at_ns);
	rudp_ecn_restart(&conn->ecn);
}

/*
 * The peer, or an attacker on the path, can cause a move with every packet: the log is
 * rate-limited.
 */
static void log_move(const struct rudp_conn *conn, const struct rudp_addr *before,
		     int64_t now_at_ns)
{
	char from[RUDP_ADDR_TEXT_SIZE], to[RUDP_ADDR_TEXT_SIZE];

	if (!rudp_log_wants(RUDP_LOG_INFO) ||
	    !rudp_log_ratelimit_allows(&conn->ep->ratelimit, now_at_ns))
		return;
	rudp_log(RUDP_LOG_INFO, "connection %016llx moved: %s -> %s", (unsigned long long)conn->id,
		 rudp_addr_format(before, from), rudp_addr_format(&conn->path.remote, to));
}

/*
 * The initiator keeps its own address, which it changes deliberately (roam.h): the packet may have
 * been sent to a former one.
 */
static void move(struct rudp_conn *conn, const struct rudp_datagram *datagram, bool has_new_id,
		 int64_t now_at_ns)
{
	struct rudp_path last = conn->path;
	bool keeps_local = conn->initiator && !rudp_addr_is_any(&last.local);
	const struct rudp_addr *local = keeps_local ? &last.local : &datagram->local;
	void *socket = keeps_local ? last.socket : datagram->socket;

	if (rudp_conn_use_socket(conn, socket) < 0)
		return; /* no memory: it stays on the old path */
	if (last.validated)
		rudp_conn_remember_path(conn, &last);
	rudp_path_init(&conn->path, socket, local, &datagram->remote, false);
	rudp_conn_list_path(conn);
	/* With the id that it had, only a NAT on the same path has changed the address. */
	if (has_new_id)
		rudp_conn_ids_change(conn);
	conn->work.units += RUDP_WORK_MOVE;
	conn->path_changes++;
	if (rudp_addr_same_host(&last.remote, &datagram->remote))
		conn->path.mtu = last.mtu;
	else
		rudp_conn_mtu_init(conn);
	rudp_conn_mtu_follow(conn);
	if (!rudp_addr_same_host(&last.remote, &datagram->remote))
		restart_measurement(conn, now_at_ns);
	rudp_conn_path_validate(conn, now_at_ns);
	log_move(conn, &last.remote, now_at_ns);
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe_move(conn);
}

/*
 * The connection has just moved back to the last validated path, and the first challenge there is
 * not answered yet. If both sides move at once while their former addresses still work, packets
 * that cross would otherwise move both of them in every round trip.
 */
static bool has_just_returned(const struct rudp_conn *conn)
{
	const struct rudp_path *path = &conn->path;

	return conn->previous && !path->validated && path->challenge_at_ns != RUDP_NEVER &&
	       path->challenges <= 1 && rudp_addr_equal(&path->remote, &conn->previous->remote);
}

void rudp_conn_path_on_packet(struct rudp_conn *conn, const struct rudp_datagram *datagram,
			      bool newest, bool has_new_id, int64_t now_at_ns)
{
	struct rudp_path *path = &conn->path;

	if (!rudp_addr_equal(&path->remote, &datagram->remote)) {
		if (!newest || has_just_returned(conn))
			return;
		move(conn, datagram, has_new_id, now_at_ns);
	} else if ((!conn->initiator || rudp_addr_is_any(&path->local)) &&
		   !rudp_addr_same_host(&path->local, &datagram->local)) {
		path->local = datagram->local;
	}
	/*
	 * The path is not validated (validation failed, or it began with a SYN only), but packets
	 * arrive again.
	 */
	if (!path->validated && path->challenge_at_ns == RUDP_NEVER &&
	    rudp_state_is_established(conn->state))
		rudp_conn_path_validate(conn, now_at_ns);
	rudp_path_on_received(path, datagram->len);
}

void rudp_conn_path_on_response(struct rudp_conn *conn, const uint8_t data[8], int64_t now_at_ns)
{
	if (!rudp_path_on_response(&conn->path, data))
		return;
	rudp_conn_remember_path(conn, NULL);
	conn->progress_at_ns = now_at_ns;
	rudp_conn_on_path_taken(conn, now_at_ns);
}

/*
 * If the new path never answers, its address was probably forged: returns to the last validated
 * path.
 */
void rudp_conn_path_on_time(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_path last_validated;

	/* A challenge that may not be sent (no allowance left) counts as sent and unanswered. */
	if (rudp_path_is_mute(&conn->path) && conn->path.challenge_at_ns <= now_at_ns &&
	    conn->path.challenges < RUDP_PATH_CHALLENGES_MAX)
		rudp_path_on_challenge_sent(&conn->path, rudp_rtt_pto_ns(&conn->rtt, 0), now_at_ns);
	if (!rudp_path_is_failed(&conn->path, now_at_ns))
		return;
	if (!conn->previous) {
		conn->path.challenge_at_ns = RUDP_NEVER; /* the user time-out decides */
		return;
	}
	last_validated = *conn->previous;
	/* The socket is known: this cannot fail. */
	(void)rudp_conn_use_socket(conn, last_validated.socket);
	conn->path = last_validated;
	rudp_conn_list_path(conn);
	rudp_path_mtu_forget_probe(&conn->path.mtu);
	rudp_conn_mtu_follow(conn);
	rudp_conn_remember_path(conn, NULL);
	if (rudp_log_wants(RUDP_LOG_INFO) &&
	    rudp_log_ratelimit_allows(&conn->ep->ratelimit, now_at_ns))
		rudp_log(RUDP_LOG_INFO, "connection %016llx: new path not validated, old one kept",
			 (unsigned long long)conn->id);
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe_move(conn);
	rudp_endpoint_touch(conn->ep, conn);
}

void rudp_conn_rebind(struct rudp_conn *conn, void *socket, const struct rudp_addr *local,
		      int64_t now_at_ns)
{
	bool is_same_host = rudp_addr_same_host(&conn->path.local, local);

	if (rudp_conn_use_socket(conn, socket) < 0)
		return; /* no memory: it stays on the old socket */
	conn->path.local = *local;
	rudp_conn_mtu_init(conn);
	rudp_conn_mtu_follow(conn);
	if (!conn->has_keys)
		return;
	if (!is_same_host) {
		rudp_conn_ids_change(conn);
		restart_measurement(conn, now_at_ns);
	}
	rudp_conn_path_validate(conn, now_at_ns);
	rudp_conn_on_path_taken(conn, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
}
