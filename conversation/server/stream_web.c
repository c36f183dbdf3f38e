/* SPDX-License-Identifier: MIT */
#include "conversation/server/stream_web.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/web/frames.h"
#include "conversation/web/handshake.h"

#define RAW_BYTES ((size_t)32 * 1024) /* read at once */
#define DISCARD_BYTES_MAX (64 * 1024) /* of a client that sends on after its request */
#define FRAMES_BYTES (2 * APO_WEB_FRAME_BYTES_MAX + 64 * 1024) /* encoded at once */
#define LINES_BYTES (RAW_BYTES + 2 * APO_WEB_KEPT_BYTES_MAX)

enum phase {
	GREETING,  /* of the stream below */
	REQUEST,   /* the head of the request is incomplete */
	UPGRADING, /* the answer 101 is being written */
	ANSWERING, /* another answer is being written */
	LINGERING, /* it is written; waiting for the client's end */
	OPEN,
};

struct web {
	struct apo_stream inner;
	struct apo_web_input input;
	char *output; /* encoded, not written yet */
	uint32_t output_len, output_written;
	uint32_t claimed_bytes; /* of the last write: encoded in output, not reported as written */
	uint16_t close_code;
	uint8_t phase;
	bool is_finished; /* a close frame was sent */
	/* Until the handshake is complete. */
	struct greeting *greeting;
};

struct greeting {
	struct apo_config *config;
	const char *refusal;
	const char *body;
	size_t body_len, len, discarded;
	char head[APO_HTTP_HEAD_BYTES_MAX];
};

static const struct apo_stream_ops web_ops, web_tls_ops;

static void end_greeting(struct web *web)
{
	if (web->greeting)
		apo_config_put(web->greeting->config);
	free(web->greeting);
	web->greeting = NULL;
}

/* ---- output ---- */

static void free_output(struct apo_stream *stream)
{
	struct web *web = stream->of;

	free(web->output);
	web->output = NULL;
	web->output_len = web->output_written = 0;
	stream->has_output = web->claimed_bytes > 0;
}

/* Keeps bytes for the next flush. Returns 0 or a negative errno value. */
static int keep_output(struct apo_stream *stream, const char *bytes, size_t len)
{
	struct web *web = stream->of;
	char *output = realloc(web->output, web->output_len + len);

	/* Not -ENOMEM, after which a caller might try again: a part of a frame may have been
	 * written. */
	if (!output)
		return -ECONNABORTED;
	memcpy(output + web->output_len, bytes, len);
	web->output = output;
	web->output_len += (uint32_t)len;
	stream->has_output = true;
	return 0;
}

static ssize_t write_inner(struct apo_stream *stream, const char *bytes, size_t len)
{
	struct web *web = stream->of;
	ssize_t n = web->inner.ops->write(&web->inner, bytes, len);

	stream->wants_in = web->inner.wants_in;
	return n;
}

/* Returns 0 when everything is written, or a negative errno value. */
static int flush_output(struct apo_stream *stream)
{
	struct web *web = stream->of;
	ssize_t n;

	while (web->output_written < web->output_len) {
		n = write_inner(stream, web->output + web->output_written,
				web->output_len - web->output_written);
		if (n < 0)
			return (int)n;
		web->output_written += (uint32_t)n;
	}
	free_output(stream);
	return 0;
}

/* Writes as much as possible and keeps the rest. Returns 0 if nothing is left. */
static int write_or_keep(struct apo_stream *stream, const char *bytes, size_t len)
{
	size_t written = 0;
	int error;
	ssize_t n;

	while (written < len) {
		n = write_inner(stream, bytes + written, len - written);
		if (n == -EAGAIN || n == -ENOBUFS || n == -ENOMEM) {
			error = keep_output(stream, bytes + written, len - written);
			return error < 0 ? error : -EAGAIN;
		}
		if (n < 0)
			return (int)n;
		written += (size_t)n;
	}
	return 0;
}

static ssize_t web_write(struct apo_stream *stream, const void *bytes, size_t length)
{
	static _Thread_local char frames[FRAMES_BYTES];
	struct web *web = stream->of;
	size_t frames_len, used;
	int result = flush_output(stream);

	if (result < 0)
		return result;
	if (web->claimed_bytes > 0) {
		used = web->claimed_bytes;
		web->claimed_bytes = 0;
		stream->has_output = false;
		return (ssize_t)used;
	}
	/* RFC 6455 section 5.5.1: no data frame follows a close frame. */
	if (web->is_finished)
		return (ssize_t)length;
	used = apo_web_encode(web->input.type, bytes, length, frames, sizeof frames, &frames_len);
	if (used == SIZE_MAX)
		return -ENOMEM;
	if (used == 0 && length > 0)
		return -EPROTO; /* no text of the model lacks a line end */
	result = write_or_keep(stream, frames, frames_len);
	if (result == -EAGAIN)
		web->claimed_bytes = (uint32_t)used;
	return result < 0 ? result : (ssize_t)used;
}

static size_t web_claimed_bytes(const struct apo_stream *stream)
{
	return ((const struct web *)stream->of)->claimed_bytes;
}

/* ---- HTTP ---- */

static int read_request(struct apo_stream *stream);

static int begin_answer(struct apo_stream *stream, const struct apo_web_answer *answer)
{
	struct web *web = stream->of;
	struct greeting *greeting = web->greeting;

	greeting->body = answer->body;
	greeting->body_len = answer->body_len;
	web->phase = answer->status == 101 ? UPGRADING : ANSWERING;
	web->input.type = (uint8_t)answer->type;
	return keep_output(stream, answer->head, answer->head_len);
}

/* Bytes that follow the HTTP request belong to the WebSocket. */
static int keep_rest(struct apo_stream *stream, const char *bytes, size_t len)
{
	struct web *web = stream->of;

	if (len == 0)
		return 0;
	web->input.kept = malloc(len);
	if (!web->input.kept)
		return -ENOMEM;
	memcpy(web->input.kept, bytes, len);
	web->input.kept_bytes = (uint32_t)len;
	stream->has_input = true;
	return 0;
}

static int on_request(struct apo_stream *stream, size_t searched)
{
	struct greeting *greeting = ((struct web *)stream->of)->greeting;
	struct apo_http_request request;
	struct apo_web_answer answer;
	enum apo_http_verdict verdict =
		apo_http_parse(greeting->head, greeting->len, searched, &request);
	int error;

	if (verdict == APO_HTTP_INCOMPLETE)
		return read_request(stream);
	if (verdict == APO_HTTP_OK)
		apo_web_answer(&greeting->config->web, greeting->config->model.server_name,
			       &request, greeting->refusal, &answer);
	else
		apo_web_answer_error(verdict, &answer);
	error = begin_answer(stream, &answer);
	if (error == 0 && answer.status == 101)
		error = keep_rest(stream, greeting->head + request.head_len,
				  greeting->len - request.head_len);
	return error;
}

static ssize_t read_inner(struct apo_stream *stream, char *bytes, size_t size)
{
	struct web *web = stream->of;
	ssize_t n = web->inner.ops->read(&web->inner, bytes, size);

	stream->wants_out = web->inner.wants_out;
	stream->empty_records += web->inner.empty_records;
	web->inner.empty_records = 0;
	return n;
}

static int read_request(struct apo_stream *stream)
{
	struct greeting *greeting = ((struct web *)stream->of)->greeting;
	ssize_t n = read_inner(stream, greeting->head + greeting->len,
			       sizeof greeting->head - greeting->len);
	size_t before = greeting->len;

	if (n <= 0)
		return n < 0 ? (int)n : -ECONNRESET;
	greeting->len += (size_t)n;
	return on_request(stream, before);
}

/* The descriptor must become writable before greet continues. */
static int blocked(struct apo_stream *stream, int error)
{
	if (error == -EAGAIN)
		stream->wants_out = !stream->wants_in;
	return error;
}

static int write_body(struct apo_stream *stream)
{
	struct greeting *greeting = ((struct web *)stream->of)->greeting;
	ssize_t n;

	while (greeting->body_len > 0) {
		n = write_inner(stream, greeting->body, greeting->body_len);
		if (n < 0)
			return (int)n;
		greeting->body += n;
		greeting->body_len -= (size_t)n;
	}
	return 0;
}

static int write_answer(struct apo_stream *stream)
{
	struct web *web = stream->of;
	int error = flush_output(stream);

	if (error == 0)
		error = write_body(stream);
	if (error < 0)
		return blocked(stream, error);
	web->inner.ops->finish(&web->inner);
	web->phase = LINGERING;
	return 0;
}

/* Closing while there are bytes to read would reset the connection, and the client might lose the
 * answer. */
static int linger(struct apo_stream *stream)
{
	struct greeting *greeting = ((struct web *)stream->of)->greeting;
	ssize_t n = read_inner(stream, greeting->head, sizeof greeting->head);

	if (n < 0)
		return n == -EAGAIN ? -EAGAIN : -ESHUTDOWN;
	greeting->discarded += (size_t)n;
	return n == 0 || greeting->discarded > DISCARD_BYTES_MAX ? -ESHUTDOWN : 0;
}

static int greet_inner(struct apo_stream *stream)
{
	struct web *web = stream->of;
	int error = web->inner.ops->greet(&web->inner);

	stream->wants_out = web->inner.wants_out;
	if (error == 0)
		web->phase = REQUEST;
	return error;
}

static int upgrade(struct apo_stream *stream)
{
	struct web *web = stream->of;
	int error = flush_output(stream);

	if (error < 0)
		return blocked(stream, error);
	web->phase = OPEN;
	end_greeting(web);
	/* TLS may have read the first messages from the socket already. */
	stream->has_input = true;
	return 0;
}

/* One step. Returns 0 or a negative errno value. */
static int greet_once(struct apo_stream *stream)
{
	switch ((enum phase)((struct web *)stream->of)->phase) {
	case GREETING:
		return greet_inner(stream);
	case REQUEST:
		return read_request(stream);
	case UPGRADING:
		return upgrade(stream);
	case ANSWERING:
		return write_answer(stream);
	case LINGERING:
		return linger(stream);
	case OPEN:
		break;
	}
	return 0;
}

static int web_greet(struct apo_stream *stream)
{
	const struct web *web = stream->of;
	int error = 0;

	stream->wants_out = false;
	while (error == 0 && web->phase != OPEN)
		error = greet_once(stream);
	return error;
}

/* ---- input ---- */

static int send_control(struct apo_stream *stream, const char *frame, size_t len)
{
	struct web *web = stream->of;
	int error;

	if (web->output_len > APO_WEB_OUTPUT_BYTES_MAX)
		return 0;
	error = web->output ? keep_output(stream, frame, len) : write_or_keep(stream, frame, len);
	return error == -EAGAIN ? 0 : error;
}

static int send_close(struct apo_stream *stream, uint16_t close_code, const char *reason)
{
	struct web *web = stream->of;
	char frame[APO_WEB_CONTROL_BYTES_MAX + 2];

	if (web->is_finished)
		return 0;
	web->is_finished = true;
	return send_control(stream, frame, apo_web_encode_close(close_code, reason, frame));
}

static int answer_ping(struct apo_stream *stream, const struct apo_web_decoded *decoded)
{
	char frame[APO_WEB_CONTROL_BYTES_MAX + 2];

	if (!decoded->has_ping)
		return 0;
	return send_control(stream, frame,
			    apo_web_encode_pong(decoded->ping, decoded->ping_len, frame));
}

/* The input has ended, in one of several ways. Returns what read does: 0 or a negative errno
 * value. */
static int end_of_input(struct apo_stream *stream)
{
	struct web *web = stream->of;

	return web->is_finished ? 0 : web->close_code ? -EBADMSG : -ECONNRESET;
}

/* Takes the decoded lines. Returns their length; 0: there are none. */
static ssize_t on_decoded(struct apo_stream *stream, const struct apo_web_decoded *decoded)
{
	struct web *web = stream->of;
	int error = answer_ping(stream, decoded);

	if (error < 0)
		return error;
	web->close_code = decoded->close_code;
	if (decoded->is_peers_close)
		(void)send_close(stream, decoded->close_code, "");
	/* The end is reported by the next call, after the lines. */
	stream->has_input |= web->close_code != 0;
	return (ssize_t)decoded->lines_len;
}

static ssize_t web_read(struct apo_stream *stream, void *bytes, size_t size)
{
	static _Thread_local char raw[RAW_BYTES + APO_WEB_KEPT_BYTES_MAX];
	struct web *web = stream->of;
	struct apo_web_decoded decoded;
	size_t kept;
	ssize_t n;

	assert(size >= LINES_BYTES);
	if (web->close_code != 0)
		return end_of_input(stream);
	kept = apo_web_input_restore(&web->input, raw);
	n = read_inner(stream, raw + kept, RAW_BYTES);
	/* TLS may keep more than fits; its descriptor would not become readable. */
	stream->has_input = n == (ssize_t)RAW_BYTES;
	apo_web_decode(&web->input, raw, kept + (n > 0 ? (size_t)n : 0), bytes, &decoded);
	if (n < 0 && n != -EAGAIN)
		return n;
	if (n == 0 && decoded.lines_len == 0)
		return 0;
	stream->has_input |= n == 0;
	n = on_decoded(stream, &decoded);
	if (n != 0)
		return n;
	return web->close_code != 0 ? end_of_input(stream) : -EAGAIN;
}

static const char *web_violation(const struct apo_stream *stream)
{
	return apo_web_reason(((const struct web *)stream->of)->close_code);
}

/* ---- the end ---- */

static void web_finish(struct apo_stream *stream)
{
	struct web *web = stream->of;
	uint16_t close_code = web->close_code         ? web->close_code
			      : stream->is_going_away ? APO_WEB_GOING_AWAY
						      : APO_WEB_NORMAL;

	if (web->phase == OPEN)
		(void)send_close(stream, close_code,
				 web->close_code ? apo_web_reason(close_code) : "");
	/* Bytes that do not fit in the socket's buffer now are lost; the peer sees an abnormal
	 * end. */
	free_output(stream);
	stream->has_output = false;
	web->inner.ops->finish(&web->inner);
}

static void web_close(struct apo_stream *stream)
{
	struct web *web = stream->of;

	end_greeting(web);
	apo_web_input_fini(&web->input);
	free(web->output);
	web->inner.ops->close(&web->inner);
	free(web);
	stream->of = NULL;
	stream->fd = -1;
}

static uint64_t web_sent_bytes(const struct apo_stream *stream)
{
	const struct web *web = stream->of;

	return web->inner.ops->sent_bytes(&web->inner);
}

static uint64_t web_unacknowledged_bytes(const struct apo_stream *stream)
{
	const struct web *web = stream->of;

	return web->inner.ops->unacknowledged_bytes(&web->inner);
}

static bool web_fingerprint(const struct apo_stream *stream, char text[APO_FINGERPRINT_SIZE])
{
	const struct web *web = stream->of;

	return web->inner.ops->fingerprint && web->inner.ops->fingerprint(&web->inner, text);
}

#define WEB_OPS                                                                                    \
	.greet = web_greet, .read = web_read, .write = web_write, .finish = web_finish,            \
	.close = web_close, .sent_bytes = web_sent_bytes,                                          \
	.unacknowledged_bytes = web_unacknowledged_bytes, .fingerprint = web_fingerprint,          \
	.claimed_bytes = web_claimed_bytes, .violation = web_violation

static const struct apo_stream_ops web_ops = {.can_move = true, WEB_OPS};
static const struct apo_stream_ops web_tls_ops = {.is_secret = true, WEB_OPS};

/* ---- the beginning ---- */

static void put_on_top(struct apo_stream *stream, struct web *web)
{
	web->inner = *stream;
	*stream = (struct apo_stream){.ops = web->inner.ops->is_secret ? &web_tls_ops : &web_ops,
				      .of = web,
				      .fd = web->inner.fd};
}

int apo_stream_open_web(struct apo_stream *stream, struct apo_config *config, const char *refusal)
{
	struct web *web = calloc(1, sizeof *web);
	struct greeting *greeting = calloc(1, sizeof *greeting);

	if (!web || !greeting) {
		free(web);
		free(greeting);
		return -ENOMEM;
	}
	greeting->config = apo_config_get(config);
	greeting->refusal = refusal;
	web->greeting = greeting;
	put_on_top(stream, web);
	return 0;
}

bool apo_stream_is_web(const struct apo_stream *stream)
{
	return stream->ops == &web_ops || stream->ops == &web_tls_ops;
}

/* ---- hand-over ---- */

static void serialize_bytes(struct apo_serializer *serializer, char **bytes, uint32_t *len,
			    uint32_t max)
{
	apo_serializer_count(serializer, len, 1);
	apo_serializer_expect(serializer, *len <= max);
	if (serializer->is_reading && serializer->ok && *len > 0) {
		*bytes = malloc(*len);
		apo_serializer_expect(serializer, *bytes != NULL);
	}
	if (serializer->is_reading && !*bytes)
		*len = 0;
	if (serializer->ok && *len > 0)
		apo_serializer_bytes(serializer, *bytes, *len);
}

static void serialize_web(struct apo_serializer *serializer, struct apo_stream *stream)
{
	const uint32_t output_max = FRAMES_BYTES + 2 * APO_WEB_OUTPUT_BYTES_MAX;
	struct web *web = stream->of;
	uint32_t close_code = web->close_code;
	char *rest = web->output ? web->output + web->output_written : NULL;
	uint32_t rest_len = web->output_len - web->output_written;

	apo_serializer_u8(serializer, &web->input.type);
	apo_serializer_u8(serializer, &web->input.opcode);
	apo_serializer_u32(serializer, &close_code);
	apo_serializer_u32(serializer, &web->claimed_bytes);
	apo_serializer_flag(serializer, &web->is_finished);
	apo_serializer_flag(serializer, &stream->has_input);
	apo_serializer_expect(serializer, web->input.type <= APO_WEB_BINARY &&
						  web->input.opcode <= 2 &&
						  close_code <= UINT16_MAX);
	web->close_code = (uint16_t)close_code;
	serialize_bytes(serializer, &web->input.kept, &web->input.kept_bytes,
			APO_WEB_KEPT_BYTES_MAX);
	serialize_bytes(serializer, &web->input.message, &web->input.message_bytes,
			APO_WEB_MESSAGE_BYTES_MAX);
	serialize_bytes(serializer, &rest, &rest_len, output_max);
	if (!serializer->is_reading)
		return;
	web->output = rest;
	web->output_len = rest_len;
	stream->has_output = rest_len > 0 || web->claimed_bytes > 0;
}

void apo_stream_web_serialize(struct apo_serializer *serializer, struct apo_stream *stream)
{
	struct web *web;

	if (serializer->is_reading) {
		web = calloc(1, sizeof *web);
		apo_serializer_expect(serializer, web != NULL);
		if (!web)
			return;
		web->phase = OPEN;
		put_on_top(stream, web);
	}
	serialize_web(serializer, stream);
}
