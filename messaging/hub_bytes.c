/* SPDX-License-Identifier: MIT */
/* Input and output of a link: frames are parsed where they were read, and written without a
 * copy. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/hub_private.h"

#define READ_ROOM_MIN_BYTES 4096

/* ---- in ---- */

/* While its application is behind, a link is not read: the stream's flow control stops the peer. */
static bool is_behind(const struct rudpmsg_hub *hub, const struct rudpmsg_link *link)
{
	return link->state == LINK_READY &&
	       (link->conn->inbox.bytes >= hub->config.limits.unread_bytes_max ||
		rudpmsg_batch_is_full(hub->filling));
}

static void block_read(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	if (!rudp_list_is_linked(&link->read_blocked))
		rudp_list_append(&hub->read_blocked, &link->read_blocked);
}

/* Before the handshake is over, no memory is used for a message, since it is not allowed then. */
static enum rudpmsg_wire_verdict read_frame(const struct rudpmsg_hub *hub,
					    const struct rudpmsg_link *link,
					    struct rudpmsg_frame *frame, size_t *used)
{
	const struct rudpmsg_chunk *chunk = link->chunk;
	bool may_have_messages = link->state == LINK_READY || link->was_ready;

	return rudpmsg_frame_read(chunk->bytes + link->parsed, chunk->used - link->parsed,
				  may_have_messages ? hub->config.limits.message_bytes_max : 0,
				  frame, used);
}

/* Makes room to read after the unparsed bytes. An incomplete frame moves to a new chunk. */
static bool ensure_room(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	struct rudpmsg_chunk *old = link->chunk, *chunk;
	size_t rest = old ? old->used - link->parsed : 0, wanted = 0;
	struct rudpmsg_frame frame;

	if (old && rest == 0 && old->references == 1) {
		old->used = link->parsed = 0;
		old->uncharged = old->uncharged_before;
		return true;
	}
	if (old && old->size - old->used >= READ_ROOM_MIN_BYTES)
		return true;
	if (rest > 0 && read_frame(hub, link, &frame, &wanted) != RUDPMSG_WIRE_MORE)
		wanted = 0; /* complete, but reading stopped before it was parsed */
	chunk = rudpmsg_chunk_new((wanted > rest ? wanted : rest) + RUDPMSG_CHUNK_BYTES);
	if (!chunk)
		return false;
	if (rest > 0)
		memcpy(chunk->bytes, old->bytes + link->parsed, rest);
	chunk->used = rest;
	chunk->uncharged_before = !old                  ? link->uncharged_before
				  : old->references > 1 ? old->uncharged
							: old->uncharged_before;
	chunk->uncharged = chunk->uncharged_before;
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
	link->uncharged_before = chunk->uncharged_before;
	rudpmsg_chunk_put(chunk);
	link->chunk = NULL;
	link->parsed = 0;
	return true;
}

size_t rudpmsg_hub_read_room(struct rudpmsg_hub *hub, struct rudpmsg_link *link, uint8_t **room)
{
	if (link->state == LINK_ENDED || link->state == LINK_DIALING)
		return 0;
	if (is_behind(hub, link)) {
		block_read(hub, link);
		return 0;
	}
	if (!ensure_room(hub, link)) {
		/* Nothing would tell us when to go on reading. So the link ends, and the peer sends
		 * the rest again on the next link. */
		rudpmsg_hub_on_ended(hub, link, ENOMEM, hub->seen_at_ns);
		return 0;
	}
	*room = link->chunk->bytes + link->chunk->used;
	return link->chunk->size - link->chunk->used;
}

static void on_message(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		       const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	struct rudpmsg_conn *conn = link->conn;
	const uint8_t *bytes;
	uint32_t length;
	uint64_t id;
	int rc;

	if (rudpmsg_id_read(frame, &id) != RUDPMSG_WIRE_OK || id == 0) {
		rudpmsg_link_on_violation(hub, link, now_at_ns);
		return;
	}
	if (link->is_stream_new)
		rudpmsg_conn_take_stream(conn, link->greeting.stream);
	link->is_stream_new = false;
	bytes = frame->content + sizeof id;
	length = (uint32_t)(frame->length - sizeof id);
	rc = rudpmsg_store_room(hub, length);
	if (rc == 0)
		rc = rudpmsg_inbox_add(&conn->inbox, id, bytes, length, link->chunk,
				       conn->received_as + 1);
	/* The message was not taken and is not acknowledged: it comes again on the next link. */
	if (rc == -ENOMEM) {
		rudpmsg_link_on_broken(hub, link, ENOMEM, now_at_ns);
		return;
	}
	if (rc == -EEXIST) {
		hub->stats.messages_duplicate++;
	} else if (rc < 0) {
		rudpmsg_link_on_store_failed(hub, link, now_at_ns);
		return;
	} else {
		hub->stats.messages_received++;
	}
	rudpmsg_link_want_write(hub, link); /* an ACK may be due */
	rudpmsg_conn_note_active(hub, conn, now_at_ns);
	if (rc == 0)
		rudpmsg_store_received(hub, conn, id, bytes, length);
	if (rudpmsg_inbox_is_waiting(&conn->inbox))
		rudpmsg_conn_note_readable(hub, conn);
}

static void on_ack(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		   const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	uint64_t id;
	int64_t count;

	if (rudpmsg_id_read(frame, &id) != RUDPMSG_WIRE_OK ||
	    (count = rudpmsg_outbox_on_ack(&link->conn->outbox, id)) < 0) {
		rudpmsg_link_on_violation(hub, link, now_at_ns);
		return;
	}
	rudpmsg_conn_on_answered(hub, link->conn, (uint64_t)count);
}

static void on_close(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		     const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	uint8_t reason;

	if (rudpmsg_reason_read(frame, &reason) != RUDPMSG_WIRE_OK) {
		rudpmsg_link_on_violation(hub, link, now_at_ns);
		return;
	}
	if (reason == RUDPMSG_REASON_GOODBYE) {
		struct rudpmsg_conn *conn = link->conn;

		rudpmsg_link_end(hub, link);
		conn->link = NULL;
		rudpmsg_conn_leave(hub, conn, ECONNABORTED);
		return;
	}
	/* After TAKEN_OVER wait longest: otherwise two programs with one name would take the link
	 * from each other at each round trip. After PROTOCOL the next link would end likewise. */
	if (reason == RUDPMSG_REASON_STORE || reason == RUDPMSG_REASON_TAKEN_OVER ||
	    reason == RUDPMSG_REASON_PROTOCOL)
		link->conn->failures = LONGEST_PAUSE_FAILURES;
	rudpmsg_link_on_broken(hub, link, rudpmsg_reason_error(reason), now_at_ns);
}

static void on_refuse(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		      const struct rudpmsg_frame *frame, int64_t now_at_ns)
{
	uint8_t reason;

	/* A refusal must have a reason: an attempt that fails with reason NONE would look like one
	 * that has not failed. */
	if (rudpmsg_reason_read(frame, &reason) != RUDPMSG_WIRE_OK ||
	    reason == RUDPMSG_REASON_NONE) {
		rudpmsg_link_on_violation(hub, link, now_at_ns);
		return;
	}
	hub->stats.links_refused++;
	rudpmsg_link_on_failed(hub, link, (enum rudpmsg_reason)reason, 0, now_at_ns);
}

static void on_who(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns)
{
	/* Before IAM is written there must also be room for an ACK_HANDSHAKE after it. */
	uint8_t *room = rudpmsg_link_control_room(link, 2 * RUDPMSG_HANDSHAKE_BYTES_MAX);

	if (!room) {
		rudpmsg_link_on_violation(hub, link, now_at_ns);
		return;
	}
	rudpmsg_link_control_commit(hub, link, rudpmsg_iam_write(room, hub->config.name));
}

static bool is_allowed(enum link_state state, enum rudpmsg_frame_type type)
{
	switch (type) {
	case RUDPMSG_FRAME_HANDSHAKE:
		return state == LINK_UNAUTHENTICATED || state == LINK_READY;
	case RUDPMSG_FRAME_WHO:
		return state == LINK_UNAUTHENTICATED;
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
	if (!is_allowed(link->state, frame->type)) {
		rudpmsg_link_on_violation(hub, link, now_at_ns);
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

	while (link->state != LINK_ENDED && link->state != LINK_CLOSING && !is_behind(hub, link)) {
		verdict = read_frame(hub, link, &frame, &used);
		if (verdict == RUDPMSG_WIRE_MORE)
			return;
		if (verdict != RUDPMSG_WIRE_OK) {
			rudpmsg_link_on_violation(hub, link, now_at_ns);
			return;
		}
		link->parsed += used;
		link->chunk->uncharged += used;
		on_frame(hub, link, &frame, now_at_ns);
	}
	if (link->state == LINK_READY)
		block_read(hub, link);
}

void rudpmsg_link_read_on(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	if (!rudp_list_is_linked(&link->read_blocked) || rudp_list_is_linked(&link->read) ||
	    is_behind(hub, link))
		return;
	rudp_list_remove(&link->read_blocked);
	rudp_list_append(&hub->to_read, &link->read);
	hub->changes |= RUDPMSG_CHANGED_WORK;
}

/* After this node has sent its CLOSE, the peer's CLOSE is the only frame that matters. It ends the
 * link: if both nodes have sent one, each would wait for the other to end the link. */
static void await_close(struct rudpmsg_hub *hub, struct rudpmsg_link *link)
{
	enum rudpmsg_wire_verdict verdict;
	struct rudpmsg_frame frame;
	size_t used;

	do {
		verdict = read_frame(hub, link, &frame, &used);
		if (verdict == RUDPMSG_WIRE_OK && frame.type == RUDPMSG_FRAME_CLOSE) {
			rudpmsg_link_end(hub, link);
			return;
		}
		if (verdict == RUDPMSG_WIRE_OK)
			link->parsed += used;
		else if (verdict != RUDPMSG_WIRE_MORE)
			link->parsed = link->chunk->used;
	} while (verdict == RUDPMSG_WIRE_OK);
}

void rudpmsg_hub_on_read(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes,
			 int64_t now_at_ns)
{
	if (link->state == LINK_ENDED)
		return;
	if (link->state == LINK_CLOSING && !link->was_ready)
		return; /* the room is used again */
	if (!link->chunk)
		return; /* held back before anything was read */
	hub->seen_at_ns = now_at_ns;
	link->chunk->used += bytes;
	if (link->state == LINK_CLOSING)
		await_close(hub, link);
	else
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
	rudpmsg_link_add_ack(link);
	used = add_control(link, iov);
	return used + rudpmsg_outbox_next(outbox, RUDPMSG_WRITE_BYTES, iov + used);
}

bool rudpmsg_hub_is_control(const struct rudpmsg_link *link, const struct iovec *piece)
{
	return piece->iov_base == link->control + link->control_start;
}

void rudpmsg_hub_on_written(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes)
{
	size_t control = link->control_end - link->control_start;

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
		rudpmsg_conn_on_answered(
			hub, link->conn,
			rudpmsg_outbox_on_written(&link->conn->outbox, bytes - control));
	else if (link->state == LINK_CLOSING && link->control_end == 0 && !link->was_ready)
		rudpmsg_link_end(hub, link);
}
