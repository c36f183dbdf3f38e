/* SPDX-License-Identifier: MIT */
#include "conversation/server/conn_move.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "conversation/server/stream_web.h"

#define WATCH_BYTES 21

bool apo_conn_can_move(const struct apo_conn *conn)
{
	return conn->state == APO_CONN_OPEN && conn->stream.ops->can_move && !conn->refusal &&
	       !conn->has_failed;
}

/* ---- parts of a connection ---- */

static void serialize_address(struct apo_serializer *serializer, struct rudp_addr *address)
{
	apo_serializer_bytes(serializer, address, sizeof *address);
	apo_serializer_expect(serializer, address->family == AF_INET ||
						  address->family == AF_INET6 ||
						  address->family == AF_UNSPEC);
}

static void serialize_flags(struct apo_serializer *serializer, struct apo_conn *conn)
{
	int64_t due_at_ns = conn->is_held ? conn->timer.deadline_at_ns : 0;

	apo_serializer_flag(serializer, &conn->is_held);
	apo_serializer_flag(serializer, &conn->has_ended);
	apo_serializer_flag(serializer, &conn->is_operator);
	apo_serializer_instant(serializer, &conn->flood.paid_until_at_ns);
	apo_serializer_instant(serializer, &due_at_ns);
	apo_serializer_expect(serializer, due_at_ns != RUDP_NEVER);
	conn->timer.deadline_at_ns = due_at_ns;
}

static void serialize_lines(struct apo_serializer *serializer, struct apo_worker *worker,
			    struct apo_lines *lines)
{
	uint32_t len = lines->kept_bytes;

	apo_serializer_u32(serializer, &lines->skipped_bytes);
	apo_serializer_count(serializer, &len, 1);
	/* It must fit in the buffer to which it will be restored. */
	apo_serializer_expect(serializer, len <= worker->in_bytes - APO_READ_BYTES);
	if (serializer->is_reading && serializer->ok && len > 0) {
		lines->kept = malloc(len);
		apo_serializer_expect(serializer, lines->kept != NULL);
		lines->kept_bytes = lines->kept ? len : 0;
	}
	if (serializer->ok)
		apo_serializer_bytes(serializer, lines->kept, len);
}

static void write_queue(struct apo_serializer *serializer, const struct apo_conn *conn)
{
	uint32_t i, from = conn->out.offset;
	const struct apo_text *text;

	for (i = 0; i < conn->out.count; i++, from = 0) {
		text = apo_sendq_text(&conn->out, i);
		apo_serializer_bytes(serializer, (char *)text->bytes + from, text->len - from);
	}
}

/* Reads the whole queue as one text. */
static void read_queue(struct apo_serializer *serializer, struct apo_conn *conn, uint32_t len)
{
	struct apo_text *text = serializer->ok ? apo_text_new(len) : NULL;
	struct apo_share *share;

	apo_serializer_expect(serializer, text != NULL);
	if (!text)
		return;
	apo_serializer_bytes(serializer, text->bytes, len);
	share = apo_share_new(text);
	apo_serializer_expect(serializer, share && apo_sendq_add(&conn->out, share) == 0);
	if (share)
		apo_share_put(share);
}

static void serialize_queue(struct apo_serializer *serializer, struct apo_conn *conn)
{
	uint32_t len = (uint32_t)conn->out.bytes;

	apo_serializer_expect(serializer, conn->out.bytes <= APO_SERIALIZER_BYTES_MAX);
	apo_serializer_count(serializer, &len, 1);
	if (!serializer->is_reading)
		write_queue(serializer, conn);
	else if (len > 0)
		read_queue(serializer, conn, len);
	apo_serializer_u64(serializer, &conn->written_bytes);
}

static void read_watch(struct apo_serializer *serializer, struct apo_worker *worker,
		       struct apo_conn *conn, const struct apo_text_watch *read)
{
	struct apo_text_watch *watch = serializer->ok ? malloc(sizeof *watch) : NULL;

	apo_serializer_expect(serializer, watch != NULL);
	if (!watch)
		return;
	*watch = *read;
	apo_conn_add_watch(worker, conn, watch);
}

static void serialize_watches(struct apo_serializer *serializer, struct apo_worker *worker,
			      struct apo_conn *conn)
{
	struct apo_text_watch one = {0}, *watch;
	uint32_t count = 0, i;

	for (watch = conn->watches; watch; watch = watch->next)
		count++;
	apo_serializer_count(serializer, &count, WATCH_BYTES);
	watch = conn->watches;
	for (i = 0; i < count && serializer->ok; i++) {
		if (!serializer->is_reading) {
			one = *watch;
			watch = watch->next;
		}
		apo_serializer_u64(serializer, &one.watch);
		apo_serializer_u32(serializer, &one.recipient);
		apo_serializer_flag(serializer, &one.is_written);
		apo_serializer_u64(serializer, &one.end_bytes);
		if (serializer->is_reading)
			read_watch(serializer, worker, conn, &one);
	}
}

/* Bytes that the stream has encoded already will be consumed from the queue. */
static void serialize_web(struct apo_serializer *serializer, struct apo_conn *conn)
{
	bool is_web = apo_stream_is_web(&conn->stream);

	apo_serializer_flag(serializer, &is_web);
	if (!serializer->ok || !is_web)
		return;
	apo_stream_web_serialize(serializer, &conn->stream);
	if (serializer->ok)
		apo_serializer_expect(serializer, conn->stream.ops->claimed_bytes(&conn->stream) <=
							  conn->out.bytes);
}

void apo_conn_serialize(struct apo_serializer *serializer, struct apo_worker *worker,
			struct apo_conn *conn, bool moves)
{
	uint64_t sent_bytes = 0;

	if (moves) {
		serialize_address(serializer, &conn->address);
		serialize_flags(serializer, conn);
		serialize_lines(serializer, worker, &conn->lines);
		serialize_queue(serializer, conn);
		if (!serializer->is_reading)
			sent_bytes = conn->stream.ops->sent_bytes(&conn->stream);
		apo_serializer_u64(serializer, &sent_bytes);
		if (serializer->is_reading)
			apo_stream_moved(&conn->stream, conn->stream.fd, sent_bytes);
		serialize_web(serializer, conn);
	}
	serialize_watches(serializer, worker, conn);
}

/* ---- resume and release ---- */

int apo_conn_resume(struct apo_worker *worker, struct apo_conn *conn)
{
	struct epoll_event event = {.data.u64 = (uint64_t)conn->generation << 32 | conn->slot};
	int64_t due_at_ns = conn->timer.deadline_at_ns;

	conn->state = APO_CONN_OPEN;
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, conn->stream.fd, &event) < 0)
		return -errno;
	if (conn->is_held)
		rudp_timer_arm(&worker->wheel, &conn->timer, due_at_ns);
	if (conn->out.bytes > 0 || conn->stream.has_output)
		rudp_list_append(&worker->dirty, &conn->dirty);
	/* Lines that waited for the model have been read already, so no event will report them. */
	if ((conn->lines.kept_bytes > 0 || conn->has_ended || conn->stream.has_input) &&
	    !conn->is_held)
		rudp_list_append(&worker->unread, &conn->unread);
	conn->armed = 0;
	apo_conn_arm(worker, conn);
	return 0;
}

void apo_conn_release(struct apo_worker *worker, struct apo_conn *conn)
{
	/* The other process keeps the socket open, so closing it here does not remove it from
	 * epoll. */
	(void)epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, conn->stream.fd, NULL);
	apo_conn_destroy(worker, conn);
}
