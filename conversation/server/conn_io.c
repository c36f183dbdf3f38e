/* SPDX-License-Identifier: MIT */
/* Input and output of a connection: lines in, queued texts out. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "conversation/server/worker.h"

#define LINGER_NS (1 * RUDP_NS_PER_S) /* for the peer to close its side, too */
/* A client updates its keys after gigabytes, or hours. Each update costs some 10 us here. */
#define EMPTY_RECORD_MS 1000u
#define EMPTY_RECORDS_BURST_MS 60000u
#define ROOM_PARTS 4 /* there is room when at most that fraction of the queue is used */

/* ---- in ---- */

static void tell_line(struct apo_worker *worker, struct apo_conn *conn, const char *line,
		      size_t len)
{
	struct apo_event_text *event =
		apo_batcher_add(&worker->to_model, APO_EVENT_LINE, sizeof *event + len);

	event->peer = apo_conn_peer(worker, conn);
	event->len = (uint32_t)len;
	memcpy(event->text, line, len);
	APO_COUNT(worker, lines_in);
}

/* Returns false if the next line must wait; the timer is set if it waits for flood control. */
static bool may_speak(struct apo_worker *worker, struct apo_conn *conn)
{
	uint32_t burst_ms = worker->config->flood_burst_ms;
	int64_t ready_at_ns;

	if (conn->is_paused)
		return false;
	if (burst_ms == 0 || conn->is_operator)
		return true;
	ready_at_ns = apo_flood_ready_at_ns(&conn->flood, burst_ms);
	if (ready_at_ns <= worker->now_at_ns)
		return true;
	if (!conn->is_held)
		APO_COUNT(worker, lines_held);
	conn->is_held = true;
	rudp_timer_arm(&worker->wheel, &conn->timer, ready_at_ns);
	return false;
}

/* Returns the number of bytes used up. */
static size_t hand_over(struct apo_worker *worker, struct apo_conn *conn, const char *bytes,
			size_t len)
{
	size_t used = 0, n, line_len;
	const char *line;

	conn->is_held = false;
	while (used < len && may_speak(worker, conn)) {
		n = apo_lines_cut(&conn->lines, bytes + used, len - used, &line, &line_len);
		if (n == 0)
			break;
		used += n;
		if (!line)
			continue;
		if (line_len > 0)
			tell_line(worker, conn, line, line_len);
		if (worker->config->flood_burst_ms > 0 && !conn->is_operator)
			apo_flood_pay(&conn->flood, apo_flood_penalty_ms(line, line_len),
				      worker->now_at_ns);
	}
	return used;
}

/* Reads later without an event of epoll: the model is behind, or not everything was read. */
static void read_later(struct apo_worker *worker, struct apo_conn *conn)
{
	if (!rudp_list_is_linked(&conn->unread))
		rudp_list_append(&worker->unread, &conn->unread);
	apo_conn_arm(worker, conn);
}

bool apo_conn_may_go_on(const struct apo_worker *worker, struct apo_conn *conn)
{
	uint32_t count = conn->stream.empty_records;

	if (count == 0)
		return true;
	conn->stream.empty_records = 0;
	apo_flood_pay(&conn->empty_records, count * EMPTY_RECORD_MS, worker->now_at_ns);
	return apo_flood_ready_at_ns(&conn->empty_records, EMPTY_RECORDS_BURST_MS) <=
	       worker->now_at_ns;
}

static ssize_t read_more(struct apo_worker *worker, struct apo_conn *conn, char *room)
{
	ssize_t n;

	if (conn->has_ended)
		return 0;
	n = conn->stream.ops->read(&conn->stream, room, APO_READ_BYTES);
	APO_COUNT(worker, reads);
	if (n > 0)
		APO_COUNT_MORE(worker, bytes_in, n);
	if (conn->stream.has_output && !rudp_list_is_linked(&conn->dirty))
		rudp_list_append(&worker->dirty, &conn->dirty);
	return n;
}

static void end_reading(struct apo_worker *worker, struct apo_conn *conn, int error)
{
	if (error == EBADMSG)
		apo_conn_expel(worker, conn, conn->stream.ops->violation(&conn->stream));
	else
		apo_conn_broken(worker, conn, error);
}

void apo_conn_read(struct apo_worker *worker, struct apo_conn *conn)
{
	size_t kept, len, used;
	ssize_t n;

	if (apo_batcher_is_full(&worker->to_model)) {
		APO_COUNT(worker, reading_paused);
		read_later(worker, conn);
		return;
	}
	kept = apo_lines_restore(&conn->lines, worker->in);
	n = read_more(worker, conn, worker->in + kept);
	len = kept + (n > 0 ? (size_t)n : 0);
	used = hand_over(worker, conn, worker->in, len);
	if (n < 0 && n != -EAGAIN) {
		end_reading(worker, conn, (int)-n);
		return;
	}
	if (!apo_conn_may_go_on(worker, conn)) {
		apo_conn_expel(worker, conn, "Excess Flood");
		return;
	}
	conn->has_ended = n == 0;
	if (conn->has_ended && !conn->is_held && !conn->is_paused) {
		apo_conn_lost(worker, conn, "Connection closed");
		return;
	}
	if (len - used > worker->config->receive_queue_bytes ||
	    conn->lines.skipped_bytes > worker->config->receive_queue_bytes) {
		APO_COUNT(worker, receive_queue_exceeded);
		apo_conn_expel(worker, conn, "Excess Flood");
	} else if (apo_lines_keep(&conn->lines, worker->in + used, len - used) < 0)
		apo_conn_expel(worker, conn, "Out of memory");
	else if (n == (ssize_t)APO_READ_BYTES || conn->stream.has_input)
		read_later(worker, conn);
	else
		apo_conn_arm(worker, conn);
}

void apo_conn_hold(struct apo_worker *worker, struct apo_conn *conn, bool is_paused)
{
	conn->is_paused = is_paused;
	if (is_paused)
		apo_conn_arm(worker, conn);
	else /* kept lines need no event of epoll */
		read_later(worker, conn);
}

static void read_to_the_end(struct apo_worker *worker, struct apo_conn *conn)
{
	ssize_t n = conn->stream.ops->read(&conn->stream, worker->in, APO_READ_BYTES);

	if ((n > 0 || n == -EAGAIN) && apo_conn_may_go_on(worker, conn))
		return;
	conn->has_ended = true;
	conn->has_failed = n < 0;
	if (n < 0 || conn->state == APO_CONN_FINISHED)
		apo_conn_destroy(worker, conn);
	else
		apo_conn_arm(worker, conn);
}

/* ---- out ---- */

void apo_conn_deliver(struct apo_worker *worker, struct apo_conn *conn, struct apo_share *share)
{
	uint32_t generation = conn->generation;

	if (apo_sendq_add(&conn->out, share) < 0) {
		apo_conn_expel(worker, conn, "Out of memory");
		return;
	}
	APO_COUNT(worker, texts_queued);
	if (!rudp_list_is_linked(&conn->dirty))
		rudp_list_append(&worker->dirty, &conn->dirty);
	if (conn->out.bytes <= worker->config->send_queue_bytes)
		return;
	/* Much has come at once: the client is too slow only if its transport does not take it
	 * now. */
	apo_conn_write(worker, conn);
	if (conn->generation != generation || conn->state != APO_CONN_OPEN ||
	    conn->out.bytes <= worker->config->send_queue_bytes)
		return;
	APO_COUNT(worker, send_queue_exceeded);
	apo_sendq_cut(&conn->out, conn->stream.ops->claimed_bytes
					  ? conn->stream.ops->claimed_bytes(&conn->stream)
					  : 0);
	apo_conn_expel(worker, conn, "SendQ exceeded");
}

static void tell_room(struct apo_worker *worker, struct apo_conn *conn)
{
	struct apo_event_room *event;

	if (!conn->wants_room || conn->state != APO_CONN_OPEN ||
	    conn->out.bytes > worker->config->send_queue_bytes / ROOM_PARTS)
		return;
	conn->wants_room = false;
	event = apo_batcher_add(&worker->to_model, APO_EVENT_ROOM, sizeof *event);
	event->peer = apo_conn_peer(worker, conn);
}

void apo_conn_want_room(struct apo_worker *worker, struct apo_conn *conn)
{
	conn->wants_room = true;
	tell_room(worker, conn);
}

/* Everything is written: tells the peer so. */
static void finish(struct apo_worker *worker, struct apo_conn *conn)
{
	if (conn->has_ended) {
		apo_conn_destroy(worker, conn);
		return;
	}
	conn->stream.is_going_away = worker->drain_at_ns != RUDP_NEVER;
	conn->stream.ops->finish(&conn->stream);
	conn->state = APO_CONN_FINISHED;
	rudp_timer_arm(&worker->wheel, &conn->timer,
		       rudp_time_min(worker->now_at_ns + LINGER_NS, worker->drain_at_ns));
	apo_conn_arm(worker, conn);
}

/* Returns 0, -EAGAIN if the transport takes no more now, or another negative errno value. */
static ssize_t write_some(struct apo_worker *worker, struct apo_conn *conn)
{
	size_t length;
	ssize_t n;

	while (conn->out.bytes > 0 || conn->stream.has_output) {
		length = apo_sendq_gather(&conn->out, worker->out, APO_WRITE_BYTES);
		n = conn->stream.ops->write(&conn->stream, worker->out, length);
		APO_COUNT(worker, writes);
		if (n < 0)
			return n == -ENOBUFS || n == -ENOMEM ? -EAGAIN : n;
		APO_COUNT_MORE(worker, bytes_out, n);
		apo_sendq_consume(&conn->out, (size_t)n);
		conn->written_bytes += (uint64_t)n;
		/* TLS takes at most one record at a time, WebSocket only whole lines. */
		if ((size_t)n < length && !conn->stream.ops->is_secret &&
		    !conn->stream.ops->claimed_bytes)
			return -EAGAIN;
	}
	return 0;
}

void apo_conn_write(struct apo_worker *worker, struct apo_conn *conn)
{
	ssize_t result = conn->is_blocked ? -EAGAIN : write_some(worker, conn);

	if (conn->watches)
		apo_conn_on_written(conn);
	conn->is_blocked = result == -EAGAIN;
	tell_room(worker, conn);
	if (result < 0 && result != -EAGAIN)
		apo_conn_broken(worker, conn, (int)-result);
	else if (conn->out.bytes == 0 && conn->state == APO_CONN_CLOSING)
		finish(worker, conn);
	else
		apo_conn_arm(worker, conn);
}

/* ---- events ---- */

static void on_readable(struct apo_worker *worker, struct apo_conn *conn)
{
	switch ((enum apo_conn_state)conn->state) {
	case APO_CONN_FREE:
		break;
	case APO_CONN_GREETING:
		apo_conn_greet(worker, conn);
		break;
	case APO_CONN_OPEN:
		apo_conn_read(worker, conn);
		break;
	case APO_CONN_CLOSING:
	case APO_CONN_FINISHED:
		read_to_the_end(worker, conn);
		break;
	}
}

static void on_writable(struct apo_worker *worker, struct apo_conn *conn)
{
	conn->is_blocked = false;
	conn->stream.wants_in = false;
	apo_conn_write(worker, conn);
}

void apo_conn_on_events(struct apo_worker *worker, struct apo_conn *conn, uint32_t events)
{
	bool is_over = events & (EPOLLHUP | EPOLLERR), is_readable = events & EPOLLIN || is_over;
	uint32_t generation = conn->generation;

	if (conn->state == APO_CONN_GREETING) {
		apo_conn_greet(worker, conn);
		return;
	}
	/* Reading is off, so the hang-up would be reported in an endless loop. */
	if (is_over && !(conn->armed & EPOLLIN)) {
		apo_conn_broken(worker, conn, ECONNRESET);
		return;
	}
	is_readable = is_readable || conn->stream.wants_out;
	if (events & EPOLLOUT || (events & EPOLLIN && conn->stream.wants_in))
		on_writable(worker, conn);
	if (is_readable && conn->generation == generation)
		on_readable(worker, conn);
}

void apo_conn_on_timer(struct apo_worker *worker, struct apo_conn *conn)
{
	switch ((enum apo_conn_state)conn->state) {
	case APO_CONN_FREE:
		break;
	case APO_CONN_OPEN:
		apo_conn_read(worker, conn);
		break;
	case APO_CONN_GREETING:
		APO_COUNT(worker, tls_failed);
		apo_conn_destroy(worker, conn);
		break;
	case APO_CONN_CLOSING:
		worker->cut_count += worker->drain_at_ns != RUDP_NEVER;
		/* fall through */
	case APO_CONN_FINISHED:
		apo_conn_destroy(worker, conn);
		break;
	}
}
