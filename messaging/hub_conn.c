/* SPDX-License-Identifier: MIT */
/* Connections: creation and removal, look-up, and giving back the memory of quiet ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub_private.h"

/* ---- creation and removal ---- */

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
			    hub->config.limits.queue_messages_max, hub->config.has_store);
	rudpmsg_inbox_init(&conn->inbox, hub->config.has_store);
	rudp_list_init(&conn->for_room);
	return conn;
}

/* Removing it loses only its id: the peer's stream is remembered like that of any sender. */
static bool is_removable(const struct rudpmsg_conn *conn)
{
	return !conn->link && !conn->attempt && !conn->host && conn->outbox.count == 0 &&
	       rudpmsg_inbox_is_empty(&conn->inbox);
}

/* Removes a connection without a link: peers that came only once must not keep others out for
 * ever. */
static bool make_room(struct rudpmsg_hub *hub)
{
	struct rudpmsg_conn *conn;
	int i;

	for (i = 0; i < REMOVABLE_CHECKS_MAX && !rudp_list_is_empty(&hub->linkless); i++) {
		conn = RUDP_LIST_OWNER(hub->linkless.next, struct rudpmsg_conn, linkless);
		if (is_removable(conn)) {
			rudpmsg_conn_forget(hub, conn, ENFILE);
			return true;
		}
		rudp_list_remove(&conn->linkless);
		rudp_list_append(&hub->linkless, &conn->linkless);
	}
	return false;
}

struct rudpmsg_conn *rudpmsg_conn_new(struct rudpmsg_hub *hub, const char *name, int *error)
{
	struct rudpmsg_conn *conn;

	*error = -ENFILE;
	if (HASH_CNT(by_id, hub->by_id) >= hub->config.limits.connections_max && !make_room(hub))
		return NULL;
	*error = -ENOMEM;
	conn = conn_alloc(hub, name);
	if (!conn)
		return NULL;
	conn->id = ++hub->last_conn_id;
	if (!RUDP_TABLE_ADD(by_id, hub->by_id, id, conn))
		goto free_conn;
	if (!RUDP_TABLE_ADD_KEY(by_name, hub->by_name, conn->name, strlen(name), conn))
		goto remove_id;
	if (rudpmsg_sender_recall(hub, conn) < 0)
		goto remove_name;
	return conn;

remove_name:
	HASH_DELETE(by_name, hub->by_name, conn);
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

/* Ends the link, the attempt and the timers. */
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
	rudpmsg_conn_note_room(hub, conn);
	hub->changes |= RUDPMSG_CHANGED_ANSWER | RUDPMSG_CHANGED_CONNECT;
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
	rudpmsg_sender_remember(hub, conn);
	rudpmsg_tickets_on_forgotten(hub, conn->id, reason);
	rudpmsg_conn_final_events(hub, conn, reason);
	rudp_list_remove(&conn->with_events);
	rudp_list_remove(&conn->waiting);
	rudp_list_remove(&conn->busy);
	rudp_list_remove(&conn->linkless);
	rudp_list_remove(&conn->unsaved);
	rudp_list_remove(&conn->saving);
	rudpmsg_conn_note_room(hub, conn);
	HASH_DELETE(by_id, hub->by_id, conn);
	HASH_DELETE(by_name, hub->by_name, conn);
	conn_free(conn);
	hub->changes |= RUDPMSG_CHANGED_READABLE | RUDPMSG_CHANGED_ANSWER | RUDPMSG_CHANGED_CONNECT;
}

void rudpmsg_conn_free_all(struct rudpmsg_hub *hub)
{
	struct rudpmsg_conn *conn, *next;

	HASH_CLEAR(by_name, hub->by_name);
	HASH_ITER(by_id, hub->by_id, conn, next) {
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

/* ---- look-up ---- */

struct rudpmsg_conn *rudpmsg_hub_conn(const struct rudpmsg_hub *hub, rudpmsg_conn_id id)
{
	return RUDP_TABLE_FIND(by_id, hub->by_id, &id);
}

struct rudpmsg_conn *rudpmsg_hub_find(const struct rudpmsg_hub *hub, const char *name)
{
	return RUDP_TABLE_FIND_KEY(by_name, hub->by_name, name, strlen(name));
}

rudpmsg_conn_id rudpmsg_conn_id_of(const struct rudpmsg_conn *conn)
{
	return conn->id;
}

const char *rudpmsg_conn_name_of(const struct rudpmsg_conn *conn)
{
	return conn->name;
}

int rudpmsg_conn_key_of(const struct rudpmsg_conn *conn, uint8_t key[RUDPMSG_KEY_BYTES])
{
	if (!conn->key.is_known)
		return -ENODATA;
	memcpy(key, conn->key.bytes, sizeof conn->key.bytes);
	return 0;
}

int rudpmsg_conn_last_error(const struct rudpmsg_conn *conn)
{
	if (conn->link)
		return 0;
	return conn->error ? -conn->error : -EINPROGRESS;
}

bool rudpmsg_hub_is_temporary(int error)
{
	return error == -ETIMEDOUT || error == -ECONNREFUSED || error == -ECONNRESET;
}

int rudpmsg_conn_attempt_result(const struct rudpmsg_conn *conn)
{
	int error = rudpmsg_conn_last_error(conn);

	if (conn->is_leaving)
		return error;
	if (conn->attempt) /* the error belongs to the previous attempt */
		return -EINPROGRESS;
	return rudpmsg_hub_is_temporary(error) ? -EINPROGRESS : error;
}

/* ---- memory of quiet connections ---- */

void rudpmsg_conn_note_active(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns)
{
	conn->was_active = true;
	if (rudp_list_is_linked(&conn->busy) || hub->is_ended)
		return;
	if (rudp_list_is_empty(&hub->busy))
		rudpmsg_hub_arm(hub, &hub->quiet, now_at_ns + QUIET_NS);
	rudp_list_append(&hub->busy, &conn->busy);
}

/* Returns true when the connection has no memory left to give back. */
static bool trim(struct rudpmsg_conn *conn)
{
	bool is_chunk_free = !conn->link || rudpmsg_link_trim(conn->link);

	rudp_ring_trim(&conn->outbox.ring);
	rudpmsg_inbox_trim(&conn->inbox);
	return is_chunk_free && conn->outbox.count == 0 && rudpmsg_inbox_is_empty(&conn->inbox);
}

void rudpmsg_hub_on_quiet(struct rudpmsg_hub *hub, int64_t now_at_ns)
{
	RUDP_LIST_EACH_SAFE(struct rudpmsg_conn, conn, &hub->busy, busy) {
		if (!conn->was_active && trim(conn))
			rudp_list_remove(&conn->busy);
		conn->was_active = false;
	}
	if (!rudp_list_is_empty(&hub->busy) && !hub->is_ended)
		rudpmsg_hub_arm(hub, &hub->quiet, now_at_ns + QUIET_NS);
}

/* ---- for tests ---- */

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
