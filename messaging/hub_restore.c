/* SPDX-License-Identifier: MIT */
/*
 * Loads what the store had when the node was opened. Each peer becomes a remembered sender; a peer
 * with messages also gets a connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

int rudpmsg_hub_restore_peer(struct rudpmsg_hub *hub, uint64_t number,
			     const struct rudpmsg_peer *record)
{
	struct sender *sender = rudpmsg_sender_find(hub, record->name);

	if (sender || number <= hub->last_peer || strcmp(record->name, hub->config.name) == 0)
		return -EBADMSG;
	sender = rudpmsg_sender_new(hub, record->name, number);
	if (!sender)
		return -ENOMEM;
	*sender->record = *record;
	hub->last_peer = number;
	if (hub->last_age < record->age)
		hub->last_age = record->age;
	hub->restored_sender = sender;
	hub->restored = NULL;
	return 0;
}

/* The connection of the peer whose messages are being loaded; makes it for the first message. */
static struct rudpmsg_conn *restored_conn(struct rudpmsg_hub *hub, int *error)
{
	const struct rudpmsg_peer *record;
	struct rudpmsg_conn *conn;

	*error = -EBADMSG;
	if (hub->restored || !hub->restored_sender)
		return hub->restored;
	record = hub->restored_sender->record;
	conn = rudpmsg_conn_new(hub, record->name, error);
	if (!conn)
		return NULL;
	*error = -ENOMEM;
	if (record->port && !(conn->host = strdup(record->host)))
		return NULL;
	conn->port = record->port;
	conn->is_restored = true;
	rudpmsg_inbox_restart(&conn->inbox); /* restore_end sets up to which id messages came */
	return hub->restored = conn;
}

int rudpmsg_hub_restore_sent(struct rudpmsg_hub *hub, uint64_t id, const uint8_t *bytes,
			     size_t length)
{
	int rc;
	struct rudpmsg_conn *conn = restored_conn(hub, &rc);

	if (!conn)
		return rc;
	if (id <= conn->outbox.last_id || id >= conn->sender->record->next_id)
		return -EBADMSG;
	rc = rudpmsg_outbox_restore(&conn->outbox, id, bytes, length);
	hub->unanswered += rc == 0;
	return rc;
}

/* Memory for a message that the application may keep for any time. */
static uint8_t *chunk_room(struct rudpmsg_hub *hub, size_t length)
{
	struct rudpmsg_chunk *chunk = hub->restored_chunk;

	if (!chunk || chunk->size - chunk->used < length) {
		rudpmsg_chunk_put(chunk);
		hub->restored_chunk = chunk = rudpmsg_chunk_new(length);
	}
	return chunk ? chunk->bytes + chunk->used : NULL;
}

int rudpmsg_hub_restore_received(struct rudpmsg_hub *hub, uint64_t number,
				 const struct rudpmsg_received *received)
{
	int rc;
	struct rudpmsg_conn *conn = restored_conn(hub, &rc);
	const struct rudpmsg_peer *record;
	uint8_t *bytes;
	uint64_t id;

	if (!conn)
		return rc;
	record = conn->sender->record;
	id = received->stream == record->peer_stream ? received->id : 0;
	if (number <= conn->received_as || (id != 0 && id <= conn->inbox.received_id) ||
	    id > record->received || received->length > UINT32_MAX)
		return -EBADMSG;
	bytes = chunk_room(hub, received->length);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, received->bytes, received->length);
	rc = rudpmsg_inbox_restore(&conn->inbox, id, bytes, (uint32_t)received->length,
				   hub->restored_chunk, number);
	if (rc < 0)
		return rc;
	hub->restored_chunk->used += received->length;
	conn->received_as = number;
	return 0;
}

static int by_age(const struct sender *a, const struct sender *b)
{
	return a->record->age < b->record->age ? -1 : a->record->age > b->record->age;
}

int rudpmsg_hub_restore_end(struct rudpmsg_hub *hub, int64_t now_at_ns)
{
	struct rudpmsg_conn *conn;
	struct sender *sender, *next;
	int rc;

	rudpmsg_chunk_put(hub->restored_chunk);
	hub->restored_chunk = NULL;
	hub->restored = NULL;
	hub->restored_sender = NULL;
	for (conn = hub->by_id; conn; conn = conn->by_id.next) {
		rudpmsg_inbox_on_restored(&conn->inbox, conn->sender->record->received);
		if (rudpmsg_inbox_is_waiting(&conn->inbox))
			rudpmsg_conn_note_readable(hub, conn);
		if (!conn->host)
			rudp_list_append(&hub->linkless, &conn->linkless);
		if (!conn->host || conn->outbox.count == 0)
			continue;
		rc = rudpmsg_conn_dial(hub, conn, now_at_ns);
		if (rc < 0)
			return rc;
	}
	HASH_SORT(hub->senders, by_age);
	HASH_ITER(hh, hub->senders, sender, next) {
		if (!rudpmsg_hub_find(hub, sender->name))
			rudpmsg_sender_retire(hub, sender);
	}
	return 0;
}
