/* SPDX-License-Identifier: MIT */
/* Events wait as one bit for each kind and connection: a bounded room, and none is lost. */
#include <errno.h>
#include <stdlib.h>

#include "messaging/hub_private.h"

static unsigned bit(enum rudpmsg_event_kind kind)
{
	return 1u << kind;
}

void rudpmsg_conn_event(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			enum rudpmsg_event_kind kind)
{
	if (kind == RUDPMSG_EVENT_READABLE) {
		if (conn->told_readable)
			return;
		conn->told_readable = true;
	}
	conn->events |= bit(kind);
	if (rudp_list_is_linked(&conn->eventful))
		return;
	rudp_list_append(&hub->eventful, &conn->eventful);
	hub->changes |= RUDPMSG_CHANGED_EVENT;
}

/* What is left to say of a connection that goes. Without memory for it, waiters still learn it by
 * ENOENT. */
void rudpmsg_conn_farewell(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason)
{
	struct farewell *farewell = calloc(1, sizeof *farewell);
	const struct rudpmsg_outbox *outbox = &conn->outbox;

	if (!farewell)
		return;
	if (outbox->failure_count > 0)
		farewell->failed = (struct rudpmsg_event){
			.kind = RUDPMSG_EVENT_FAILED,
			.conn = conn->id,
			.id = outbox->failures[outbox->failure_count - 1].to,
			.reason = reason,
		};
	farewell->disconnected = (struct rudpmsg_event){
		.kind = RUDPMSG_EVENT_DISCONNECTED, .conn = conn->id, .reason = reason};
	rudp_list_append(&hub->farewells, &farewell->all);
	hub->changes |= RUDPMSG_CHANGED_EVENT;
}

static int next_farewell(struct rudpmsg_hub *hub, struct rudpmsg_event *event)
{
	struct farewell *farewell;

	if (rudp_list_is_empty(&hub->farewells))
		return -EAGAIN;
	farewell = RUDP_LIST_OWNER(hub->farewells.next, struct farewell, all);
	if (farewell->failed.conn) {
		*event = farewell->failed;
		farewell->failed.conn = 0;
		return 0;
	}
	*event = farewell->disconnected;
	rudp_list_remove(&farewell->all);
	free(farewell);
	return 0;
}

/* A link that stands now has come last, one that does not has gone last. */
static enum rudpmsg_event_kind next_kind(const struct rudpmsg_conn *conn)
{
	static const enum rudpmsg_event_kind orders[2][5] = {
		{RUDPMSG_EVENT_CONNECTED, RUDPMSG_EVENT_READABLE, RUDPMSG_EVENT_ACKNOWLEDGED,
		 RUDPMSG_EVENT_FAILED, RUDPMSG_EVENT_BROKEN},
		{RUDPMSG_EVENT_BROKEN, RUDPMSG_EVENT_CONNECTED, RUDPMSG_EVENT_READABLE,
		 RUDPMSG_EVENT_ACKNOWLEDGED, RUDPMSG_EVENT_FAILED},
	};
	const enum rudpmsg_event_kind *order = orders[conn->link != NULL];
	unsigned i = 0;

	while (!(conn->events & bit(order[i])))
		i++;
	return order[i];
}

int rudpmsg_hub_event(struct rudpmsg_hub *hub, struct rudpmsg_event *event)
{
	struct rudpmsg_conn *conn;

	if (rudp_list_is_empty(&hub->eventful))
		return next_farewell(hub, event);
	conn = RUDP_LIST_OWNER(hub->eventful.next, struct rudpmsg_conn, eventful);
	*event = (struct rudpmsg_event){.kind = next_kind(conn), .conn = conn->id};
	conn->events &= ~bit(event->kind);
	if (event->kind == RUDPMSG_EVENT_ACKNOWLEDGED)
		event->id = conn->outbox.answered;
	else if (event->kind == RUDPMSG_EVENT_BROKEN)
		event->reason = conn->broken_reason;
	rudp_list_remove(&conn->eventful);
	if (conn->events)
		rudp_list_append(&hub->eventful, &conn->eventful); /* connections take turns */
	return 0;
}
