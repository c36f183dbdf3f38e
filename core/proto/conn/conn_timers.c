/* SPDX-License-Identifier: MIT */
/* All deadlines of a connection. */

#include "proto/conn/conn_gate.h"
#include "proto/conn/conn_identity.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/endpoint_private.h"

int64_t rudp_conn_pto_ns(const struct rudp_conn *conn)
{
	return rudp_rtt_pto_ns(&conn->rtt, conn->peer_ack_delay_ns);
}

void rudp_conn_start_time_wait(struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t span_ns;

	if (conn->state != RUDP_STATE_TIME_WAIT) {
		rudp_conn_enter(conn, RUDP_STATE_TIME_WAIT);
		rudp_conn_list_path(conn); /* removes it from the list */
		conn->time_wait_end_ns = now_at_ns + RUDP_TIME_WAIT_MAX_NS;
	}
	span_ns =
		rudp_time_max(RUDP_TIME_WAIT_PTOS * rudp_conn_pto_ns(conn), RUDP_TIME_WAIT_MIN_NS);
	conn->close_at_ns = rudp_time_min(now_at_ns + span_ns, conn->time_wait_end_ns);
}

static int64_t or_default(int64_t value_ns, int64_t default_ns)
{
	return value_ns > 0 ? value_ns : default_ns;
}

static bool is_handshaking(const struct rudp_conn *conn)
{
	return conn->state == RUDP_STATE_SYN_SENT || conn->state == RUDP_STATE_SYN_RCVD;
}

/* The program waits for the delivery of its bytes or of its FIN. */
static bool owes_delivery(const struct rudp_conn *conn)
{
	const struct rudp_sendbuf *buf = &conn->sendbuf;

	return rudp_sendbuf_unacked(buf) > 0 || (buf->fin_wanted && !buf->fin_acked);
}

bool rudp_conn_owes(const struct rudp_conn *conn)
{
	return !conn->dead && (conn->state == RUDP_STATE_RESET_SENT || owes_delivery(conn));
}

/*
 * The peer has sent and received everything, and may be gone. Only our FIN is unacknowledged, and
 * no program waits.
 */
static bool is_only_fin_left(const struct rudp_conn *conn)
{
	return conn->user_closed && rudp_sendbuf_unacked(&conn->sendbuf) == 0 &&
	       (conn->state == RUDP_STATE_LAST_ACK || conn->state == RUDP_STATE_CLOSING);
}

/*
 * ICMP errors arrive from the peer's host, so the path works; but our FIN is not acknowledged. The
 * peer has forgotten the connection.
 */
static bool is_last_fin_forgotten(const struct rudp_conn *conn, int64_t now_at_ns)
{
	return is_only_fin_left(conn) && conn->reliability.pto_count >= RUDP_LAST_FIN_PROBES &&
	       rudp_host_cache_has_refused(&conn->ep->hosts, &conn->path.remote, now_at_ns);
}

/*
 * TCP_USER_TIMEOUT. A short one does not end a connection before a packet could be answered: Linux
 * looks at it only when a retransmission was in vain, too.
 */
static int64_t user_timeout_ns(const struct rudp_conn *conn)
{
	int64_t least = rudp_time_max(2 * rudp_conn_pto_ns(conn), RUDP_USER_TIMEOUT_LEAST_NS);

	if (conn->options.user_timeout_ns == 0)
		return RUDP_USER_TIMEOUT_NS;
	return rudp_time_max(conn->options.user_timeout_ns, least);
}

/* TCP_USER_TIMEOUT counts from the first SYN, as in Linux. */
static int64_t handshake_max_ns(const struct rudp_conn *conn)
{
	int64_t max = or_default(conn->options.connect_timeout_ns, RUDP_CONNECT_TIMEOUT_NS);

	if (conn->options.user_timeout_ns == 0)
		return max;
	return rudp_time_min(
		max, rudp_time_max(conn->options.user_timeout_ns, RUDP_CONNECT_TIMEOUT_LEAST_NS));
}

/* A deferred SYN: a program that has written nothing may be waiting for the peer to write first. */
static int64_t release_at_ns(const struct rudp_conn *conn)
{
	if (!conn->is_deferred || conn->options.deferred_max_ns == 0)
		return RUDP_NEVER;
	return conn->opened_at_ns + conn->options.deferred_max_ns;
}

/*
 * When to give up because the peer does not answer. An idle connection, on which only our own pings
 * are unanswered, is kept much longer: TCP would not even have sent a ping.
 */
static int64_t give_up_at_ns(const struct rudp_conn *conn)
{
	if (conn->is_deferred)
		return RUDP_NEVER;
	if (is_handshaking(conn) || rudp_conn_identity_is_awaited(conn))
		return conn->opened_at_ns + handshake_max_ns(conn);
	if (conn->orphan_at_ns > 0 && owes_delivery(conn) && rudp_conn_waits_for_reader(conn))
		return conn->orphan_at_ns + RUDP_ORPHAN_NS;
	if (!rudp_state_is_established(conn->state) || conn->reliability.outstanding == 0)
		return RUDP_NEVER;
	if (!owes_delivery(conn))
		return conn->progress_at_ns + RUDP_IDLE_TIMEOUT_NS;
	if (is_only_fin_left(conn))
		return conn->progress_at_ns + RUDP_LAST_ACK_NS;
	return conn->progress_at_ns + user_timeout_ns(conn);
}

/*
 * If data was arriving and stops, the receiver pings after a few PTOs, then at growing intervals.
 * If a NAT has lost its mapping, the ping tells the peer our new address. If the peer's host has
 * forgotten the connection, or its engine has died with its program, the answer is a RESET.
 * docs/protocol.md section 13.
 */
static int64_t quiet_ns(const struct rudp_conn *conn)
{
	int64_t first = rudp_time_max(4 * rudp_conn_pto_ns(conn), RUDP_QUIET_MIN_NS);

	return rudp_time_min(first << conn->quiet_pings, RUDP_NAT_KEEPALIVE_NS);
}

/*
 * The time of a ping, span_ns after the last packet. Long waits end at times common to all
 * connections, to save wake-ups.
 */
static int64_t ping_at_ns(int64_t quiet_since_ns, int64_t span_ns)
{
	int64_t at = quiet_since_ns + span_ns;

	return span_ns >= RUDP_PING_TOGETHER_NS ? rudp_time_common_before(at) : at;
}

static int64_t quiet_since_ns(const struct rudp_conn *conn)
{
	return rudp_time_max(conn->heard_at_ns, conn->pinged_at_ns);
}

static bool may_be_idle(const struct rudp_conn *conn)
{
	return rudp_state_is_established(conn->state) && conn->reliability.outstanding == 0 &&
	       !rudp_conn_has_data_due(conn);
}

/* When to ping the peer to learn whether it is still there. */
static int64_t check_peer_at_ns(const struct rudp_conn *conn)
{
	int64_t at = RUDP_NEVER, quiet_since = quiet_since_ns(conn);

	/* Only the peer's window holds data back: check that the peer can still open it. */
	if (rudp_sendbuf_unacked(&conn->sendbuf) > 0)
		at = quiet_since + RUDP_BLOCKED_AGAIN_NS;
	if (conn->quiet_pings < RUDP_QUIET_PINGS_MAX && !rudp_recvbuf_is_complete(&conn->recvbuf))
		at = rudp_time_min(at, ping_at_ns(quiet_since, quiet_ns(conn)));
	if (conn->options.keepalive) {
		int64_t idle = or_default(conn->options.keepalive_idle_ns, RUDP_KEEPALIVE_IDLE_NS);

		at = rudp_time_min(at, quiet_since + idle);
	}
	return at;
}

/* Only the end that opened the connection can refresh a NAT mapping. */
static int64_t refresh_at_ns(const struct rudp_conn *conn)
{
	if (!conn->initiator || rudp_addr_is_loopback(&conn->path.remote))
		return RUDP_NEVER;
	return ping_at_ns(rudp_time_max(quiet_since_ns(conn), conn->refreshed_at_ns),
			  RUDP_NAT_KEEPALIVE_NS);
}

static int64_t keepalive_at_ns(const struct rudp_conn *conn)
{
	if (!may_be_idle(conn))
		return RUDP_NEVER;
	return rudp_time_min(check_peer_at_ns(conn), refresh_at_ns(conn));
}

/*
 * To refresh a NAT mapping an outgoing packet is enough. So three of four refreshes are a plain
 * ACK, which the peer does not acknowledge. The first one is a ping.
 */
static void on_keepalive(struct rudp_conn *conn, int64_t now_at_ns)
{
	bool may_wait = check_peer_at_ns(conn) > now_at_ns + RUDP_TIME_COMMON_NS;

	if (may_wait && conn->refreshes++ % RUDP_NAT_REFRESHES_ASKED != 0) {
		conn->acks.now = true;
		conn->refreshed_at_ns = now_at_ns;
		return;
	}
	conn->ping_due = true;
	conn->probes_due = 1;
	conn->blocked_sent = UINT64_MAX;
	conn->pinged_at_ns = now_at_ns;
	if (conn->quiet_pings < RUDP_QUIET_PINGS_MAX)
		conn->quiet_pings++;
}

/*
 * With SO_KEEPALIVE, a peer that answers no keepalive probe is given up before the user time-out.
 */
static int64_t keepalive_give_up_at_ns(const struct rudp_conn *conn)
{
	const struct rudp_conn_options *options = &conn->options;
	int64_t probes =
		options->keepalive_probes ? options->keepalive_probes : RUDP_KEEPALIVE_PROBES;

	if (!options->keepalive || !rudp_state_is_established(conn->state) ||
	    conn->reliability.outstanding == 0 || rudp_sendbuf_unacked(&conn->sendbuf) > 0)
		return RUDP_NEVER;
	return conn->progress_at_ns +
	       probes * or_default(options->keepalive_interval_ns, RUDP_KEEPALIVE_INTERVAL_NS);
}

/* The earliest deadline at which something is sent. */
static int64_t send_at_ns(const struct rudp_conn *conn)
{
	int64_t at = rudp_time_min(conn->acks.due_at_ns, keepalive_at_ns(conn));

	at = rudp_time_min(at, conn->tail.due_at_ns);
	if (conn->state != RUDP_STATE_TIME_WAIT)
		at = rudp_time_min(at, rudp_reliability_deadline_ns(&conn->reliability, &conn->rtt,
								    conn->peer_ack_delay_ns));
	return rudp_time_min(at, rudp_conn_gate_at_ns(conn));
}

/*
 * The SYNACK must be sent before anything else, but the address is not validated and its remaining
 * allowance is too small: early data is not answered yet.
 */
static bool is_synack_stuck(const struct rudp_conn *conn)
{
	return conn->is_early && conn->handshake_due &&
	       rudp_path_allowance_bytes(&conn->path) < conn->syn_answer->len;
}

/*
 * If the address is not validated and its allowance is used up, only a packet of the peer allows
 * more sending.
 */
static bool may_send_now(const struct rudp_conn *conn)
{
	bool only_handshakes = is_handshaking(conn) && !conn->is_early;

	return conn->path.socket &&
	       (only_handshakes || (!rudp_path_is_mute(&conn->path) && !is_synack_stuck(conn)));
}

int64_t rudp_conn_deadline_ns(const struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t at = rudp_time_min(conn->close_at_ns, conn->trim_at_ns);

	if (conn->dead)
		return RUDP_NEVER;
	at = rudp_time_min(at, release_at_ns(conn));
	at = rudp_time_min(at, give_up_at_ns(conn));
	at = rudp_time_min(at, conn->forget_keys_at_ns);
	at = rudp_time_min(at, rudp_conn_ids_deadline_ns(conn));
	at = rudp_time_min(at, keepalive_give_up_at_ns(conn));
	if (conn->state != RUDP_STATE_TIME_WAIT)
		at = rudp_time_min(at, conn->path.challenge_at_ns);
	if (may_send_now(conn))
		at = rudp_time_min(at, send_at_ns(conn));
	/*
	 * Something that is due but was not sent is tried again in the next tick, not in the same
	 * instant.
	 */
	return rudp_time_max(at, now_at_ns + RUDP_TIMER_TICK_NS);
}

static void on_give_up(struct rudp_conn *conn, int64_t now_at_ns)
{
	bool is_unaccepted = (conn->state == RUDP_STATE_SYN_RCVD && !conn->is_early) ||
			     rudp_conn_identity_is_awaited(conn);

	if (is_unaccepted || conn->user_closed)
		rudp_conn_die(conn, now_at_ns); /* no program waits for an error */
	else
		rudp_conn_fail(conn, rudp_conn_timeout_error(conn), now_at_ns);
}

/*
 * Schedules resting after a delay. A connection that only woke up to ping rests together with
 * others. The delay keeps memory while new connections arrive: memory that many connections free
 * would be taken by the new ones at once, and the heap would be fragmented.
 */
void rudp_conn_rest_soon(struct rudp_conn *conn, int64_t now_at_ns)
{
	bool has_only_asked = conn->quiet_pings >= RUDP_QUIET_PINGS_MAX;
	int64_t at = now_at_ns + RUDP_TRIM_IDLE_NS;

	conn->trim_at_ns = has_only_asked ? rudp_time_common_after(at) : at;
}

static bool may_rest(const struct rudp_conn *conn)
{
	return conn->trim_at_ns == RUDP_NEVER && rudp_sendbuf_unacked(&conn->sendbuf) == 0 &&
	       rudp_recvbuf_available(&conn->recvbuf) == 0 && conn->recvbuf.pending.count == 0;
}

/* A ping or its ACK allocates memory that an idle connection should not keep. */
void rudp_conn_rest_later(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (!may_rest(conn))
		return;
	rudp_conn_rest_soon(conn, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
}

static void free_memory(struct rudp_conn *conn)
{
	if (rudp_sendbuf_unacked(&conn->sendbuf) == 0)
		rudp_ring_trim(&conn->sendbuf.ring);
	rudp_reliability_trim(&conn->reliability);
	if (conn->recvbuf.pending.count > 0)
		return; /* bytes before the received ones are missing: the ring must keep both */
	if (rudp_recvbuf_available(&conn->recvbuf) == 0)
		rudp_ring_trim(&conn->recvbuf.ring);
	rudp_replay_trim(&conn->replay);
	if (conn->has_keys && conn->reliability.outstanding == 0)
		rudp_keys_sleep(&conn->keys);
}

static void on_trim(struct rudp_conn *conn)
{
	conn->trim_at_ns = RUDP_NEVER;
	conn->ep->rest_count++;
	free_memory(conn);
}

bool rudp_conn_is_resting(const struct rudp_conn *conn)
{
	return conn->has_keys && rudp_keys_are_asleep(&conn->keys);
}

void rudp_conn_rest_again(struct rudp_conn *conn, bool was_resting, int64_t now_at_ns)
{
	if (was_resting && may_rest(conn) && conn->reliability.outstanding == 0)
		free_memory(conn);
	else
		rudp_conn_rest_later(conn, now_at_ns);
}

static void on_keys_age(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->forget_keys_at_ns == 0) { /* the peer has just updated its keys */
		conn->forget_keys_at_ns = now_at_ns + 3 * rudp_conn_pto_ns(conn);
		return;
	}
	rudp_keys_forget_previous(&conn->keys);
	conn->forget_keys_at_ns = RUDP_NEVER;
}

/*
 * This host was suspended: answers may have arrived meanwhile and may still be in the socket. The
 * late time does not count, so the peer gets the full time-out after the host is awake.
 */
static void discount_suspend(struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t late_ns = now_at_ns - conn->timer.deadline_at_ns;

	if (late_ns < RUDP_SUSPENDED_NS)
		return;
	conn->progress_at_ns = rudp_time_min(conn->progress_at_ns + late_ns, now_at_ns);
	if (is_handshaking(conn))
		conn->opened_at_ns = rudp_time_min(conn->opened_at_ns + late_ns, now_at_ns);
}

void rudp_conn_on_time(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->dead)
		return;
	discount_suspend(conn, now_at_ns);
	if (conn->close_at_ns <= now_at_ns) {
		if (conn->reset_by_ns > 0 && conn->state < RUDP_STATE_TIME_WAIT)
			rudp_conn_reset(conn, RUDP_RESET_APPLICATION, now_at_ns);
		else
			rudp_conn_die(conn, now_at_ns);
		return;
	}
	if (give_up_at_ns(conn) <= now_at_ns || keepalive_give_up_at_ns(conn) <= now_at_ns) {
		on_give_up(conn, now_at_ns);
		return;
	}
	if (release_at_ns(conn) <= now_at_ns)
		rudp_conn_handshake_release(conn, now_at_ns);
	if (conn->trim_at_ns <= now_at_ns)
		on_trim(conn);
	if (conn->forget_keys_at_ns <= now_at_ns)
		on_keys_age(conn, now_at_ns);
	rudp_conn_ids_on_time(conn, now_at_ns);
	if (conn->state != RUDP_STATE_TIME_WAIT &&
	    rudp_reliability_deadline_ns(&conn->reliability, &conn->rtt, conn->peer_ack_delay_ns) <=
		    now_at_ns) {
		if (is_last_fin_forgotten(conn, now_at_ns)) {
			rudp_conn_die(conn, now_at_ns);
			return;
		}
		rudp_conn_on_overdue(conn, now_at_ns);
	}
	if (conn->tail.due_at_ns <= now_at_ns)
		rudp_conn_on_tail(conn, now_at_ns);
	rudp_conn_path_on_time(conn, now_at_ns);
	if (keepalive_at_ns(conn) <= now_at_ns)
		on_keepalive(conn, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
}
