/* SPDX-License-Identifier: MIT */
/* The calls of rudp/msg.h: each asks the hub, and waits until the hub's answer changes. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "messaging/node_private.h"

/* ---- connections ---- */

/* A call of rudpmsg_connect. */
struct connect_call {
	const char *host;
	uint16_t port;
	const char *peer_name;
	uint64_t ticket;      /* 0: no attempt is under way */
	rudpmsg_conn_id conn; /* 0: the peer's name is not known yet */
	unsigned failures;
	int64_t again_at_ns; /* without a peer name: time of the next attempt */
	int error;           /* without a peer name: error of the last attempt */
};

/* Without a peer name no connection dials again, so the call does. The caller holds the lock. */
static int retry_later(struct rudpmsg_node *node, struct connect_call *call, int error)
{
	rudpmsg_hub_connect_forget(node->hub, call->ticket);
	call->ticket = 0;
	call->error = error;
	call->again_at_ns =
		rudp_clock_now_ns() + rudpmsg_hub_backoff_ns(node->hub, call->failures++);
	return -EINPROGRESS;
}

/* -EINPROGRESS while the peer may still start to answer. The caller holds the lock. */
static int connect_result(struct rudpmsg_node *node, struct connect_call *call)
{
	struct rudpmsg_conn *conn;
	int rc = rudpmsg_hub_connect_result(node->hub, call->ticket, &call->conn);

	if (rc < 0)
		return call->conn == 0 && rudpmsg_hub_is_temporary(rc) ? retry_later(node, call, rc)
								       : rc;
	conn = rudpmsg_hub_conn(node->hub, call->conn);
	if (!conn)
		return -ECONNABORTED;
	rc = rudpmsg_conn_attempt_result(conn);
	if (rc < 0 && rc != -EINPROGRESS)
		rudpmsg_hub_connect_failed(node->hub, conn, -rc);
	return rc;
}

/* Begins an attempt if none is under way and the next one is due. The caller holds the lock. */
static int go_on_connecting(struct rudpmsg_node *node, struct connect_call *call)
{
	int64_t now_at_ns;
	int rc;

	if (node->is_closing)
		return -ESHUTDOWN;
	if (!call->ticket) {
		now_at_ns = rudp_clock_now_ns();
		if (now_at_ns < call->again_at_ns)
			return -EINPROGRESS;
		rc = rudpmsg_hub_connect(node->hub, call->host, call->port, call->peer_name,
					 now_at_ns, &call->ticket, &call->conn);
		if (rc < 0)
			return rc;
		rudpmsg_node_tell(node);
	}
	return connect_result(node, call);
}

/* Waits for a change, or for the next attempt. -ETIMEDOUT: until_ns is over. The caller holds the
 * lock. */
static int wait_to_connect(struct rudpmsg_node *node, const struct connect_call *call,
			   int64_t until_ns)
{
	bool is_retry_first = !call->ticket && call->again_at_ns < until_ns;
	int rc = rudpmsg_node_wait(node, &node->connect,
				   is_retry_first ? call->again_at_ns : until_ns);

	return is_retry_first ? 0 : rc;
}

int rudpmsg_connect(struct rudpmsg_node *node, const char *host, uint16_t port,
		    const char *peer_name, int64_t timeout_ns, rudpmsg_conn_id *conn)
{
	struct connect_call call = {.host = host,
				    .port = port ? port : RUDPMSG_PORT,
				    .peer_name = peer_name,
				    .error = -ETIMEDOUT};
	int64_t until_ns = rudpmsg_until_ns(timeout_ns);
	int rc;

	pthread_mutex_lock(&node->lock);
	while ((rc = go_on_connecting(node, &call)) == -EINPROGRESS) {
		if (timeout_ns == 0 || wait_to_connect(node, &call, until_ns) < 0)
			break;
	}
	if (rc == -EINPROGRESS && call.conn == 0)
		rc = call.error;
	if (call.ticket)
		rudpmsg_hub_connect_forget(node->hub, call.ticket);
	rudpmsg_node_unlock(node);
	*conn = call.conn;
	return rc;
}

int rudpmsg_conn_error(struct rudpmsg_node *node, rudpmsg_conn_id id)
{
	struct rudpmsg_conn *conn;
	int rc;

	pthread_mutex_lock(&node->lock);
	conn = rudpmsg_hub_conn(node->hub, id);
	rc = conn ? rudpmsg_conn_last_error(conn) : -ENOENT;
	pthread_mutex_unlock(&node->lock);
	return rc;
}

int rudpmsg_disconnect(struct rudpmsg_node *node, rudpmsg_conn_id id, bool drain,
		       int64_t timeout_ns)
{
	int64_t until_ns = rudpmsg_until_ns(timeout_ns);
	struct rudpmsg_conn *conn;
	int rc = 0;

	pthread_mutex_lock(&node->lock);
	while ((conn = rudpmsg_hub_conn(node->hub, id)) && drain && rc == 0 &&
	       rudpmsg_conn_unanswered(conn) > 0)
		rc = node->is_closed ? -ESHUTDOWN
				     : rudpmsg_node_wait(node, &node->answer, until_ns);
	if (conn)
		rudpmsg_hub_disconnect(node->hub, conn, ECANCELED, rudp_clock_now_ns());
	else
		rc = -ENOENT;
	rudpmsg_node_unlock(node);
	return rc;
}

int rudpmsg_conn_find(struct rudpmsg_node *node, const char *peer_name, rudpmsg_conn_id *id)
{
	struct rudpmsg_conn *conn;

	pthread_mutex_lock(&node->lock);
	conn = rudpmsg_hub_find(node->hub, peer_name);
	if (conn)
		*id = rudpmsg_conn_id_of(conn);
	pthread_mutex_unlock(&node->lock);
	return conn ? 0 : -ENOENT;
}

int rudpmsg_conn_name(struct rudpmsg_node *node, rudpmsg_conn_id id,
		      char name[RUDPMSG_NAME_MAX + 1])
{
	struct rudpmsg_conn *conn;

	pthread_mutex_lock(&node->lock);
	conn = rudpmsg_hub_conn(node->hub, id);
	if (conn)
		strcpy(name, rudpmsg_conn_name_of(conn));
	pthread_mutex_unlock(&node->lock);
	return conn ? 0 : -ENOENT;
}

int rudpmsg_conn_key(struct rudpmsg_node *node, rudpmsg_conn_id id, uint8_t key[RUDPMSG_KEY_BYTES])
{
	const struct rudpmsg_conn *conn;
	int rc;

	pthread_mutex_lock(&node->lock);
	conn = rudpmsg_hub_conn(node->hub, id);
	rc = conn ? rudpmsg_conn_key_of(conn, key) : -ENOENT;
	pthread_mutex_unlock(&node->lock);
	return rc;
}

int rudpmsg_forget_key(struct rudpmsg_node *node, const char *peer_name)
{
	int rc;

	pthread_mutex_lock(&node->lock);
	rc = rudpmsg_hub_forget_key(node->hub, peer_name);
	rudpmsg_node_tell(node);
	pthread_mutex_unlock(&node->lock);
	return rc;
}

/* ---- sending ---- */

/* The caller holds the lock. */
static int submit(struct rudpmsg_node *node, rudpmsg_conn_id id, const void *bytes, size_t length,
		  int64_t timeout_ns, rudpmsg_message_id *message)
{
	int64_t until_ns = 0;
	struct rudpmsg_conn *conn;
	int rc;

	for (;;) {
		conn = node->is_closing ? NULL : rudpmsg_hub_conn(node->hub, id);
		if (!conn) {
			rc = node->is_closing ? -ESHUTDOWN : -ENOENT;
			break;
		}
		rc = rudpmsg_hub_send(node->hub, conn, bytes, length, message, rudp_clock_now_ns());
		if (rc != -EAGAIN || timeout_ns == 0)
			break;
		if (until_ns == 0)
			until_ns = rudpmsg_until_ns(timeout_ns);
		rc = rudpmsg_node_wait(node, &node->room, until_ns);
		if (rc < 0)
			break;
	}
	rudpmsg_node_write(node);
	return rc;
}

/* Has no timeout: the disk always answers. The caller holds the lock. */
static int await_store(struct rudpmsg_node *node, rudpmsg_conn_id id, rudpmsg_message_id message)
{
	enum rudpmsg_state state = RUDPMSG_STATE_UNKNOWN;
	struct rudpmsg_conn *conn;
	int reason = 0;

	while ((conn = rudpmsg_hub_conn(node->hub, id)) &&
	       (state = rudpmsg_conn_state(conn, message, &reason)) == RUDPMSG_STATE_STORING)
		rudpmsg_node_wait(node, &node->saved, RUDP_NEVER);
	if (!conn || state == RUDPMSG_STATE_UNKNOWN)
		return -ENOENT;
	if (state != RUDPMSG_STATE_FAILED)
		return 0;
	return reason == ENOSPC || reason == EIO || reason == ENOMEM ? -reason : -ENOENT;
}

int rudpmsg_submit(struct rudpmsg_node *node, rudpmsg_conn_id id, const void *bytes, size_t length,
		   int64_t timeout_ns, rudpmsg_message_id *message)
{
	rudpmsg_message_id unwanted;
	int rc;

	pthread_mutex_lock(&node->lock);
	rc = submit(node, id, bytes, length, timeout_ns, message ? message : &unwanted);
	rudpmsg_node_unlock(node);
	return rc;
}

int rudpmsg_accepted(struct rudpmsg_node *node, rudpmsg_conn_id id, rudpmsg_message_id message)
{
	int rc;

	pthread_mutex_lock(&node->lock);
	rc = await_store(node, id, message);
	pthread_mutex_unlock(&node->lock);
	return rc;
}

int rudpmsg_send(struct rudpmsg_node *node, rudpmsg_conn_id id, const void *bytes, size_t length,
		 int64_t timeout_ns, rudpmsg_message_id *message)
{
	rudpmsg_message_id given;
	int rc;

	pthread_mutex_lock(&node->lock);
	rc = submit(node, id, bytes, length, timeout_ns, &given);
	if (rc == 0 && node->disk) {
		rudpmsg_node_tell(node);
		rc = await_store(node, id, given);
	}
	rudpmsg_node_unlock(node);
	if (rc == 0 && message)
		*message = given;
	return rc;
}

int rudpmsg_state(struct rudpmsg_node *node, rudpmsg_conn_id id, rudpmsg_message_id message,
		  enum rudpmsg_state *state, int *reason)
{
	struct rudpmsg_conn *conn;

	pthread_mutex_lock(&node->lock);
	conn = rudpmsg_hub_conn(node->hub, id);
	if (conn)
		*state = rudpmsg_conn_state(conn, message, reason);
	pthread_mutex_unlock(&node->lock);
	return conn ? 0 : -ENOENT;
}

/* -EINPROGRESS: neither acknowledged nor failed. The caller holds the lock. */
static int answer_of(struct rudpmsg_node *node, rudpmsg_conn_id id, rudpmsg_message_id message)
{
	struct rudpmsg_conn *conn = rudpmsg_hub_conn(node->hub, id);
	int reason = 0;

	if (!conn)
		return -ENOENT;
	switch (rudpmsg_conn_state(conn, message, &reason)) {
	case RUDPMSG_STATE_UNKNOWN:
		return -ENOENT;
	case RUDPMSG_STATE_STORING:
	case RUDPMSG_STATE_QUEUED:
	case RUDPMSG_STATE_SENT:
		return -EINPROGRESS;
	case RUDPMSG_STATE_ACKNOWLEDGED:
		return 0;
	case RUDPMSG_STATE_FAILED:
		return -reason;
	}
	return -ENOENT;
}

int rudpmsg_wait(struct rudpmsg_node *node, rudpmsg_conn_id id, rudpmsg_message_id message,
		 int64_t timeout_ns)
{
	int64_t until_ns = rudpmsg_until_ns(timeout_ns);
	int rc;

	pthread_mutex_lock(&node->lock);
	while ((rc = answer_of(node, id, message)) == -EINPROGRESS && timeout_ns != 0)
		if (node->is_closed || rudpmsg_node_wait(node, &node->answer, until_ns) < 0)
			break;
	if (rc == -EINPROGRESS && node->is_closed)
		rc = -ESHUTDOWN;
	pthread_mutex_unlock(&node->lock);
	return rc;
}

/* ---- receiving ---- */

int rudpmsg_receive(struct rudpmsg_node *node, rudpmsg_conn_id id, int64_t timeout_ns,
		    struct rudpmsg_message *message)
{
	int64_t until_ns = 0;
	struct rudpmsg_conn *conn;
	int rc;

	pthread_mutex_lock(&node->lock);
	for (;;) {
		conn = id ? rudpmsg_hub_conn(node->hub, id) : NULL;
		rc = id && !conn ? -ENOENT : rudpmsg_hub_receive(node->hub, conn, message);
		if (rc != -EAGAIN)
			break;
		if (node->is_closing) {
			rc = -ESHUTDOWN;
			break;
		}
		if (timeout_ns == 0)
			break;
		if (until_ns == 0)
			until_ns = rudpmsg_until_ns(timeout_ns);
		rc = rudpmsg_node_wait(node, &node->readable, until_ns);
		if (rc < 0)
			break;
	}
	pthread_mutex_unlock(&node->lock);
	return rc;
}

void rudpmsg_done(struct rudpmsg_node *node, struct rudpmsg_message *message)
{
	if (!message->reserved)
		return;
	pthread_mutex_lock(&node->lock);
	rudpmsg_hub_done(node->hub, message->conn, message->place);
	rudpmsg_chunk_put(message->reserved);
	rudpmsg_node_write(node);
	rudpmsg_node_unlock(node);
	message->reserved = NULL;
	message->bytes = NULL;
}

/* ---- events ---- */

int rudpmsg_fd(struct rudpmsg_node *node)
{
	return node->event_fd;
}

int rudpmsg_event(struct rudpmsg_node *node, struct rudpmsg_event *event)
{
	uint64_t count;
	int rc;

	pthread_mutex_lock(&node->lock);
	rc = rudpmsg_hub_event(node->hub, event);
	if (rc == -EAGAIN && node->is_fd_readable) {
		node->is_fd_readable = false;
		while (read(node->event_fd, &count, sizeof count) < 0 && errno == EINTR)
			;
	}
	pthread_mutex_unlock(&node->lock);
	return rc;
}

int rudpmsg_event_wait(struct rudpmsg_node *node, int64_t timeout_ns, struct rudpmsg_event *event)
{
	int64_t until_ns = rudpmsg_until_ns(timeout_ns);
	int rc;

	pthread_mutex_lock(&node->lock);
	while ((rc = rudpmsg_hub_event(node->hub, event)) == -EAGAIN) {
		if (node->is_closing)
			rc = -ESHUTDOWN;
		else if (rudpmsg_node_wait(node, &node->event_read, until_ns) < 0)
			rc = -ETIMEDOUT;
		else
			continue;
		break;
	}
	pthread_mutex_unlock(&node->lock);
	return rc;
}

void rudpmsg_stats(struct rudpmsg_node *node, struct rudpmsg_stats *stats, size_t size)
{
	size_t known = size < sizeof *stats ? size : sizeof *stats;

	memset(stats, 0, size);
	pthread_mutex_lock(&node->lock);
	memcpy(stats, rudpmsg_hub_stats(node->hub), known);
	pthread_mutex_unlock(&node->lock);
}
