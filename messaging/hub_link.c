/* SPDX-License-Identifier: MIT */
/* Bytes in and out of a link, and how it ends. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

#define READ_ROOM_MIN_BYTES 4096

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
	if (link->state == LINK_STRANGER)
		hub->stranger_count--;
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
	hub->changes |= RUDPMSG_CHANGED_WORK;
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

/* ACKs are merged: one is written when there is something new to say and the link can take it. */
static void add_ack(struct rudpmsg_link *link)
{
	struct rudpmsg_conn *conn = link->conn;
	uint64_t id = rudpmsg_conn_acknowledged(conn);
	uint8_t *room;

	if (id <= conn->told)
		return;
	room = rudpmsg_link_control_room(link, RUDPMSG_MESSAGE_HEAD_BYTES);
	if (!room)
		return; /* a later one says it, too */
	link->control_end += rudpmsg_ack_write(room, id);
	conn->told = id;
}

void rudpmsg_link_bye(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		      enum rudpmsg_reason reason, int64_t now_at_ns)
{
	bool was_ready = link->state == LINK_READY;
	uint8_t *room;

	if (link->state == LINK_ENDED || link->state == LINK_SAYING_BYE)
		return;
	room = rudpmsg_link_control_room(link, RUDPMSG_MESSAGE_HEAD_BYTES +
						       RUDPMSG_FRAME_HEAD_BYTES + 1 +
						       RUDPMSG_REASON_TEXT_MAX);
	/* In the middle of a message no other frame can be said. */
	if (link->state == LINK_DIALING || !room ||
	    (was_ready && link->conn && rudpmsg_outbox_is_in_frame(&link->conn->outbox))) {
		rudpmsg_link_end(hub, link);
		return;
	}
	if (was_ready && link->conn) {
		add_ack(link); /* or what has been taken comes again */
		room = rudpmsg_link_control_room(link, RUDPMSG_FRAME_HEAD_BYTES + 1);
	}
	rudpmsg_link_enter(hub, link, LINK_SAYING_BYE, now_at_ns + BYE_NS);
	link->conn = NULL;
	link->has_stood = was_ready;
	rudpmsg_link_control_commit(
		hub, link,
		rudpmsg_reason_write(room, was_ready ? RUDPMSG_FRAME_CLOSE : RUDPMSG_FRAME_REFUSE,
				     reason));
}

void rudpmsg_link_on_broken(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			    int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;

	assert(link->state == LINK_READY && conn->link == link);
	conn->link = NULL;
	conn->error = error;
	conn->broken_reason = error;
	hub->stats.links_broken++;
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_BROKEN);
	rudpmsg_link_end(hub, link);
	if (hub->config.give_up_ns != RUDP_NEVER)
		rudpmsg_hub_arm(hub, &conn->give_up, now_at_ns + hub->config.give_up_ns);
	rudpmsg_conn_retry_later(hub, conn, now_at_ns);
}

/* A peer that breaks the protocol, in whatever state. */
static void on_wrong(struct rudpmsg_hub *hub, struct rudpmsg_link *link, enum rudpmsg_reason reason,
		     int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;

	hub->stats.frames_malformed++;
	switch (link->state) {
	case LINK_READY:
		rudpmsg_link_bye(hub, link, reason, now_at_ns);
		conn->link = NULL;
		conn->error = conn->broken_reason = EPROTO;
		hub->stats.links_broken++;
		rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_BROKEN);
		if (hub->config.give_up_ns != RUDP_NEVER)
			rudpmsg_hub_arm(hub, &conn->give_up, now_at_ns + hub->config.give_up_ns);
		rudpmsg_conn_retry_later(hub, conn, now_at_ns);
		break;
	case LINK_ASKING:
	case LINK_GREETING:
		rudpmsg_link_on_failed(hub, link, reason, 0, now_at_ns);
		break;
	case LINK_STRANGER:
		rudpmsg_link_bye(hub, link, reason, now_at_ns);
		break;
	case LINK_DIALING:
	case LINK_SAYING_BYE:
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
	case LINK_STRANGER:
	case LINK_SAYING_BYE:
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
	case LINK_STRANGER:
		rudpmsg_link_bye(hub, link, RUDPMSG_REASON_TIMEOUT, now_at_ns);
		break;
	case LINK_SAYING_BYE:
		rudpmsg_link_end(hub, link);
		break;
	case LINK_READY:
	case LINK_ENDED:
		break;
	}
}

/* ---- in ---- */

/* A link whose application is behind is not read: the stream's flow control holds the peer back. */
static bool is_behind(const struct rudpmsg_hub *hub, const struct rudpmsg_link *link)
{
	return link->state == LINK_READY &&
	       link->conn->inbox.bytes >= hub->config.limits.unread_bytes_max;
}

/* A chunk with room behind what is not parsed yet; the rest of a frame moves to the new one. */
static bool ensure_room(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	struct rudpmsg_chunk *old = link->chunk, *chunk;
	size_t rest = old ? old->used - link->parsed : 0, wanted = 0;
	struct rudpmsg_frame frame;

	if (old && old->size - old->used >= READ_ROOM_MIN_BYTES)
		return true;
	if (old && rest == 0 && old->references == 1) {
		old->used = link->parsed = 0;
		return true;
	}
	if (rest > 0 && rudpmsg_frame_read(old->bytes + link->parsed, rest,
					   hub->config.limits.message_bytes_max, &frame,
					   &wanted) != RUDPMSG_WIRE_MORE)
		wanted = 0; /* held back before it was parsed */
	chunk = rudpmsg_chunk_new((wanted > rest ? wanted : rest) + RUDPMSG_CHUNK_BYTES);
	if (!chunk)
		return false;
	if (rest > 0)
		memcpy(chunk->bytes, old->bytes + link->parsed, rest);
	chunk->used = rest;
	link->parsed = 0;
	link->chunk = chunk;
	rudpmsg_chunk_put(old);
	return true;
}

bool rudpmsg_link_trim(struct rudpmsg_link *link)
{
	struct rudpmsg_chunk *chunk = link->chunk;

	if (!chunk)
		return true;
	if (link->parsed < chunk->used || chunk->references > 1)
		return false;
	rudpmsg_chunk_put(chunk);
	link->chunk = NULL;
	link->parsed = 0;
	return true;
}

size_t rudpmsg_hub_read_room(struct rudpmsg_hub *hub, struct rudpmsg_link *link, uint8_t **room)
{
	if (link->state == LINK_ENDED || link->state == LINK_DIALING)
		return 0;
	if (is_behind(hub, link) || !ensure_room(hub, link)) {
		link->is_held = true;
		return 0;
	}
	*room = link->chunk->bytes + link->chunk->used;
	return link->chunk->size - link->chunk->used;
}

static void on_message(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		       const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;
	uint64_t id;
	int rc;

	if (rudpmsg_id_read(frame, &id) != RUDPMSG_WIRE_OK || id == 0) {
		on_wrong(hub, link, RUDPMSG_REASON_PROTOCOL, now_at_ns);
		return;
	}
	rc = rudpmsg_inbox_add(&conn->inbox, id, frame->content + sizeof id,
			       (uint32_t)(frame->length - sizeof id), link->chunk);
	if (rc == -ENOMEM) {
		/* Not taken, not acknowledged: it comes again on the next link. */
		rudpmsg_link_on_broken(hub, link, ENOMEM, now_at_ns);
		return;
	}
	if (rc == -EEXIST)
		hub->stats.messages_duplicate++;
	else
		hub->stats.messages_received++;
	rudpmsg_link_want_write(hub, link); /* an ACK may be due */
	rudpmsg_conn_note_active(hub, conn, now_at_ns);
	if (rc == 0)
		rudpmsg_conn_note_readable(hub, conn);
}

static void on_ack(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		   const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	uint64_t id;
	int64_t count;

	if (rudpmsg_id_read(frame, &id) != RUDPMSG_WIRE_OK ||
	    (count = rudpmsg_outbox_on_ack(&link->conn->outbox, id)) < 0) {
		on_wrong(hub, link, RUDPMSG_REASON_PROTOCOL, now_at_ns);
		return;
	}
	rudpmsg_conn_on_answered(hub, link->conn, (uint64_t)count);
}

static void on_close(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		     const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	uint8_t reason = RUDPMSG_REASON_NONE;

	rudpmsg_reason_read(frame, &reason);
	if (reason == RUDPMSG_REASON_GOODBYE) {
		struct rudpmsg_conn *conn = link->conn;

		rudpmsg_link_end(hub, link);
		conn->link = NULL;
		rudpmsg_conn_leave(hub, conn, ECONNABORTED);
		return;
	}
	rudpmsg_link_on_broken(hub, link, rudpmsg_reason_error(reason), now_at_ns);
}

static void on_refuse(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		      const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	uint8_t reason = RUDPMSG_REASON_PROTOCOL;

	rudpmsg_reason_read(frame, &reason);
	hub->stats.links_refused++;
	rudpmsg_link_on_failed(hub, link, (enum rudpmsg_reason)reason, 0, now_at_ns);
}

static void on_who(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns)
{
	/* An ACK_HANDSHAKE must find room behind it: nothing may be written in between. */
	uint8_t *room = rudpmsg_link_control_room(link, 2 * RUDPMSG_HANDSHAKE_BYTES_MAX);

	if (!room) {
		on_wrong(hub, link, RUDPMSG_REASON_PROTOCOL, now_at_ns);
		return;
	}
	rudpmsg_link_control_commit(hub, link, rudpmsg_iam_write(room, hub->config.name));
}

static bool may_come(enum link_state state, enum rudpmsg_frame_type type)
{
	switch (type) {
	case RUDPMSG_FRAME_HANDSHAKE:
		return state == LINK_STRANGER || state == LINK_READY;
	case RUDPMSG_FRAME_WHO:
		return state == LINK_STRANGER;
	case RUDPMSG_FRAME_IAM:
		return state == LINK_ASKING;
	case RUDPMSG_FRAME_ACK_HANDSHAKE:
		return state == LINK_GREETING;
	case RUDPMSG_FRAME_REFUSE:
		return state == LINK_ASKING || state == LINK_GREETING;
	case RUDPMSG_FRAME_MESSAGE:
	case RUDPMSG_FRAME_ACK:
	case RUDPMSG_FRAME_CLOSE:
		return state == LINK_READY;
	}
	return false;
}

static void on_frame(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		     const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	if (!may_come(link->state, frame->type)) {
		on_wrong(hub, link, RUDPMSG_REASON_PROTOCOL, now_at_ns);
		return;
	}
	switch (frame->type) {
	case RUDPMSG_FRAME_HANDSHAKE:
		rudpmsg_link_on_handshake(hub, link, frame, now_at_ns);
		break;
	case RUDPMSG_FRAME_ACK_HANDSHAKE:
		rudpmsg_link_on_ack_handshake(hub, link, frame, now_at_ns);
		break;
	case RUDPMSG_FRAME_REFUSE:
		on_refuse(hub, link, frame, now_at_ns);
		break;
	case RUDPMSG_FRAME_MESSAGE:
		on_message(hub, link, frame, now_at_ns);
		break;
	case RUDPMSG_FRAME_ACK:
		on_ack(hub, link, frame, now_at_ns);
		break;
	case RUDPMSG_FRAME_CLOSE:
		on_close(hub, link, frame, now_at_ns);
		break;
	case RUDPMSG_FRAME_WHO:
		on_who(hub, link, now_at_ns);
		break;
	case RUDPMSG_FRAME_IAM:
		rudpmsg_link_on_iam(hub, link, frame, now_at_ns);
		break;
	}
}

/* Frames that are complete, until the link ends or its reader is behind. */
static void parse(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns)
{
	enum rudpmsg_wire_verdict verdict;
	struct rudpmsg_frame frame;
	size_t used;

	while (link->state != LINK_ENDED && link->state != LINK_SAYING_BYE &&
	       !is_behind(hub, link)) {
		verdict = rudpmsg_frame_read(link->chunk->bytes + link->parsed,
					     link->chunk->used - link->parsed,
					     hub->config.limits.message_bytes_max, &frame, &used);
		if (verdict == RUDPMSG_WIRE_MORE)
			return;
		if (verdict != RUDPMSG_WIRE_OK) {
			on_wrong(hub, link, RUDPMSG_REASON_PROTOCOL, now_at_ns);
			return;
		}
		link->parsed += used;
		on_frame(hub, link, &frame, now_at_ns);
	}
	if (link->state == LINK_READY)
		link->is_held = true;
}

void rudpmsg_hub_on_read(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes,
			 int64_t now_at_ns)
{
	if (link->state == LINK_ENDED || link->state == LINK_SAYING_BYE)
		return; /* the room is used again */
	if (!link->chunk)
		return; /* held back before anything was read */
	link->chunk->used += bytes;
	parse(hub, link, now_at_ns);
}

/* ---- out ---- */

static int add_control(struct rudpmsg_link *link, struct iovec *iov)
{
	size_t bytes = link->control_end - link->control_start;

	if (bytes == 0)
		return 0;
	iov[0] = (struct iovec){link->control + link->control_start, bytes};
	return 1;
}

int rudpmsg_hub_write_next(struct rudpmsg_link *link, struct iovec *iov, int count)
{
	struct rudpmsg_outbox *outbox;
	size_t rest;
	int used;

	assert(count >= 3);
	if (link->state == LINK_ENDED || link->state == LINK_DIALING)
		return 0;
	if (link->state != LINK_READY)
		return add_control(link, iov);
	outbox = &link->conn->outbox;
	rest = rudpmsg_outbox_frame_rest(outbox);
	if (rest > 0)
		return rudpmsg_outbox_next(outbox, rest, iov);
	add_ack(link);
	used = add_control(link, iov);
	return used + rudpmsg_outbox_next(outbox, RUDPMSG_WRITE_BYTES, iov + used);
}

void rudpmsg_hub_on_written(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes,
			    int64_t now_at_ns)
{
	size_t control = link->control_end - link->control_start;

	(void)now_at_ns;
	if (link->state == LINK_ENDED)
		return;
	if (link->state == LINK_READY && rudpmsg_outbox_is_in_frame(&link->conn->outbox))
		control = 0;
	if (control > bytes)
		control = bytes;
	link->control_start += control;
	if (link->control_start == link->control_end)
		link->control_start = link->control_end = 0;
	if (link->state == LINK_READY)
		rudpmsg_outbox_on_written(&link->conn->outbox, bytes - control);
	else if (link->state == LINK_SAYING_BYE && link->control_end == 0 && !link->has_stood)
		rudpmsg_link_end(hub, link);
}
