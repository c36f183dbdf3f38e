/* SPDX-License-Identifier: MIT */
/* Connections: the manager that finds them, and what the application does with them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

/* ---- senders without a connection ---- */

static void sender_drop(struct rudpmsg_hub *hub, struct sender *sender)
{
	HASH_DEL(hub->senders, sender);
	rudp_list_remove(&sender->age);
	hub->sender_count--;
	free(sender);
}

/* How far its stream has come, so that what comes again after all is known. Without memory it is
 * not. */
static void sender_remember(struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn)
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

static void sender_recall(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
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

/* ---- life ---- */

static struct rudpmsg_conn *conn_alloc(struct rudpmsg_hub *hub, const char *name)
{
	struct rudpmsg_conn *conn = calloc(1, sizeof *conn);

	if (!conn)
		return NULL;
	strcpy(conn->name, name);
	conn->retry.kind = TIMER_RETRY;
	conn->give_up.kind = TIMER_GIVE_UP;
	conn->stream = rudpmsg_hub_random(hub);
	conn->peer_message_bytes_max = UINT32_MAX;
	rudpmsg_outbox_init(&conn->outbox, hub->config.limits.queue_bytes_max,
			    hub->config.limits.queue_messages_max, 1);
	rudpmsg_inbox_init(&conn->inbox);
	return conn;
}

struct rudpmsg_conn *rudpmsg_conn_new(struct rudpmsg_hub *hub, const char *name, int *error)
{
	bool rudp_table_add_failed = false;
	struct rudpmsg_conn *conn;

	*error = -ENFILE;
	if (HASH_CNT(by_id, hub->by_id) >= hub->config.limits.connections_max)
		return NULL;
	*error = -ENOMEM;
	conn = conn_alloc(hub, name);
	if (!conn)
		return NULL;
	conn->id = ++hub->last_conn_id;
	HASH_ADD(by_id, hub->by_id, id, sizeof conn->id, conn);
	if (rudp_table_add_failed)
		goto free_conn;
	HASH_ADD(by_name, hub->by_name, name, (unsigned)strlen(conn->name), conn);
	if (rudp_table_add_failed)
		goto remove_id;
	sender_recall(hub, conn);
	return conn;

remove_id:
	HASH_DELETE(by_id, hub->by_id, conn);
free_conn:
	free(conn);
	return NULL;
}

static void conn_free(struct rudpmsg_conn *conn)
{
	rudpmsg_outbox_fini(&conn->outbox);
	rudpmsg_inbox_fini(&conn->inbox);
	free(conn->host);
	free(conn);
}

void rudpmsg_conn_on_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count,
			    uint64_t id, int reason)
{
	if (count == 0)
		return;
	hub->unanswered -= count;
	hub->stats.messages_failed += count;
	hub->changes |= RUDPMSG_CHANGED_ROOM | RUDPMSG_CHANGED_ANSWER;
	conn->failed_id = id;
	conn->failed_reason = reason;
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_FAILED);
}

/* No link, no attempt, no timer. */
static void detach(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	if (conn->attempt)
		rudpmsg_link_end(hub, conn->attempt);
	if (conn->link)
		rudpmsg_link_end(hub, conn->link);
	conn->attempt = conn->link = NULL;
	rudpmsg_hub_arm(hub, &conn->retry, RUDP_NEVER);
	rudpmsg_hub_arm(hub, &conn->give_up, RUDP_NEVER);
}

void rudpmsg_conn_leave(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason)
{
	if (rudpmsg_inbox_is_empty(&conn->inbox)) {
		rudpmsg_conn_forget(hub, conn, reason);
		return;
	}
	rudpmsg_conn_on_failed(hub, conn, rudpmsg_outbox_fail(&conn->outbox, reason),
			       conn->outbox.last_id, reason);
	detach(hub, conn);
	free(conn->host);
	conn->host = NULL;
	conn->error = conn->leave_reason = reason;
	conn->is_leaving = true;
	hub->changes |= RUDPMSG_CHANGED_ROOM | RUDPMSG_CHANGED_ANSWER | RUDPMSG_CHANGED_CONNECT;
}

bool rudpmsg_conn_may_link(const struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn)
{
	return !hub->is_ended && (!hub->is_stopped || (conn && conn->outbox.count > 0));
}

void rudpmsg_conn_forget(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason)
{
	uint64_t failed = rudpmsg_outbox_fail(&conn->outbox, reason);

	rudpmsg_conn_on_failed(hub, conn, failed, conn->outbox.last_id, reason);
	detach(hub, conn);
	sender_remember(hub, conn);
	rudpmsg_tickets_on_forgotten(hub, conn->id, reason);
	rudpmsg_conn_farewell(hub, conn, reason);
	rudp_list_remove(&conn->eventful);
	rudp_list_remove(&conn->waiting);
	rudp_list_remove(&conn->busy);
	HASH_DELETE(by_id, hub->by_id, conn);
	HASH_DELETE(by_name, hub->by_name, conn);
	conn_free(conn);
	hub->changes |= RUDPMSG_CHANGED_ROOM | RUDPMSG_CHANGED_READABLE | RUDPMSG_CHANGED_ANSWER |
			RUDPMSG_CHANGED_CONNECT;
}

void rudpmsg_conn_free_all(struct rudpmsg_hub *hub)
{
	struct rudpmsg_conn *conn, *next;

	HASH_CLEAR(by_name, hub->by_name);
	HASH_ITER(by_id, hub->by_id, conn, next)
	{
		HASH_DELETE(by_id, hub->by_id, conn);
		conn_free(conn);
	}
}

void rudpmsg_hub_disconnect(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason,
			    int64_t now_at_ns)
{
	if (conn->link)
		rudpmsg_link_bye(hub, conn->link, RUDPMSG_REASON_GOODBYE, now_at_ns);
	conn->link = NULL;
	rudpmsg_conn_forget(hub, conn, reason);
}

/* ---- finding ---- */

struct rudpmsg_conn *rudpmsg_hub_conn(const struct rudpmsg_hub *hub, rudpmsg_conn_id id)
{
	struct rudpmsg_conn *conn;

	HASH_FIND(by_id, hub->by_id, &id, sizeof id, conn);
	return conn;
}

struct rudpmsg_conn *rudpmsg_hub_find(const struct rudpmsg_hub *hub, const char *name)
{
	struct rudpmsg_conn *conn;

	HASH_FIND(by_name, hub->by_name, name, (unsigned)strlen(name), conn);
	return conn;
}

rudpmsg_conn_id rudpmsg_conn_id_of(const struct rudpmsg_conn *conn)
{
	return conn->id;
}

const char *rudpmsg_conn_name_of(const struct rudpmsg_conn *conn)
{
	return conn->name;
}

int rudpmsg_conn_attempt_result(const struct rudpmsg_conn *conn)
{
	if (conn->link)
		return 0;
	if (conn->attempt)
		return -EINPROGRESS; /* an error is of the one before */
	return conn->error ? -conn->error : -EINPROGRESS;
}

/* ---- messages ---- */

uint64_t rudpmsg_conn_acknowledged(const struct rudpmsg_conn *conn)
{
	switch (conn->peer_ack) {
	case RUDPMSG_ACK_RECEIVED:
		return conn->inbox.received_id;
	case RUDPMSG_ACK_HANDLED:
		return conn->inbox.handled_id;
	case RUDPMSG_ACK_STORED:
		return conn->inbox.stored_id;
	}
	return 0;
}

void rudpmsg_conn_take_stream(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t stream)
{
	(void)hub;
	conn->peer_stream = stream;
	rudpmsg_inbox_restart(&conn->inbox, 0);
}

void rudpmsg_conn_note_readable(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn)
{
	if (rudp_list_is_linked(&conn->waiting))
		return;
	rudp_list_append(&hub->readable, &conn->waiting);
	hub->changes |= RUDPMSG_CHANGED_READABLE;
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_READABLE);
}

void rudpmsg_conn_on_answered(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count)
{
	if (count == 0)
		return;
	hub->unanswered -= count;
	hub->stats.messages_acknowledged += count;
	conn->acknowledged_id = conn->outbox.answered;
	hub->changes |= RUDPMSG_CHANGED_ROOM | RUDPMSG_CHANGED_ANSWER;
	rudpmsg_conn_event(hub, conn, RUDPMSG_EVENT_ACKNOWLEDGED);
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
	rc = rudpmsg_outbox_add(&conn->outbox, next, bytes, length);
	if (rc < 0)
		return rc;
	*id = next;
	hub->unanswered++;
	hub->stats.messages_accepted++;
	rudpmsg_conn_note_active(hub, conn, now_at_ns);
	if (!was_due && conn->link)
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
	/* To the end of the line: connections take turns. */
	rudp_list_remove(&conn->waiting);
	if (rudpmsg_inbox_is_waiting(&conn->inbox))
		rudp_list_append(&hub->readable, &conn->waiting);
	else
		conn->told_readable = false;
	return 0;
}

void rudpmsg_hub_done(struct rudpmsg_hub *hub, rudpmsg_conn_id id, uint64_t place)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_conn(hub, id);
	struct rudpmsg_link *link;

	if (!conn)
		return;
	link = conn->link;
	if (rudpmsg_inbox_done(&conn->inbox, place) && link &&
	    conn->peer_ack == RUDPMSG_ACK_HANDLED)
		rudpmsg_link_want_write(hub, link);
	if (link && link->is_held && !rudp_list_is_linked(&link->read) &&
	    conn->inbox.bytes <= hub->config.limits.unread_bytes_max / 2) {
		link->is_held = false;
		rudp_list_append(&hub->to_read, &link->read);
		hub->changes |= RUDPMSG_CHANGED_WORK;
	}
	if (conn->is_leaving && rudpmsg_inbox_is_empty(&conn->inbox))
		rudpmsg_conn_forget(hub, conn, conn->leave_reason);
}

/* ---- memory of those that are quiet ---- */

void rudpmsg_conn_note_active(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns)
{
	conn->was_active = true;
	if (rudp_list_is_linked(&conn->busy) || hub->is_ended)
		return;
	if (rudp_list_is_empty(&hub->busy))
		rudpmsg_hub_arm(hub, &hub->quiet, now_at_ns + QUIET_NS);
	rudp_list_append(&hub->busy, &conn->busy);
}

/* Returns true when nothing is left to give back later. */
static bool trim(struct rudpmsg_conn *conn)
{
	bool is_chunk_free = !conn->link || rudpmsg_link_trim(conn->link);

	rudpmsg_outbox_trim(&conn->outbox);
	rudpmsg_inbox_trim(&conn->inbox);
	return is_chunk_free && conn->outbox.count == 0 && rudpmsg_inbox_is_empty(&conn->inbox);
}

void rudpmsg_hub_on_quiet(struct rudpmsg_hub *hub, int64_t now_at_ns)
{
	struct rudp_list *at, *next;
	struct rudpmsg_conn *conn;

	for (at = hub->busy.next; at != &hub->busy; at = next) {
		next = at->next;
		conn = RUDP_LIST_OWNER(at, struct rudpmsg_conn, busy);
		if (!conn->was_active && trim(conn))
			rudp_list_remove(&conn->busy);
		conn->was_active = false;
	}
	if (!rudp_list_is_empty(&hub->busy) && !hub->is_ended)
		rudpmsg_hub_arm(hub, &hub->quiet, now_at_ns + QUIET_NS);
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

/* ---- strangers ---- */

struct rudpmsg_link *rudpmsg_hub_on_accepted(struct rudpmsg_hub *hub, void *user, int64_t now_at_ns)
{
	struct rudpmsg_link *link, *oldest = NULL;
	struct rudp_list *at;

	if (hub->is_ended)
		return NULL;
	/* The list is in order of age, so the first stranger is the oldest. */
	if (hub->stranger_count >= hub->config.limits.strangers_max)
		for (at = hub->links.next; !oldest && at != &hub->links; at = at->next)
			if (RUDP_LIST_OWNER(at, struct rudpmsg_link, all)->state == LINK_STRANGER)
				oldest = RUDP_LIST_OWNER(at, struct rudpmsg_link, all);
	if (oldest) {
		hub->stats.links_refused++;
		rudpmsg_link_end(hub, oldest);
	}
	link = rudpmsg_link_new(hub, LINK_STRANGER);
	if (!link)
		return NULL;
	link->user = user;
	hub->stranger_count++;
	rudpmsg_hub_arm(hub, &link->timer, now_at_ns + hub->config.handshake_timeout_ns);
	return link;
}

static bool check_conn(const struct rudpmsg_conn *conn)
{
	if (!rudpmsg_outbox_check(&conn->outbox) || !rudpmsg_inbox_check(&conn->inbox))
		return false;
	if (conn->link && (conn->link->state != LINK_READY || conn->link->conn != conn))
		return false;
	if (conn->attempt && (!conn->attempt->is_dialed || conn->attempt->conn != conn))
		return false;
	return rudpmsg_inbox_is_waiting(&conn->inbox) == rudp_list_is_linked(&conn->waiting);
}

bool rudpmsg_hub_check(const struct rudpmsg_hub *hub)
{
	const struct rudpmsg_conn *conn;
	uint64_t unanswered = 0;

	for (conn = hub->by_id; conn; conn = conn->by_id.next) {
		if (!check_conn(conn))
			return false;
		unanswered += conn->outbox.count;
	}
	return unanswered == hub->unanswered &&
	       HASH_CNT(by_id, hub->by_id) == HASH_CNT(by_name, hub->by_name);
}
