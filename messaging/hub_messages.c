/* SPDX-License-Identifier: MIT */
/* Messages of a connection: the application's calls, and the results of messages. */
#include <errno.h>

#include "messaging/hub_private.h"

uint64_t rudpmsg_conn_acknowledged(const struct rudpmsg_conn *conn)
{
	switch (conn->peer_ack) {
	case RUDPMSG_ACK_RECEIVED:
		if (!conn->inbox.has_store)
			return conn->inbox.received_id;
		return conn->inbox.stored_id; /* messages that are not stored can be rolled back */
	case RUDPMSG_ACK_HANDLED:
		return conn->inbox.handled_id;
	case RUDPMSG_ACK_STORED:
		return conn->inbox.stored_id;
	}
	return 0;
}

void rudpmsg_conn_take_stream(struct rudpmsg_conn *conn, uint64_t stream)
{
	conn->peer_stream = stream;
	rudpmsg_inbox_restart(&conn->inbox);
}

void rudpmsg_conn_note_readable(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	if (rudp_list_is_linked(&conn->waiting))
		return;
	rudp_list_append(&hub->readable, &conn->waiting);
	hub->changes |= RUDPMSG_CHANGED_READABLE;
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_READABLE);
}

uint32_t rudpmsg_hub_message_bytes_max(const struct rudpmsg_hub *hub)
{
	return hub->config.limits.message_bytes_max;
}

void rudpmsg_conn_await_room(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			     struct rudpmsg_room *room)
{
	rudp_list_append(&conn->for_room, &room->link);
	if (!rudp_list_is_linked(&conn->awaited))
		rudp_list_append(&hub->awaited, &conn->awaited);
}

struct rudpmsg_room *rudpmsg_hub_next_room(struct rudpmsg_hub *hub)
{
	return RUDP_LIST_POP(&hub->rooms_ready, struct rudpmsg_room, link);
}

void rudpmsg_conn_note_room(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	struct rudp_list *link;

	hub->changes |= RUDPMSG_CHANGED_ROOM;
	rudp_list_remove(&conn->awaited);
	while ((link = rudp_list_pop(&conn->for_room))) {
		rudp_list_append(&hub->rooms_ready, link);
		hub->changes |= RUDPMSG_CHANGED_WORK;
	}
}

void rudpmsg_conn_on_answered(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count)
{
	if (count == 0)
		return;
	hub->unanswered -= count;
	hub->stats.messages_acknowledged += count;
	conn->acknowledged_id = conn->outbox.answered;
	rudpmsg_store_note(hub, conn);
	hub->changes |= RUDPMSG_CHANGED_ANSWER;
	rudpmsg_conn_note_room(hub, conn);
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_ACKNOWLEDGED);
}

void rudpmsg_conn_on_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count,
			    uint64_t id, int reason)
{
	if (count == 0)
		return;
	hub->unanswered -= count;
	hub->stats.messages_failed += count;
	hub->changes |= RUDPMSG_CHANGED_ANSWER;
	rudpmsg_conn_note_room(hub, conn);
	conn->failed_id = id;
	conn->failed_reason = reason;
	rudpmsg_store_note(hub, conn);
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_FAILED);
}

int rudpmsg_hub_send(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, const void *bytes,
		     size_t length, rudpmsg_message_id *id, int64_t now_at_ns)
{
	bool was_due = rudpmsg_outbox_is_due(&conn->outbox);
	uint64_t next = conn->outbox.next_id;
	int rc;

	if (conn->is_leaving)
		return -ENOENT;
	if (length > hub->config.limits.message_bytes_max || length > conn->peer_message_bytes_max)
		return -EMSGSIZE;
	hub->seen_at_ns = now_at_ns;
	rc = rudpmsg_store_room(hub, length);
	if (rc == 0)
		rc = rudpmsg_outbox_add(&conn->outbox, next, bytes, length);
	if (rc < 0)
		return rc;
	rudpmsg_store_sent(hub, conn, next, bytes, length);
	*id = next;
	hub->unanswered++;
	hub->stats.messages_accepted++;
	rudpmsg_conn_note_active(hub, conn, now_at_ns);
	if (!was_due && conn->link && rudpmsg_outbox_is_due(&conn->outbox))
		rudpmsg_link_want_write(hub, conn->link);
	return 0;
}

int rudpmsg_hub_receive(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			struct rudpmsg_message *message)
{
	const struct rudpmsg_entry *entry;
	uint64_t place;

	if (!conn && !rudp_list_is_empty(&hub->readable))
		conn = RUDP_LIST_OWNER(hub->readable.next, struct rudpmsg_conn, waiting);
	if (!conn)
		return -EAGAIN;
	entry = rudpmsg_inbox_take(&conn->inbox, &place);
	if (!entry)
		return -EAGAIN;
	*message = (struct rudpmsg_message){conn->id,      entry->id, entry->bytes,
					    entry->length, place,     entry->chunk};
	/* To the end of the list: connections take turns. */
	rudp_list_remove(&conn->waiting);
	if (rudpmsg_inbox_is_waiting(&conn->inbox))
		rudp_list_append(&hub->readable, &conn->waiting);
	else
		conn->readable_reported = false;
	return 0;
}

void rudpmsg_hub_done(struct rudpmsg_hub *hub, rudpmsg_conn_id id, uint64_t place)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_conn(hub, id);
	struct rudpmsg_link *link;

	if (!conn)
		return;
	link = conn->link;
	rudpmsg_store_done(hub, conn, rudpmsg_inbox_stored_as(&conn->inbox, place));
	if (rudpmsg_inbox_done(&conn->inbox, place) && link &&
	    conn->peer_ack == RUDPMSG_ACK_HANDLED)
		rudpmsg_link_want_write(hub, link);
	if (link && conn->inbox.bytes <= hub->config.limits.unread_bytes_max / 2)
		rudpmsg_link_read_on(hub, link);
	if (conn->is_leaving && rudpmsg_inbox_is_empty(&conn->inbox))
		rudpmsg_conn_forget(hub, conn, conn->leave_reason);
}

enum rudpmsg_state rudpmsg_conn_state(const struct rudpmsg_conn *conn, uint64_t id, int *reason)
{
	enum rudpmsg_state state = rudpmsg_outbox_state(&conn->outbox, id, reason);

	return state == RUDPMSG_STATE_SENT && !conn->link ? RUDPMSG_STATE_QUEUED : state;
}

uint64_t rudpmsg_conn_unanswered(const struct rudpmsg_conn *conn)
{
	return conn->outbox.count;
}

uint64_t rudpmsg_hub_unanswered(const struct rudpmsg_hub *hub)
{
	return hub->unanswered;
}
