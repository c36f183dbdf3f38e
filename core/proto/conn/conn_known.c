/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_known.h"

#include "proto/cc/cc_pace.h"
#include "proto/conn/endpoint_private.h"

static bool is_used(const struct rudp_conn *conn)
{
	return conn->cc.ops->jump && !conn->ep->config.resume_off;
}

/* Losses since the last time; those found to be none may make them fewer than none. */
static void note_loss(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_reliability *r = &conn->reliability;
	struct rudp_conn_known *known = &conn->known;
	uint64_t lost = rudp_reliability_lost_packets(r);
	struct rudp_known_loss more = {.lost = lost > known->noted_lost ? lost - known->noted_lost : 0};

	more.packets = r->answered_packets - known->noted_answered + more.lost;
	known->noted_answered = r->answered_packets;
	known->noted_lost += more.lost;
	rudp_known_paths_note_loss(&conn->ep->known_paths, &conn->path.local, &conn->path.remote,
				   more, now_at_ns);
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
	rudp_known_paths_note(&conn->ep->known_paths, &conn->path.local, &conn->path.remote,
			      &measured, use, now_at_ns);
	note_loss(conn, now_at_ns);
}

static bool is_worth_noting(const struct rudp_conn *conn)
{
	return conn->reliability.delivered_bytes - conn->known.noted_bytes >= RUDP_KNOWN_PATH_NOTE_BYTES;
}

static void note_going_on(struct rudp_conn *conn, int64_t now_at_ns)
{
	bool is_limited = conn->reliability.app_limited_until > 0;

	if (is_worth_noting(conn))
		note(conn, is_limited ? RUDP_KNOWN_LIMITED : RUDP_KNOWN_BUSY, now_at_ns);
}

/* The others come and go. */
static void follow_startup_group(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->cc.is_starting) {
		conn->cc.ops->share(&conn->cc, conn->known.startup_group->count);
		return;
	}
	note_going_on(conn, now_at_ns);
	rudp_conn_known_leave(conn);
}

void rudp_conn_known_init(struct rudp_conn *conn, int64_t now_at_ns)
{
	conn->known.noted_at_ns = now_at_ns;
}

void rudp_conn_known_may_start(struct rudp_conn *conn)
{
	conn->known.is_to_start = conn->cc.is_starting;
	conn->known.may_jump = is_used(conn);
}

/* What was known is of another path: as a stranger, once what has left is answered. */
static void take_back(struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_conn_known_leave(conn);
	rudp_cc_init(&conn->cc, conn->cc.ops, conn->cc.datagram_bytes, now_at_ns);
	rudp_pacer_init(&conn->pacer, now_at_ns);
}

/* How long the path is without a queue, which may stand there now. */
static void tell_rtt(struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t base_ns;

	if (!is_used(conn))
		return;
	base_ns = rudp_known_paths_base_rtt_ns(&conn->ep->known_paths, &conn->path.local,
					       &conn->path.remote, now_at_ns);
	if (base_ns > 0)
		conn->cc.ops->expect_rtt(&conn->cc, base_ns);
}

/* The first of this path: of the handshake, or of what has followed the peer to it. */
static void on_first_rtt(struct rudp_conn *conn, int64_t now_at_ns)
{
	int64_t presumed_ns = conn->known.presumed_rtt_ns;

	conn->known.presumed_rtt_ns = 0;
	if (presumed_ns > 0 &&
	    !rudp_known_paths_is_same_length(presumed_ns, conn->rtt.latest_ns))
		take_back(conn, now_at_ns);
	tell_rtt(conn, now_at_ns);
	rudp_conn_known_may_start(conn);
	conn->known.may_jump &= presumed_ns == 0; /* once */
}

void rudp_conn_known_on_ack(struct rudp_conn *conn, bool has_rtt, int64_t now_at_ns)
{
	if (has_rtt && conn->rtt.samples == 1)
		on_first_rtt(conn, now_at_ns);
	if (conn->known.startup_group)
		follow_startup_group(conn, now_at_ns);
	if (now_at_ns - conn->known.noted_at_ns >= RUDP_KNOWN_PATH_NOTE_NS)
		note_going_on(conn, now_at_ns);
}

void rudp_conn_known_leave(struct rudp_conn *conn)
{
	struct rudp_startup_group *group = conn->known.startup_group;

	if (!group)
		return;
	if (group->count == 1)
		rudp_known_paths_expect(&conn->ep->known_paths, &group->remote, group->peak);
	rudp_startup_group_leave(&conn->ep->startup_groups, group);
	conn->known.startup_group = NULL;
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
	if (!conn->known.startup_group)
		return;
	rudp_conn_known_leave(conn);
	conn->known.is_to_start = conn->cc.is_starting;
}

/* To who has not been heard: no more than the limit, but as fast as if there were none. */
static uint64_t presume_unheard(struct rudp_conn *conn, int64_t *span_ns, int64_t now_at_ns)
{
	const struct rudp_path *path = &conn->path;
	int64_t *rtt_ns = &conn->known.presumed_rtt_ns;
	uint64_t bytes = rudp_known_paths_take_recent(&conn->ep->known_paths, &path->local,
						      &path->remote, conn->cc.cwnd_bytes,
						      now_at_ns, rtt_ns);

	*span_ns = *rtt_ns;
	if (bytes <= RUDP_UNHEARD_BYTES_MAX)
		return bytes;
	*span_ns = (int64_t)rudp_cc_mul_div((uint64_t)*span_ns, RUDP_UNHEARD_BYTES_MAX, bytes);
	return RUDP_UNHEARD_BYTES_MAX;
}

/* So many bytes, in so long; 0: as ever. */
static uint64_t presume(struct rudp_conn *conn, int64_t *span_ns, int64_t now_at_ns)
{
	const struct rudp_path *path = &conn->path;

	if (conn->rtt.samples == 0)
		return presume_unheard(conn, span_ns, now_at_ns);
	*span_ns = conn->rtt.min_ns;
	return rudp_known_paths_take(&conn->ep->known_paths, &path->local, &path->remote,
				     conn->rtt.latest_ns, conn->cc.cwnd_bytes, now_at_ns);
}

static void jump(struct rudp_conn *conn, int64_t now_at_ns)
{
	size_t room = rudp_conn_send_room(conn);
	uint64_t bytes;
	int64_t span_ns;

	conn->known.may_jump = false;
	bytes = conn->known.jump_bytes = presume(conn, &span_ns, now_at_ns);
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
	if (!known->startup_group)
		known->startup_group =
			rudp_startup_group_join(&conn->ep->startup_groups, &conn->path.remote);
	if (known->startup_group)
		conn->cc.ops->share(&conn->cc, known->startup_group->count);
	if (known->may_jump)
		jump(conn, now_at_ns);
}
