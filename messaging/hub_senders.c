/* SPDX-License-Identifier: MIT */
/* How far those senders have got that have no connection any more: the window of duplicates. */
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

static void sender_drop(struct rudpmsg_hub *hub, struct sender *sender)
{
	HASH_DEL(hub->senders, sender);
	rudp_list_remove(&sender->age);
	hub->sender_count--;
	free(sender);
}

void rudpmsg_sender_remember(struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn)
{
	bool rudp_table_add_failed = false;
	struct sender *sender;

	if (conn->peer_stream == 0)
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
	/* What was not handled is gone with the connection, and must be taken when it comes again.
	 */
	sender->received = conn->peer_ack == RUDPMSG_ACK_HANDLED ? conn->inbox.handled_id
								 : conn->inbox.received_id;
	sender->handled = conn->inbox.handled_id;
	HASH_ADD_STR(hub->senders, name, sender);
	if (rudp_table_add_failed) {
		free(sender);
		hub->stats.senders_forgotten++;
		return;
	}
	rudp_list_append(&hub->sender_ages, &sender->age);
	hub->sender_count++;
}

void rudpmsg_sender_recall(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	struct sender *sender;

	HASH_FIND_STR(hub->senders, conn->name, sender);
	if (!sender)
		return;
	conn->peer_stream = sender->stream;
	conn->inbox.received_id = sender->received;
	conn->inbox.handled_id = sender->handled;
	sender_drop(hub, sender);
}

void rudpmsg_senders_free_all(struct rudpmsg_hub *hub)
{
	struct sender *sender, *next;

	HASH_ITER(hh, hub->senders, sender, next)
	{
		HASH_DEL(hub->senders, sender);
		free(sender);
	}
}
