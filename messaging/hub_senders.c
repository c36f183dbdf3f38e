/* SPDX-License-Identifier: MIT */
/* Remembers up to which id the messages of senders without a connection have come, so that
 * duplicates are recognized when such a sender connects again, and the keys of their names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

static void sender_drop(struct rudpmsg_hub *hub, struct sender *sender)
{
	HASH_DEL(hub->senders, sender);
	rudp_list_remove(&sender->age);
	rudp_list_remove(&sender->unsaved);
	hub->sender_count--;
	free(sender->record);
	free(sender);
}

struct sender *rudpmsg_sender_find(const struct rudpmsg_hub *hub, const char *name)
{
	return RUDP_TABLE_FIND_KEY(hh, hub->senders, name, strlen(name));
}

struct sender *rudpmsg_sender_new(struct rudpmsg_hub *hub, const char *name, uint64_t number)
{
	struct sender *sender = calloc(1, sizeof *sender);

	if (!sender)
		return NULL;
	strcpy(sender->name, name);
	sender->number = number;
	sender->record = calloc(1, sizeof *sender->record);
	if (!sender->record)
		goto free_sender;
	if (!RUDP_TABLE_ADD_KEY(hh, hub->senders, sender->name, strlen(name), sender))
		goto free_record;
	return sender;

free_record:
	free(sender->record);
free_sender:
	free(sender);
	return NULL;
}

struct rudpmsg_key *rudpmsg_sender_key(const struct rudpmsg_hub *hub, const char *name)
{
	struct sender *sender = rudpmsg_sender_find(hub, name);

	if (!sender)
		return NULL;
	return sender->record ? &sender->record->key : &sender->key;
}

int rudpmsg_hub_forget_key(struct rudpmsg_hub *hub, const char *name)
{
	struct rudpmsg_conn *conn;
	struct sender *sender;
	struct rudpmsg_key *key;

	if (!rudpmsg_name_is_valid(name, strlen(name)))
		return -EINVAL;
	conn = rudpmsg_hub_find(hub, name);
	key = conn ? &conn->key : rudpmsg_sender_key(hub, name);
	if (!key || !key->is_known)
		return -ENOENT;
	memset(key, 0, sizeof *key);
	sender = rudpmsg_sender_find(hub, name);
	if (conn)
		rudpmsg_store_note(hub, conn);
	else if (sender && sender->record)
		rudpmsg_store_note_sender(hub, sender);
	return 0;
}

void rudpmsg_sender_retire(struct rudpmsg_hub *hub, struct sender *sender)
{
	struct sender *oldest;

	rudp_list_append(&hub->sender_ages, &sender->age);
	hub->sender_count++;
	while (hub->sender_count > hub->config.limits.senders_max) {
		oldest = RUDP_LIST_OWNER(hub->sender_ages.next, struct sender, age);
		if (rudpmsg_store_drop_sender(hub, oldest) < 0)
			return;
		sender_drop(hub, oldest);
		hub->stats.senders_forgotten++;
	}
}

/* With a store the memory is already allocated: this cannot fail. */
static void remember_in_store(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	struct sender *sender = conn->sender;

	rudpmsg_store_forget(hub, conn);
	sender->record->age = ++hub->last_age;
	rudpmsg_store_note_sender(hub, sender);
	rudpmsg_sender_retire(hub, sender);
}

void rudpmsg_sender_remember(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	struct sender *sender;

	if (conn->sender) {
		remember_in_store(hub, conn);
		return;
	}
	if (conn->peer_stream == 0 && !conn->key.is_known)
		return;
	if (hub->sender_count >= hub->config.limits.senders_max) {
		sender_drop(hub, RUDP_LIST_OWNER(hub->sender_ages.next, struct sender, age));
		hub->stats.senders_forgotten++;
	}
	sender = calloc(1, sizeof *sender);
	if (!sender) {
		hub->stats.senders_forgotten++;
		return;
	}
	strcpy(sender->name, conn->name);
	sender->stream = conn->peer_stream;
	sender->key = conn->key;
	/* Messages that were not handled are lost with the connection. If they come again they must
	 * be accepted. */
	sender->received = conn->peer_ack == RUDPMSG_ACK_HANDLED ? conn->inbox.handled_id
								 : conn->inbox.received_id;
	sender->handled = conn->inbox.handled_id;
	if (!RUDP_TABLE_ADD_KEY(hh, hub->senders, sender->name, strlen(sender->name), sender)) {
		free(sender);
		hub->stats.senders_forgotten++;
		return;
	}
	rudp_list_append(&hub->sender_ages, &sender->age);
	hub->sender_count++;
}

static void recall_from_store(struct rudpmsg_conn *conn, struct sender *sender)
{
	const struct rudpmsg_peer *record = sender->record;
	struct rudpmsg_outbox *outbox = &conn->outbox;

	conn->sender = sender;
	conn->key = record->key;
	if (record->stream == 0)
		return; /* it has never been stored */
	conn->stream = record->stream;
	conn->peer_stream = record->peer_stream;
	rudpmsg_inbox_on_restored(&conn->inbox, record->received);
	outbox->next_id = record->next_id;
	outbox->answered = outbox->last_id = record->answered;
	outbox->stored_id = outbox->storing_id = record->answered;
	outbox->known_from = record->known_from;
	outbox->failure_count = record->failure_count;
	memcpy(outbox->failures, record->failures, sizeof outbox->failures);
}

int rudpmsg_sender_recall(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	struct sender *sender = rudpmsg_sender_find(hub, conn->name);

	if (!sender && hub->config.has_store)
		sender = rudpmsg_sender_new(hub, conn->name, ++hub->last_peer);
	if (!sender)
		return hub->config.has_store ? -ENOMEM : 0;
	if (sender->record) {
		if (rudp_list_is_linked(&sender->age))
			hub->sender_count--;
		rudp_list_remove(&sender->age);
		recall_from_store(conn, sender);
		if (rudp_list_is_linked(&sender->unsaved))
			rudpmsg_store_note(hub, conn);
		rudp_list_remove(&sender->unsaved);
		return 0;
	}
	conn->peer_stream = sender->stream;
	conn->key = sender->key;
	conn->inbox.received_id = sender->received;
	conn->inbox.handled_id = sender->handled;
	sender_drop(hub, sender);
	return 0;
}

void rudpmsg_senders_free_all(struct rudpmsg_hub *hub)
{
	struct sender *sender, *next;

	HASH_ITER(hh, hub->senders, sender, next) {
		HASH_DEL(hub->senders, sender);
		free(sender->record);
		free(sender);
	}
}
