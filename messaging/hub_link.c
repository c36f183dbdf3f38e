/* SPDX-License-Identifier: MIT */
/* The states of a link: how it begins and ends, and what its end means for its connection. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

struct rudpmsg_link *rudpmsg_link_new(struct rudpmsg_hub *hub, enum link_state state)
{
	struct rudpmsg_link *link = calloc(1, sizeof *link);

	if (!link)
		return NULL;
	link->state = state;
	link->timer.kind = TIMER_LINK;
	rudp_list_append(&hub->links, &link->all);
	return link;
}

struct rudpmsg_link *rudpmsg_hub_on_accepted(struct rudpmsg_hub *hub, void *user, int64_t now_at_ns)
{
	struct rudpmsg_link *link;

	if (hub->is_ended)
		return NULL;
	if (hub->unauthenticated_count >= hub->config.limits.unauthenticated_max) {
		hub->stats.links_refused++;
		rudpmsg_link_end(hub, RUDP_LIST_OWNER(hub->unauthenticated_links.next,
						      struct rudpmsg_link, unauthenticated));
	}
	link = rudpmsg_link_new(hub, LINK_UNAUTHENTICATED);
	if (!link)
		return NULL;
	link->user = user;
	rudp_list_append(&hub->unauthenticated_links, &link->unauthenticated);
	hub->unauthenticated_count++;
	rudpmsg_hub_arm(hub, &link->timer, now_at_ns + hub->config.handshake_timeout_ns);
	return link;
}

void rudpmsg_link_free(struct rudpmsg_link *link)
{
	rudpmsg_chunk_put(link->chunk);
	free(link->host);
	free(link);
}

void *rudpmsg_link_user(const struct rudpmsg_link *link)
{
	return link->user;
}

void rudpmsg_link_set_user(struct rudpmsg_link *link, void *user)
{
	link->user = user;
}

void rudpmsg_link_set_key(struct rudpmsg_link *link, const uint8_t key[RUDPMSG_KEY_BYTES])
{
	link->key.is_known = true;
	memcpy(link->key.bytes, key, sizeof link->key.bytes);
}

const char *rudpmsg_link_host(const struct rudpmsg_link *link)
{
	return link->host;
}

uint16_t rudpmsg_link_port(const struct rudpmsg_link *link)
{
	return link->port;
}

void rudpmsg_link_enter(struct rudpmsg_hub *hub, struct rudpmsg_link *link, enum link_state next,
			int64_t deadline_at_ns)
{
	assert(link->state != LINK_ENDED);
	if (link->state == LINK_UNAUTHENTICATED) {
		rudp_list_remove(&link->unauthenticated);
		hub->unauthenticated_count--;
	}
	link->state = next;
	rudpmsg_hub_arm(hub, &link->timer, deadline_at_ns);
}

void rudpmsg_link_end(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	if (link->state == LINK_ENDED)
		return;
	rudpmsg_link_enter(hub, link, LINK_ENDED, RUDP_NEVER);
	rudp_list_remove(&link->all);
	rudp_list_remove(&link->dial);
	rudp_list_remove(&link->write);
	rudp_list_remove(&link->read);
	rudp_list_remove(&link->read_blocked);
	link->conn = NULL;
	rudp_list_append(&hub->to_close, &link->close);
	hub->changes |= RUDPMSG_CHANGED_WORK;
	if (rudp_list_is_empty(&hub->links))
		hub->changes |= RUDPMSG_CHANGED_CONNECT;
}

void rudpmsg_link_want_write(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	if (rudp_list_is_linked(&link->write))
		return;
	rudp_list_append(&hub->to_write, &link->write);
	hub->changes |= RUDPMSG_CHANGED_WRITE;
}

void rudpmsg_hub_write_later(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	if (link->state != LINK_ENDED)
		rudpmsg_link_want_write(hub, link);
}

uint8_t *rudpmsg_link_control_room(struct rudpmsg_link *link, size_t bytes)
{
	size_t waiting = link->control_end - link->control_start;

	if (link->control_end + bytes > sizeof link->control && link->control_start > 0) {
		memmove(link->control, link->control + link->control_start, waiting);
		link->control_start = 0;
		link->control_end = waiting;
	}
	return link->control_end + bytes > sizeof link->control ? NULL
								: link->control + link->control_end;
}

void rudpmsg_link_control_commit(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes)
{
	link->control_end += bytes;
	assert(link->control_end <= sizeof link->control);
	rudpmsg_link_want_write(hub, link);
}

void rudpmsg_link_add_ack(struct rudpmsg_link *link)
{
	struct rudpmsg_conn *conn = link->conn;
	uint64_t id = rudpmsg_conn_acknowledged(conn);
	uint8_t *room;

	if (id <= conn->acked_to_peer || link->is_stream_new)
		return;
	room = rudpmsg_link_control_room(link, RUDPMSG_MESSAGE_HEAD_BYTES);
	if (!room)
		return; /* a later ACK covers this one */
	link->control_end += rudpmsg_ack_write(room, id);
	conn->acked_to_peer = id;
}

void rudpmsg_link_bye(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		      enum rudpmsg_reason reason, int64_t now_at_ns)
{
	bool was_ready = link->state == LINK_READY;
	uint8_t *room;

	if (link->state == LINK_ENDED || link->state == LINK_CLOSING)
		return;
	room = rudpmsg_link_control_room(link, RUDPMSG_MESSAGE_HEAD_BYTES +
						       RUDPMSG_FRAME_HEAD_BYTES + 1 +
						       RUDPMSG_REASON_TEXT_MAX);
	/* In the middle of a MESSAGE frame no other frame can be written. */
	if (link->state == LINK_DIALING || !room ||
	    (was_ready && link->conn && rudpmsg_outbox_is_in_frame(&link->conn->outbox))) {
		rudpmsg_link_end(hub, link);
		return;
	}
	if (was_ready && link->conn) {
		rudpmsg_link_add_ack(link); /* otherwise the peer would send these messages again */
		room = rudpmsg_link_control_room(link, RUDPMSG_FRAME_HEAD_BYTES + 1);
	}
	rudpmsg_link_enter(hub, link, LINK_CLOSING, now_at_ns + BYE_NS);
	link->conn = NULL;
	link->was_ready = was_ready;
	rudpmsg_link_control_commit(
		hub, link,
		rudpmsg_reason_write(room, was_ready ? RUDPMSG_FRAME_CLOSE : RUDPMSG_FRAME_REFUSE,
				     reason));
}

/* Its link has ended, or ends once the CLOSE frame is written. */
static void on_link_lost(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int error,
			 int64_t now_at_ns)
{
	conn->link = NULL;
	if (!conn->host && !rudp_list_is_linked(&conn->linkless))
		rudp_list_append(&hub->linkless, &conn->linkless);
	conn->error = conn->broken_reason = error;
	hub->stats.links_broken++;
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_BROKEN);
	if (hub->config.give_up_ns != RUDP_NEVER)
		rudpmsg_hub_arm(hub, &conn->give_up, now_at_ns + hub->config.give_up_ns);
	rudpmsg_conn_retry_later(hub, conn, now_at_ns);
}

void rudpmsg_link_on_broken(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			    int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;

	assert(link->state == LINK_READY && conn->link == link);
	rudpmsg_link_end(hub, link);
	on_link_lost(hub, conn, error, now_at_ns);
}

void rudpmsg_link_on_store_failed(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
				  int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;

	assert(link->state == LINK_READY && conn->link == link);
	conn->failures = LONGEST_PAUSE_FAILURES;
	rudpmsg_link_bye(hub, link, RUDPMSG_REASON_STORE, now_at_ns);
	on_link_lost(hub, conn, ENOSPC, now_at_ns);
}

void rudpmsg_link_on_violation(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			       int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;

	hub->stats.frames_malformed++;
	switch (link->state) {
	case LINK_READY:
		conn->failures = LONGEST_PAUSE_FAILURES; /* the next link would end likewise */
		rudpmsg_link_bye(hub, link, RUDPMSG_REASON_PROTOCOL, now_at_ns);
		on_link_lost(hub, conn, EPROTO, now_at_ns);
		break;
	case LINK_ASKING:
	case LINK_GREETING:
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_PROTOCOL, 0, now_at_ns);
		break;
	case LINK_UNAUTHENTICATED:
		rudpmsg_link_bye(hub, link, RUDPMSG_REASON_PROTOCOL, now_at_ns);
		break;
	case LINK_DIALING:
	case LINK_CLOSING:
	case LINK_ENDED:
		rudpmsg_link_end(hub, link);
		break;
	}
}

void rudpmsg_hub_on_ended(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			  int64_t now_at_ns)
{
	switch (link->state) {
	case LINK_READY:
		rudpmsg_link_on_broken(hub, link, error ? error : ECONNRESET, now_at_ns);
		break;
	case LINK_DIALING:
	case LINK_ASKING:
	case LINK_GREETING:
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_NONE, error ? error : EPROTO,
				       now_at_ns);
		break;
	case LINK_UNAUTHENTICATED:
	case LINK_CLOSING:
		rudpmsg_link_end(hub, link);
		break;
	case LINK_ENDED:
		break;
	}
}

void rudpmsg_link_on_time(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns)
{
	switch (link->state) {
	case LINK_DIALING:
	case LINK_ASKING:
	case LINK_GREETING:
		rudpmsg_link_on_failed(hub, link, RUDPMSG_REASON_TIMEOUT, 0, now_at_ns);
		break;
	case LINK_UNAUTHENTICATED:
		rudpmsg_link_bye(hub, link, RUDPMSG_REASON_TIMEOUT, now_at_ns);
		break;
	case LINK_CLOSING:
		rudpmsg_link_end(hub, link);
		break;
	case LINK_READY:
	case LINK_ENDED:
		break;
	}
}
