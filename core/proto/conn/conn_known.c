/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_known.h"

#include "proto/cc/cc_pace.h"
#include "proto/conn/endpoint_private.h"

static bool is_used(const struct rudp_conn *conn)
{
	return conn->cc.ops->jump && !conn->ep->config.resume_off;
}

/*
 * Reports losses since the last report. Spurious losses can make the count smaller than before;
 * then it is 0.
 */
static void note_loss(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_reliability *r = &conn->reliability;
	struct rudp_conn_known *known = &conn->known;
	uint64_t lost = rudp_reliability_lost_packets(r);
	struct rudp_known_loss more = {.lost = lost > known->noted_lost ? lost - known->noted_lost
									: 0};

	more.packets = r->answered_packets - known->noted_answered + more.lost;
	known->noted_answered = r->answered_packets;
	known->noted_lost += more.lost;
	rudp_host_cache_note_loss(&conn->ep->hosts, &conn->path.local, &conn->path.remote, more,
				  now_at_ns);
}

static void note(struct rudp_conn *conn, enum rudp_known_use use, int64_t now_at_ns)
{
	struct rudp_conn_known *known = &conn->known;
	struct rudp_cc_measured measured;

	known->noted_bytes = conn->reliability.delivered_bytes;
	known->noted_at_ns = now_at_ns;
	known->noted_busy = use == RUDP_KNOWN_BUSY;
	if (!is_used(conn) || !conn->path.validated ||
	    !conn->cc.ops->measured(&conn->cc, &measured))
		return;
	rudp_host_cache_note(&conn->ep->hosts, &conn->path.local, &conn->path.remote, &measured,
			     use, now_at_ns);
	note_loss(conn, now_at_ns);
}

static bool is_worth_noting(const struct rudp_conn *conn)
{
	return conn->reliability.delivered_bytes - conn->known.noted_bytes >=
	       RUDP_KNOWN_PATH_NOTE_BYTES;
}

static void note_progress(struct rudp_conn *conn, int64_t now_at_ns)
{
	bool is_limited = conn->reliability.app_limited_until > 0;

	if (is_worth_noting(conn))
		note(conn, is_limited ? RUDP_KNOWN_LIMITED : RUDP_KNOWN_BUSY, now_at_ns);
}

/* The number of connections in start-up changes with time. */
static void follow_startup(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->cc.is_starting) {
		conn->cc.ops->share(&conn->cc, conn->known.startup_host->starting);
		return;
	}
	note_progress(conn, now_at_ns);
	rudp_conn_known_leave(conn);
}

void rudp_conn_known_may_start(struct rudp_conn *conn)
{
	conn->known.is_to_start = conn->cc.is_starting;
	conn->known.may_jump = is_used(conn);
}

/* The RTT differs, so the known values are of another path: starts again as on an unknown path. */
static void restart_unknown(struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_conn_known_leave(conn);
	rudp_cc_init(&conn->cc, conn->cc.ops, conn->cc.datagram_bytes, now_at_ns);
	rudp_pacer_init(&conn->pacer, now_at_ns);
}

/* Tells congestion control the known RTT without a queue, because a queue may exist now. */
static void set_known_rtt(struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t base_ns;

	if (!is_used(conn))
		return;
	base_ns = rudp_host_cache_base_rtt_ns(&conn->ep->hosts, &conn->path.local,
					      &conn->path.remote, now_at_ns);
	if (base_ns > 0)
		conn->cc.ops->expect_rtt(&conn->cc, base_ns);
}

/* The first RTT sample of this path: of the handshake, or after the peer has moved. */
static void on_first_rtt(struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t presumed_ns = conn->known.presumed_rtt_ns;

	conn->known.presumed_rtt_ns = 0;
	if (presumed_ns > 0 && !rudp_host_cache_is_same_length(presumed_ns, conn->rtt.latest_ns))
		restart_unknown(conn, now_at_ns);
	set_known_rtt(conn, now_at_ns);
	rudp_conn_known_may_start(conn);
	conn->known.may_jump &= presumed_ns == 0; /* used only once */
}

void rudp_conn_known_on_ack(struct rudp_conn *conn, bool has_rtt, int64_t now_at_ns)
{
	if (has_rtt && conn->rtt.samples == 1)
		on_first_rtt(conn, now_at_ns);
	if (conn->known.startup_host)
		follow_startup(conn, now_at_ns);
	if (now_at_ns - conn->known.noted_at_ns >= RUDP_KNOWN_PATH_NOTE_NS)
		note_progress(conn, now_at_ns);
}

void rudp_conn_known_leave(struct rudp_conn *conn)
{
	if (!conn->known.startup_host)
		return;
	rudp_host_cache_end_startup(&conn->ep->hosts, conn->known.startup_host);
	conn->known.startup_host = NULL;
	if (conn->cc.is_starting)
		conn->cc.ops->share(&conn->cc, 1);
}

void rudp_conn_known_on_path_left(struct rudp_conn *conn)
{
	rudp_conn_known_leave(conn);
	conn->known.presumed_rtt_ns = 0;
	conn->known.is_to_start = conn->known.may_jump = false;
}

void rudp_conn_known_on_lost(struct rudp_conn *conn)
{
	conn->known.may_jump = false;
}

void rudp_conn_known_on_sent_all(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->known.noted_busy || is_worth_noting(conn))
		note(conn, conn->known.noted_busy ? RUDP_KNOWN_FREED : RUDP_KNOWN_DONE, now_at_ns);
	if (!conn->known.startup_host)
		return;
	rudp_conn_known_leave(conn);
	conn->known.is_to_start = conn->cc.is_starting;
}

/*
 * The peer was not heard yet: the window is limited to RUDP_UNHEARD_BYTES_MAX, but sent at the full
 * known rate.
 */
static uint64_t known_window_unheard(struct rudp_conn *conn, int64_t *span_ns, int64_t now_at_ns)
{
	const struct rudp_path *path = &conn->path;
	int64_t *rtt_ns = &conn->known.presumed_rtt_ns;
	uint64_t bytes = rudp_host_cache_take_recent(&conn->ep->hosts, &path->local, &path->remote,
						     conn->cc.cwnd_bytes, now_at_ns, rtt_ns);

	*span_ns = *rtt_ns;
	if (bytes <= RUDP_UNHEARD_BYTES_MAX)
		return bytes;
	*span_ns = (int64_t)rudp_cc_mul_div((uint64_t)*span_ns, RUDP_UNHEARD_BYTES_MAX, bytes);
	return RUDP_UNHEARD_BYTES_MAX;
}

/* The known window and the time to send it in. 0: use the default. */
static uint64_t known_window(struct rudp_conn *conn, int64_t *span_ns, int64_t now_at_ns)
{
	const struct rudp_path *path = &conn->path;

	if (conn->rtt.samples == 0)
		return known_window_unheard(conn, span_ns, now_at_ns);
	*span_ns = conn->rtt.min_ns;
	return rudp_host_cache_take(&conn->ep->hosts, &path->local, &path->remote,
				    conn->rtt.latest_ns, conn->cc.cwnd_bytes, now_at_ns);
}

static void jump(struct rudp_conn *conn, int64_t now_at_ns)
{
	size_t room = rudp_conn_send_room(conn);
	uint64_t bytes;
	int64_t span_ns;

	conn->known.may_jump = false;
	bytes = conn->known.jump_bytes = known_window(conn, &span_ns, now_at_ns);
	if (bytes == 0)
		return;
	conn->cc.ops->jump(&conn->cc, bytes, span_ns);
	rudp_conn_grow_send_limit(conn);
	if (rudp_conn_send_room(conn) > room)
		rudp_conn_raise(conn, RUDP_EVENT_WRITABLE);
}

void rudp_conn_known_on_due(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_conn_known *known = &conn->known;
	uint64_t due;

	if (!known->is_to_start)
		return;
	due = conn->reliability.bytes_in_flight + rudp_sendbuf_unsent(&conn->sendbuf);
	if (!conn->path.validated || !rudp_conn_may_send(conn) || due <= conn->cc.cwnd_bytes)
		return;
	known->is_to_start = false;
	if (!conn->cc.is_starting)
		return;
	if (!known->startup_host)
		known->startup_host =
			rudp_host_cache_begin_startup(&conn->ep->hosts, &conn->path.remote);
	if (known->startup_host)
		conn->cc.ops->share(&conn->cc, known->startup_host->starting);
	if (known->may_jump)
		jump(conn, now_at_ns);
}
