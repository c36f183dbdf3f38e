/* SPDX-License-Identifier: MIT */
/* HANDSHAKE and ACK_HANDSHAKE: which connection a link belongs to, and where its messages go on. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/decide.h"
#include "messaging/hub_private.h"

static void fill(const struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn,
		 const struct rudpmsg_link *link, struct rudpmsg_handshake *handshake)
{
	memset(handshake, 0, sizeof *handshake);
	handshake->ack = hub->config.ack;
	handshake->is_lasting = hub->config.has_store;
	handshake->message_bytes_max = hub->config.limits.message_bytes_max;
	handshake->run = hub->run;
	handshake->link = link->number;
	handshake->known_link = conn->known_link;
	handshake->stream = conn->stream;
	handshake->peer_stream = conn->peer_stream;
	/* After a restart we do not know which acknowledgement the peer asks for until its
	 * handshake. Claim the least: what was handled. */
	handshake->received = conn->was_ready || !conn->inbox.has_store
				      ? rudpmsg_conn_acknowledged(conn)
				      : conn->inbox.handled_id;
	strcpy(handshake->name, hub->config.name);
	strcpy(handshake->wanted, conn->name);
}

void rudpmsg_link_greet(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns)
{
	uint8_t *room = rudpmsg_link_control_room(link, RUDPMSG_HANDSHAKE_BYTES_MAX);
	struct rudpmsg_handshake handshake;

	link->number = ++hub->last_link;
	fill(hub, link->conn, link, &handshake);
	link->conn->acked_to_peer = handshake.received;
	rudpmsg_link_enter(hub, link, LINK_GREETING, now_at_ns + hub->config.handshake_timeout_ns);
	rudpmsg_link_control_commit(
		hub, link, rudpmsg_handshake_write(room, RUDPMSG_FRAME_HANDSHAKE, &handshake));
}

/* Fails messages that the peer does not take: each of them would end every new link, and the
 * messages after it would never arrive. */
static void fail_longer(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	uint64_t id = 0, count;

	while (hub->config.has_store &&
	       (id = rudpmsg_outbox_longer(&conn->outbox, id, conn->peer_message_bytes_max)))
		rudpmsg_store_failed(hub, conn, id);
	count = rudpmsg_outbox_fail_longer(&conn->outbox, conn->peer_message_bytes_max, EMSGSIZE,
					   &id);
	rudpmsg_conn_on_failed(hub, conn, count, id, EMSGSIZE);
}

/*
 * The dialer can be dead when its HANDSHAKE is read; only a message on the link proves that it is
 * alive. Until then its new stream must not replace the stream that we know, because duplicates
 * would not be recognized any more.
 */
static void note_stream(struct rudpmsg_conn *conn, struct rudpmsg_link *link, uint64_t stream)
{
	if (conn->peer_stream == stream)
		return;
	link->is_stream_new = !link->is_dialed;
	if (link->is_dialed)
		rudpmsg_conn_take_stream(conn, stream);
}

/* Returns whether the peer of this link has the key that the name is bound to. conn NULL: the peer
 * has no connection. A name that is bound to no key belongs to any. */
static bool has_right_key(const struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn,
			  const char *name, const struct rudpmsg_link *link)
{
	const struct rudpmsg_key *key = conn ? &conn->key : rudpmsg_sender_key(hub, name);

	return !key || !key->is_known ||
	       (link->key.is_known && memcmp(key->bytes, link->key.bytes, sizeof key->bytes) == 0);
}

/* The first key that a peer proves is that of its name from then on. */
static void bind_name(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
		      const struct rudpmsg_link *link)
{
	if (conn->key.is_known || !link->key.is_known)
		return;
	conn->key = link->key;
	rudpmsg_store_note(hub, conn);
}

/* Makes link the connection's link. */
static void establish(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, struct rudpmsg_link *link,
		      const struct rudpmsg_handshake *peer, int64_t now_at_ns)
{
	link->conn = conn;
	conn->link = link;
	bind_name(hub, conn, link);
	rudp_list_remove(&conn->linkless);
	rudpmsg_link_enter(hub, link, LINK_READY, RUDP_NEVER);
	rudpmsg_hub_arm(hub, &conn->retry, RUDP_NEVER);
	rudpmsg_hub_arm(hub, &conn->give_up, RUDP_NEVER);
	conn->was_ready = true;
	conn->is_leaving = false;
	rudpmsg_conn_note_active(hub, conn, now_at_ns);
	conn->failures = 0;
	conn->error = 0;
	if (conn->peer_run != peer->run)
		conn->known_link = 0;
	conn->peer_run = peer->run;
	conn->peer_is_lasting = peer->is_lasting;
	conn->peer_ack = peer->ack;
	conn->peer_message_bytes_max = peer->message_bytes_max;
	if (!link->is_dialed)
		conn->known_link = link->number;
	note_stream(conn, link, peer->stream);
	hub->stats.messages_resent += rudpmsg_outbox_on_link(&conn->outbox);
	if (peer->peer_stream == conn->stream)
		rudpmsg_conn_on_answered(hub, conn,
					 rudpmsg_outbox_on_received(&conn->outbox, peer->received));
	fail_longer(hub, conn);
	hub->stats.links_made++;
	hub->changes |= RUDPMSG_CHANGED_CONNECT;
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_CONNECTED);
	rudpmsg_link_want_write(hub, link);
}

/* Gives up the link and the attempt that the new link replaces. */
static void give_up_others(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			   const struct rudpmsg_link *link, int64_t now_at_ns)
{
	struct rudpmsg_link *old = conn->link, *attempt = conn->attempt;

	if (old) {
		hub->stats.links_taken_over++;
		rudpmsg_link_bye(hub, old, RUDPMSG_REASON_TAKEN_OVER, now_at_ns);
		conn->link = NULL;
	}
	conn->attempt = NULL;
	if (attempt && attempt != link) {
		hub->stats.links_crossed++;
		rudpmsg_link_end(hub, attempt);
	}
}

static enum rudpmsg_decision decide(const struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn,
				    const struct rudpmsg_handshake *handshake)
{
	const struct rudpmsg_link *link = conn->link;
	struct rudpmsg_facts facts = {
		.has_link = link,
		.is_link_ours = link && link->is_dialed,
		.other_run = handshake->run != conn->peer_run,
		.is_run_older = handshake->is_lasting && conn->peer_is_lasting &&
				handshake->run < conn->peer_run,
		.names_our_link = link && handshake->known_link == link->number,
		.is_late = handshake->run == conn->peer_run && handshake->link < conn->known_link,
		.has_greeted = conn->attempt && conn->attempt->state == LINK_GREETING,
		.is_name_smaller = strcmp(hub->config.name, conn->name) < 0,
	};

	return rudpmsg_decide(&facts);
}

/* Checks a HANDSHAKE. RUDPMSG_REASON_NONE: *conn takes the link. */
static enum rudpmsg_reason admit(struct rudpmsg_hub *hub, const struct rudpmsg_link *link,
				 const struct rudpmsg_handshake *handshake,
				 struct rudpmsg_conn **conn)
{
	int error;

	if (handshake->wanted[0] != '\0' && strcmp(handshake->wanted, hub->config.name) != 0)
		return RUDPMSG_REASON_NAME;
	if (strcmp(handshake->name, hub->config.name) == 0)
		return RUDPMSG_REASON_SELF;
	if (handshake->ack == RUDPMSG_ACK_STORED && !hub->config.has_store)
		return RUDPMSG_REASON_NO_STORE;
	*conn = rudpmsg_hub_find(hub, handshake->name);
	if (!has_right_key(hub, *conn, handshake->name, link))
		return RUDPMSG_REASON_KEY;
	if (!rudpmsg_conn_may_link(hub, *conn))
		return RUDPMSG_REASON_CLOSING;
	if (*conn) {
		switch (decide(hub, *conn, handshake)) {
		case RUDPMSG_TAKE:
			return RUDPMSG_REASON_NONE;
		case RUDPMSG_CROSSED:
			hub->stats.links_crossed++;
			return RUDPMSG_REASON_CROSSED;
		case RUDPMSG_STALE:
			return RUDPMSG_REASON_STALE;
		}
	}
	*conn = rudpmsg_conn_new(hub, handshake->name, &error);
	return *conn ? RUDPMSG_REASON_NONE : RUDPMSG_REASON_LIMIT;
}

static enum rudpmsg_reason reason_of(enum rudpmsg_wire_verdict verdict)
{
	switch (verdict) {
	case RUDPMSG_WIRE_BAD_MAGIC:
		return RUDPMSG_REASON_VERSION;
	case RUDPMSG_WIRE_BAD_NAME:
		return RUDPMSG_REASON_NAME;
	case RUDPMSG_WIRE_OK:
	case RUDPMSG_WIRE_MORE:
	case RUDPMSG_WIRE_TOO_LONG:
	case RUDPMSG_WIRE_BAD_TYPE:
	case RUDPMSG_WIRE_BAD_SHAPE:
	case RUDPMSG_WIRE_BAD_VALUE:
		break;
	}
	return RUDPMSG_REASON_PROTOCOL;
}

static void refuse(struct rudpmsg_hub *hub, struct rudpmsg_link *link, enum rudpmsg_reason reason,
		   int64_t now_at_ns)
{
	hub->stats.links_refused++;
	rudpmsg_link_bye(hub, link, reason, now_at_ns);
}

static void answer(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, struct rudpmsg_link *link)
{
	uint8_t *room = rudpmsg_link_control_room(link, RUDPMSG_HANDSHAKE_BYTES_MAX);
	struct rudpmsg_handshake handshake;

	fill(hub, conn, link, &handshake);
	if (link->is_stream_new) {
		handshake.peer_stream = link->greeting.stream;
		handshake.received = 0;
	}
	conn->acked_to_peer = handshake.received;
	rudpmsg_link_control_commit(
		hub, link, rudpmsg_handshake_write(room, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake));
}

/* The bytes of the structs are not compared, because they contain padding. */
static bool are_equal(const struct rudpmsg_handshake *a, const struct rudpmsg_handshake *b)
{
	return a->ack == b->ack && a->is_lasting == b->is_lasting &&
	       a->message_bytes_max == b->message_bytes_max && a->run == b->run &&
	       a->link == b->link && a->known_link == b->known_link && a->stream == b->stream &&
	       a->peer_stream == b->peer_stream && a->received == b->received &&
	       strcmp(a->name, b->name) == 0 && strcmp(a->wanted, b->wanted) == 0;
}

/* A repeated HANDSHAKE is ignored: each HANDSHAKE gets one ACK_HANDSHAKE. */
static void on_repeated(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			const struct rudpmsg_handshake *handshake, int64_t now_at_ns)
{
	if (!link->is_dialed && are_equal(&link->greeting, handshake)) {
		hub->stats.handshakes_repeated++;
		return;
	}
	rudpmsg_link_on_violation(hub, link, now_at_ns);
}

void rudpmsg_link_on_handshake(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			       const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	struct rudpmsg_handshake handshake;
	struct rudpmsg_conn *conn = NULL;
	enum rudpmsg_wire_verdict verdict = rudpmsg_handshake_read(frame, &handshake);
	enum rudpmsg_reason reason;

	if (link->state == LINK_READY) {
		on_repeated(hub, link, &handshake, now_at_ns);
		return;
	}
	reason = verdict == RUDPMSG_WIRE_OK ? admit(hub, link, &handshake, &conn)
					    : reason_of(verdict);
	if (verdict != RUDPMSG_WIRE_OK)
		hub->stats.frames_malformed++;
	if (reason != RUDPMSG_REASON_NONE) {
		refuse(hub, link, reason, now_at_ns);
		return;
	}
	give_up_others(hub, conn, link, now_at_ns);
	link->number = handshake.link;
	link->greeting = handshake;
	establish(hub, conn, link, &handshake, now_at_ns);
	answer(hub, conn, link);
}

void rudpmsg_link_on_ack_handshake(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
				   const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;
	struct rudpmsg_handshake handshake;
	enum rudpmsg_wire_verdict verdict = rudpmsg_handshake_read(frame, &handshake);
	enum rudpmsg_reason reason = RUDPMSG_REASON_NONE;

	if (verdict != RUDPMSG_WIRE_OK) {
		hub->stats.frames_malformed++;
		reason = reason_of(verdict);
	} else if (strcmp(handshake.name, conn->name) != 0) {
		reason = RUDPMSG_REASON_NAME;
	} else if (!has_right_key(hub, conn, conn->name, link)) {
		reason = RUDPMSG_REASON_KEY;
	} else if (handshake.link != link->number) {
		reason = RUDPMSG_REASON_PROTOCOL;
	} else if (handshake.ack == RUDPMSG_ACK_STORED && !hub->config.has_store) {
		reason = RUDPMSG_REASON_NO_STORE;
	}
	if (reason != RUDPMSG_REASON_NONE) {
		rudpmsg_link_on_failed(hub, link, reason, 0, now_at_ns);
		return;
	}
	assert(conn->attempt == link && !conn->link);
	conn->attempt = NULL;
	if (conn->peer_stream != handshake.stream)
		conn->acked_to_peer = 0; /* the id in our HANDSHAKE belonged to another stream */
	establish(hub, conn, link, &handshake, now_at_ns);
}

/* The peer has told its name: the caller of connect gets the connection with that name. */
void rudpmsg_link_on_iam(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			 const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	struct ticket *ticket = link->ticket;
	struct rudpmsg_conn *conn;
	char name[RUDPMSG_NAME_MAX + 1];
	char *host = link->host;
	int error = -EPROTO;

	if (rudpmsg_iam_read(frame, name) != RUDPMSG_WIRE_OK) {
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_PROTOCOL, 0, now_at_ns);
		return;
	}
	if (strcmp(name, hub->config.name) == 0) {
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_SELF, 0, now_at_ns);
		return;
	}
	conn = rudpmsg_hub_find(hub, name);
	if (!has_right_key(hub, conn, name, link)) {
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_KEY, 0, now_at_ns);
		return;
	}
	if (!conn)
		conn = rudpmsg_conn_new(hub, name, &error);
	if (!conn) {
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_NONE, -error, now_at_ns);
		return;
	}
	/* The address that was given last, and has answered, is the one to dial from now on. */
	link->host = conn->host;
	conn->host = host;
	conn->port = link->port;
	if (conn->outbox.count > 0)
		rudpmsg_store_note(hub, conn);
	conn->is_leaving = false;
	link->ticket = NULL;
	rudpmsg_ticket_settle(hub, ticket, conn->id, 0);
	if (conn->link) {
		rudpmsg_link_end(hub, link);
		return;
	}
	if (conn->attempt)
		rudpmsg_link_end(hub, conn->attempt);
	rudpmsg_hub_arm(hub, &conn->retry, RUDP_NEVER);
	link->conn = conn;
	conn->attempt = link;
	rudpmsg_link_greet(hub, link, now_at_ns);
}
