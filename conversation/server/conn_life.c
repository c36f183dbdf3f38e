/* SPDX-License-Identifier: MIT */
/* The beginning and the end of a connection. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "conversation/server/cloak.h"
#include "conversation/server/stream_web.h"
#include "conversation/server/worker.h"

struct apo_peer apo_conn_peer(const struct apo_worker *worker, const struct apo_conn *conn)
{
	return (struct apo_peer){worker->index & 0xff, conn->slot & 0xffffff, conn->generation};
}

void apo_conn_arm(struct apo_worker *worker, struct apo_conn *conn)
{
	struct epoll_event event = {.data.u64 = (uint64_t)conn->generation << 32 | conn->slot};
	bool reads = !conn->has_ended && !rudp_list_is_linked(&conn->unread) &&
		     (!conn->is_paused || conn->stream.wants_in);

	if (conn->state == APO_CONN_GREETING)
		event.events = conn->stream.wants_out ? EPOLLOUT : EPOLLIN;
	else
		event.events =
			(reads ? (uint32_t)EPOLLIN : 0) |
			((conn->is_blocked && !conn->stream.wants_in) || conn->stream.wants_out
				 ? (uint32_t)EPOLLOUT
				 : 0);
	if (event.events == conn->armed)
		return;
	conn->armed = event.events;
	(void)epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, conn->stream.fd, &event);
}

/* ---- the beginning ---- */

/* For operators and the log: the address, or the name of a peer over messaging. */
static const char *address_or_name(const struct apo_conn *conn, char text[RUDP_ADDR_TEXT_SIZE])
{
	if (!conn->stream.ops->peer_name)
		return apo_address_text(&conn->address, text);
	snprintf(text, RUDP_ADDR_TEXT_SIZE, "%s", conn->stream.ops->peer_name(&conn->stream));
	return text;
}

static void tell_connected(struct apo_worker *worker, struct apo_conn *conn)
{
	struct apo_event_connected *event =
		apo_batcher_add(&worker->to_model, APO_EVENT_CONNECTED, sizeof *event);

	event->peer = apo_conn_peer(worker, conn);
	event->is_secure = conn->stream.ops->is_secret;
	event->reports_end = conn->stream.ops->peer_name != NULL;
	address_or_name(conn, event->address);
	if (event->reports_end)
		snprintf(event->host, sizeof event->host, "%.58s.peer", event->address);
	else
		apo_cloak(worker->config, &conn->address, event->host);
	event->fingerprint[0] = 0;
	/* Without TLS, the key behind the socket would be the proxy's. */
	if (conn->stream.ops->fingerprint && (conn->stream.ops->is_secret || !conn->is_proxied) &&
	    !conn->stream.ops->fingerprint(&conn->stream, event->fingerprint))
		event->fingerprint[0] = 0;
}

void apo_conn_greet(struct apo_worker *worker, struct apo_conn *conn)
{
	int result = conn->stream.ops->greet(&conn->stream);

	if (result == -EAGAIN && apo_conn_may_go_on(worker, conn)) {
		apo_conn_arm(worker, conn);
		return;
	}
	if (result < 0) {
		if (result == -ESHUTDOWN)
			APO_COUNT(worker, web_answered);
		else
			APO_COUNT(worker, tls_failed);
		apo_conn_destroy(worker, conn);
		return;
	}
	if (conn->refusal) {
		apo_conn_expel(worker, conn, conn->refusal);
		return;
	}
	rudp_timer_cancel(&worker->wheel, &conn->timer);
	conn->state = APO_CONN_OPEN;
	tell_connected(worker, conn);
	apo_conn_arm(worker, conn);
	/* TLS may have read the first lines from the socket together with the handshake. */
	if (conn->stream.ops->is_secret || conn->stream.has_input)
		apo_conn_read(worker, conn);
}

static bool open_stream(struct apo_worker *worker, struct apo_conn *conn, struct apo_adopt *adopt)
{
	static const int on = 1;

	if (adopt->session) {
		apo_stream_open_peer(&conn->stream, adopt->session);
		adopt->session = NULL;
		return true;
	}
	(void)setsockopt(adopt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (!adopt->tls)
		apo_stream_open_line(&conn->stream, adopt->fd);
	else if (apo_stream_open_tls(&conn->stream, adopt->fd, adopt->tls) < 0)
		return false;
	if (!adopt->is_web ||
	    apo_stream_open_web(&conn->stream, worker->config, adopt->refusal) == 0)
		return true;
	conn->stream.ops->close(&conn->stream);
	adopt->fd = -1;
	return false;
}

static void tell_gone(struct apo_worker *worker, void *ip_entry, bool was_refused)
{
	struct apo_note *note = apo_batcher_add(&worker->to_acceptor, APO_NOTE_GONE, sizeof *note);

	note->ip_entry = ip_entry;
	note->was_refused = was_refused;
	note->cut_count = 0;
}

static struct apo_conn *conn_new(struct apo_worker *worker, struct apo_adopt *adopt)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct apo_conn *conn = apo_worker_take_slot(worker);

	if (!conn)
		return NULL;
	if (!open_stream(worker, conn, adopt)) {
		apo_worker_free_slot(worker, conn);
		return NULL;
	}
	event.data.u64 = (uint64_t)conn->generation << 32 | conn->slot;
	conn->armed = event.events;
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, conn->stream.fd, &event) == 0)
		return conn;
	conn->stream.ops->close(&conn->stream);
	adopt->fd = -1;
	apo_worker_free_slot(worker, conn);
	return NULL;
}

/* Closes a session that has no connection, as if it had been opened and closed without reading. */
static void abandon(struct apo_session *session)
{
	struct apo_stream stream;

	apo_stream_open_peer(&stream, session);
	stream.ops->close(&stream);
}

void apo_conn_adopt(struct apo_worker *worker, struct apo_adopt *adopt)
{
	struct apo_conn *conn = worker->drain_at_ns == RUDP_NEVER ? conn_new(worker, adopt) : NULL;

	APO_COUNT(worker, connections);
	if (conn) {
		conn->address = adopt->address;
		conn->ip_entry = adopt->ip_entry;
		conn->refusal = adopt->refusal;
		conn->is_proxied = adopt->is_proxied;
		conn->state = APO_CONN_GREETING;
		rudp_timer_arm(&worker->wheel, &conn->timer,
			       worker->now_at_ns + worker->config->model.registration_timeout_ns);
		apo_conn_greet(worker, conn);
	} else {
		APO_COUNT(worker, connections_gone);
		tell_gone(worker, adopt->ip_entry, adopt->refusal != NULL);
		if (adopt->fd >= 0)
			close(adopt->fd);
	}
	if (adopt->tls)
		apo_tls_context_put(adopt->tls);
	if (adopt->session)
		abandon(adopt->session);
	free(adopt);
}

/* ---- the end ---- */

void apo_conn_forget(struct apo_worker *worker, struct apo_conn *conn)
{
	apo_conn_forget_watches(worker, conn);
	rudp_timer_cancel(&worker->wheel, &conn->timer);
	rudp_list_remove(&conn->dirty);
	rudp_list_remove(&conn->unread);
	apo_sendq_fini(&conn->out);
	apo_lines_fini(&conn->lines);
	if (conn->stream.ops)
		conn->stream.ops->close(&conn->stream);
	apo_worker_free_slot(worker, conn);
}

void apo_conn_destroy(struct apo_worker *worker, struct apo_conn *conn)
{
	apo_conn_drop_watches(worker, conn);
	APO_COUNT(worker, connections_gone);
	tell_gone(worker, conn->ip_entry, conn->refusal != NULL);
	apo_conn_forget(worker, conn);
}

static void tell_closed(struct apo_worker *worker, struct apo_conn *conn, const char *reason)
{
	size_t len = strlen(reason);
	struct apo_event_text *event =
		apo_batcher_add(&worker->to_model, APO_EVENT_CLOSED, sizeof *event + len + 1);

	event->peer = apo_conn_peer(worker, conn);
	event->len = (uint32_t)len;
	memcpy(event->text, reason, len + 1);
}

/* Queued texts are still written until a deadline; nothing more is read. */
static void begin_closing(struct apo_worker *worker, struct apo_conn *conn)
{
	int64_t until_ns = worker->now_at_ns + worker->config->drain_ns;

	conn->state = APO_CONN_CLOSING;
	conn->is_paused = conn->wants_room = false;
	apo_lines_fini(&conn->lines);
	rudp_list_remove(&conn->unread);
	rudp_timer_arm(&worker->wheel, &conn->timer, rudp_time_min(until_ns, worker->drain_at_ns));
	if (!rudp_list_is_linked(&conn->dirty))
		rudp_list_append(&worker->dirty, &conn->dirty);
	apo_conn_arm(worker, conn);
}

void apo_conn_close(struct apo_worker *worker, struct apo_conn *conn, struct apo_text *last_words)
{
	struct apo_share *share = last_words ? apo_share_new(last_words) : NULL;

	if (share) {
		(void)apo_sendq_add(&conn->out, share);
		apo_share_put(share);
	}
	begin_closing(worker, conn);
}

void apo_conn_lost(struct apo_worker *worker, struct apo_conn *conn, const char *reason)
{
	if (conn->state == APO_CONN_OPEN) {
		apo_conn_drop_watches(worker, conn);
		tell_closed(worker, conn, reason);
	}
	apo_conn_destroy(worker, conn);
}

void apo_conn_broken(struct apo_worker *worker, struct apo_conn *conn, int error)
{
	conn->has_failed = true;
	apo_conn_lost(worker, conn, strerror(error));
}

void apo_conn_expel(struct apo_worker *worker, struct apo_conn *conn, const char *reason)
{
	char line[256], address[RUDP_ADDR_TEXT_SIZE];
	int len = snprintf(line, sizeof line, "ERROR :Closing Link: %s (%s)\r\n",
			   address_or_name(conn, address), reason);

	/* A client that reconnects as fast as it is refused must not fill the disk with log
	 * lines. */
	if (rudp_log_wants(RUDP_LOG_INFO) &&
	    rudp_log_ratelimit_allows(&worker->ratelimit, worker->now_at_ns))
		rudp_log(RUDP_LOG_INFO, "expelled address=%s reason=\"%s\"", address, reason);
	if (conn->state == APO_CONN_OPEN) {
		apo_conn_drop_watches(worker, conn);
		tell_closed(worker, conn, reason);
	}
	apo_conn_close(worker, conn, apo_text_copy(line, (size_t)len));
}
