/* SPDX-License-Identifier: MIT */
/* Events: one bit for each kind and connection. They need bounded memory, and none is lost. */
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
		if (conn->readable_reported)
			return;
		conn->readable_reported = true;
	}
	conn->events |= bit(kind);
	if (rudp_list_is_linked(&conn->with_events))
		return;
	rudp_list_append(&hub->with_events, &conn->with_events);
	hub->changes |= RUDPMSG_CHANGED_EVENT;
}

static void final_events_free(struct rudpmsg_hub *hub, struct final_events *final_events)
{
	rudp_list_remove(&final_events->all);
	hub->final_events_count--;
	free(final_events);
}

/* Keeps the last events of a connection that is being removed. Without memory the events are lost,
 * but waiting calls still return ENOENT. */
void rudpmsg_conn_final_events(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason)
{
	struct final_events *final_events = calloc(1, sizeof *final_events);

	if (!final_events)
		return;
	if (conn->events & bit(RUDPMSG_EVENT_ACKNOWLEDGED))
		final_events->acknowledged =
			(struct rudpmsg_event){.kind = RUDPMSG_EVENT_ACKNOWLEDGED,
					       .conn = conn->id,
					       .id = conn->acknowledged_id};
	if (conn->events & bit(RUDPMSG_EVENT_FAILED))
		final_events->failed = (struct rudpmsg_event){.kind = RUDPMSG_EVENT_FAILED,
							      .conn = conn->id,
							      .id = conn->failed_id,
							      .reason = conn->failed_reason};
	final_events->disconnected = (struct rudpmsg_event){
		.kind = RUDPMSG_EVENT_DISCONNECTED, .conn = conn->id, .reason = reason};
	rudp_list_append(&hub->final_events_list, &final_events->all);
	if (++hub->final_events_count > RUDPMSG_FINAL_EVENTS_MAX)
		final_events_free(hub, RUDP_LIST_OWNER(hub->final_events_list.next,
						       struct final_events, all));
	hub->changes |= RUDPMSG_CHANGED_EVENT;
}

static int next_final_event(struct rudpmsg_hub *hub, struct rudpmsg_event *event)
{
	struct final_events *final_events;

	if (rudp_list_is_empty(&hub->final_events_list))
		return -EAGAIN;
	final_events = RUDP_LIST_OWNER(hub->final_events_list.next, struct final_events, all);
	if (final_events->acknowledged.conn) {
		*event = final_events->acknowledged;
		final_events->acknowledged.conn = 0;
		return 0;
	}
	if (final_events->failed.conn) {
		*event = final_events->failed;
		final_events->failed.conn = 0;
		return 0;
	}
	*event = final_events->disconnected;
	final_events_free(hub, final_events);
	return 0;
}

/* If there is a link, CONNECTED came after BROKEN; else BROKEN came last. */
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

	if (rudp_list_is_empty(&hub->with_events))
		return next_final_event(hub, event);
	conn = RUDP_LIST_OWNER(hub->with_events.next, struct rudpmsg_conn, with_events);
	*event = (struct rudpmsg_event){.kind = next_kind(conn), .conn = conn->id};
	conn->events &= ~bit(event->kind);
	if (event->kind == RUDPMSG_EVENT_ACKNOWLEDGED)
		event->id = conn->acknowledged_id;
	if (event->kind == RUDPMSG_EVENT_FAILED) {
		event->id = conn->failed_id;
		event->reason = conn->failed_reason;
	}
	if (event->kind == RUDPMSG_EVENT_BROKEN)
		event->reason = conn->broken_reason;
	rudp_list_remove(&conn->with_events);
	if (conn->events)
		rudp_list_append(&hub->with_events,
				 &conn->with_events); /* connections take turns */
	return 0;
}
