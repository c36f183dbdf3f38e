/* SPDX-License-Identifier: MIT */
#include "conversation/server/stream_peer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "conversation/server/identity.h"

/* A line that has come and was not read yet. */
struct pending_line {
	struct pending_line *next;
	struct rudpmsg_message message;
	const char *text;
	size_t len;
};

struct apo_session {
	atomic_uint references;
	const struct apo_carrier *carrier;
	rudpmsg_conn_id conn;
	uint64_t number;
	char name[RUDPMSG_NAME_MAX + 1];
	char fingerprint[APO_FINGERPRINT_SIZE]; /* of the peer's key; "": none */
	_Atomic rudpmsg_message_id acknowledged_id;
	atomic_bool wants_room; /* the worker waits until send accepts messages again */
	atomic_bool is_closed;
	pthread_mutex_t lock; /* protects the rest, except the worker's members */
	int wake_fd;          /* -1: the worker has closed it */
	struct pending_line *first, *last;
	bool has_ended;
	int error; /* the reason of the end; 0: none */
	/* Only the worker uses these. */
	rudpmsg_message_id sent_id;
	size_t read_bytes; /* of the first line */
	bool is_finished;  /* CLOSE was sent to the peer */
};

/* ---- life ---- */

_Static_assert(RUDPMSG_KEY_BYTES == APO_IDENTITY_KEY_BYTES, "a key of an identity");

struct apo_session *apo_session_new(const struct apo_carrier *carrier, rudpmsg_conn_id conn,
				    uint64_t number, const char *name)
{
	struct apo_session *session = calloc(1, sizeof *session);
	uint8_t key[RUDPMSG_KEY_BYTES];

	if (!session)
		return NULL;
	session->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (session->wake_fd < 0) {
		free(session);
		return NULL;
	}
	atomic_init(&session->references, 1);
	pthread_mutex_init(&session->lock, NULL);
	session->carrier = carrier;
	session->conn = conn;
	session->number = number;
	memcpy(session->name, name, strnlen(name, RUDPMSG_NAME_MAX));
	if (carrier->key(carrier->of, conn, key) == 0)
		apo_identity_write(session->fingerprint, key);
	return session;
}

struct apo_session *apo_session_get(struct apo_session *session)
{
	atomic_fetch_add_explicit(&session->references, 1, memory_order_relaxed);
	return session;
}

static void pending_line_free(struct apo_session *session, struct pending_line *pending_line)
{
	session->carrier->done(session->carrier->of, &pending_line->message);
	free(pending_line);
}

static void drop_pending_lines(struct apo_session *session)
{
	struct pending_line *pending_line;

	while ((pending_line = session->first)) {
		session->first = pending_line->next;
		pending_line_free(session, pending_line);
	}
}

void apo_session_put(struct apo_session *session)
{
	if (atomic_fetch_sub_explicit(&session->references, 1, memory_order_acq_rel) > 1)
		return;
	drop_pending_lines(session);
	if (session->wake_fd >= 0)
		close(session->wake_fd);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

uint64_t apo_session_number(const struct apo_session *session)
{
	return session->number;
}

const char *apo_session_name(const struct apo_session *session)
{
	return session->name;
}

bool apo_session_is_closed(const struct apo_session *session)
{
	return atomic_load(&session->is_closed);
}

/* ---- the main thread's side ---- */

/* The caller holds the lock. */
static void wake(struct apo_session *session)
{
	static const uint64_t one = 1;

	if (session->wake_fd >= 0)
		(void)!write(session->wake_fd, &one, sizeof one);
}

void apo_session_on_line(struct apo_session *session, const struct rudpmsg_message *message,
			 const struct apo_frame *line)
{
	struct pending_line *pending_line = malloc(sizeof *pending_line);
	struct rudpmsg_message unwanted = *message;
	bool is_taken;

	pthread_mutex_lock(&session->lock);
	is_taken = pending_line && !session->has_ended && session->wake_fd >= 0;
	if (is_taken) {
		*pending_line = (struct pending_line){NULL, *message, line->text, line->text_len};
		if (session->first)
			session->last->next = pending_line;
		else
			session->first = pending_line;
		session->last = pending_line;
	} else if (!pending_line && !session->has_ended) {
		/* Without memory for the line the session must end: a lost line would go
		 * unnoticed. */
		session->has_ended = true;
		session->error = ENOMEM;
	}
	wake(session);
	pthread_mutex_unlock(&session->lock);
	if (is_taken)
		return;
	session->carrier->done(session->carrier->of, &unwanted);
	free(pending_line);
}

void apo_session_on_acknowledged(struct apo_session *session, rudpmsg_message_id id)
{
	atomic_store(&session->acknowledged_id, id);
	if (!atomic_exchange(&session->wants_room, false))
		return;
	pthread_mutex_lock(&session->lock);
	wake(session);
	pthread_mutex_unlock(&session->lock);
}

void apo_session_end(struct apo_session *session, int error)
{
	pthread_mutex_lock(&session->lock);
	if (!session->has_ended)
		session->error = error;
	session->has_ended = true;
	wake(session);
	pthread_mutex_unlock(&session->lock);
}

/* ---- the worker's side ---- */

static int peer_greet(struct apo_stream *stream)
{
	(void)stream;
	return 0;
}

/* Reads as much of the first line and its LF as there is room for. The caller holds the lock. */
static size_t read_first(struct apo_session *session, char *bytes, size_t size)
{
	struct pending_line *pending_line = session->first;
	size_t left = pending_line->len - session->read_bytes, n = left < size ? left : size;

	memcpy(bytes, pending_line->text + session->read_bytes, n);
	session->read_bytes += n;
	if (n == size)
		return n;
	bytes[n] = '\n';
	session->first = pending_line->next;
	session->read_bytes = 0;
	pending_line_free(session, pending_line);
	return n + 1;
}

static ssize_t peer_read(struct apo_stream *stream, void *bytes, size_t size)
{
	struct apo_session *session = stream->of;
	size_t n = 0;
	ssize_t result;
	uint64_t wakes;

	pthread_mutex_lock(&session->lock);
	(void)!read(session->wake_fd, &wakes, sizeof wakes);
	while (session->first && n < size)
		n += read_first(session, (char *)bytes + n, size - n);
	if (n > 0)
		result = (ssize_t)n;
	else if (session->has_ended)
		result = -session->error;
	else
		result = -EAGAIN;
	/* Keeps the descriptor readable for the next read, which reports the end, and for a waiting
	 * writer (this read may have consumed the wake-up about room). */
	if ((n > 0 && session->has_ended) ||
	    (stream->wants_in && !atomic_load(&session->wants_room)))
		wake(session);
	pthread_mutex_unlock(&session->lock);
	return result;
}

static int send_frame(struct apo_session *session, enum apo_frame_kind kind, const char *text,
		      size_t len)
{
	struct apo_frame frame = {
		.kind = kind, .session = session->number, .text = text, .text_len = len};
	uint8_t bytes[APO_FRAME_BYTES_MAX];

	return session->carrier->send(session->carrier->of, session->conn, bytes,
				      apo_frame_write(&frame, bytes), &session->sent_id);
}

/* Tries again after setting wants_room, since room may have come in between. */
static int send_line(struct apo_session *session, const char *text, size_t len)
{
	int result = send_frame(session, APO_FRAME_LINE, text, len);

	if (result != -EAGAIN)
		return result;
	atomic_store(&session->wants_room, true);
	result = send_frame(session, APO_FRAME_LINE, text, len);
	if (result != -EAGAIN)
		atomic_store(&session->wants_room, false);
	return result;
}

/* Sends whole lines only. The worker passes the rest again later. */
static ssize_t peer_write(struct apo_stream *stream, const void *of, size_t length)
{
	struct apo_session *session = stream->of;
	const char *bytes = of, *end;
	size_t written = 0, len;
	int result = 0;

	while ((end = memchr(bytes + written, '\n', length - written))) {
		len = (size_t)(end - (bytes + written));
		if (len > 0 && end[-1] == '\r')
			len--;
		result = send_line(session, bytes + written, len);
		if (result < 0)
			break;
		written = (size_t)(end + 1 - bytes);
	}
	stream->wants_in = result == -EAGAIN;
	if (written > 0)
		return (ssize_t)written;
	return result < 0 ? result : -EAGAIN;
}

static void peer_finish(struct apo_stream *stream)
{
	static const char reason[] = "Connection closed";
	struct apo_session *session = stream->of;

	/* If there is no room for it, the peer learns of the end from the next HELLO. */
	(void)send_frame(session, APO_FRAME_CLOSE, reason, sizeof reason - 1);
	session->is_finished = true;
	apo_session_end(session, 0);
}

static void peer_close(struct apo_stream *stream)
{
	struct apo_session *session = stream->of;

	if (!session->is_finished)
		peer_finish(stream);
	pthread_mutex_lock(&session->lock);
	close(session->wake_fd);
	session->wake_fd = -1;
	drop_pending_lines(session);
	pthread_mutex_unlock(&session->lock);
	atomic_store(&session->is_closed, true);
	stream->of = NULL;
	stream->fd = -1;
	apo_session_put(session);
}

static uint64_t peer_sent(const struct apo_stream *stream)
{
	return ((const struct apo_session *)stream->of)->sent_id;
}

static uint64_t peer_unacknowledged(const struct apo_stream *stream)
{
	const struct apo_session *session = stream->of;
	rudpmsg_message_id acknowledged_id = atomic_load(&session->acknowledged_id);

	return session->sent_id > acknowledged_id ? session->sent_id - acknowledged_id : 0;
}

static const char *peer_name(const struct apo_stream *stream)
{
	return apo_session_name(stream->of);
}

static bool peer_fingerprint(const struct apo_stream *stream, char text[APO_FINGERPRINT_SIZE])
{
	const struct apo_session *session = stream->of;

	memcpy(text, session->fingerprint, APO_FINGERPRINT_SIZE);
	return text[0] != '\0';
}

static const struct apo_stream_ops peer_ops = {
	.is_secret = true,
	.greet = peer_greet,
	.read = peer_read,
	.write = peer_write,
	.finish = peer_finish,
	.close = peer_close,
	.sent_bytes = peer_sent,
	.unacknowledged_bytes = peer_unacknowledged,
	.fingerprint = peer_fingerprint,
	.peer_name = peer_name,
};

void apo_stream_open_peer(struct apo_stream *stream, struct apo_session *session)
{
	*stream = (struct apo_stream){.ops = &peer_ops, .of = session, .fd = session->wake_fd};
}
