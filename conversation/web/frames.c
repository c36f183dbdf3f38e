/* SPDX-License-Identifier: MIT */
#include "conversation/web/frames.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "conversation/irc/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define CHARACTER_BYTES_MAX 4
#define CLOSE_CODE_BYTES 2

/* ---- what is kept between reads ---- */

size_t apo_web_input_restore(struct apo_web_input *input, char *bytes)
{
	size_t n = input->kept_bytes;

	if (n == 0)
		return 0;
	memcpy(bytes, input->kept, n);
	free(input->kept);
	input->kept = NULL;
	input->kept_bytes = 0;
	return n;
}

void apo_web_input_fini(struct apo_web_input *input)
{
	free(input->kept);
	free(input->message);
	input->kept = input->message = NULL;
	input->kept_bytes = input->message_bytes = 0;
	input->opcode = 0;
}

static bool keep(char **place, uint32_t *place_bytes, const char *bytes, size_t len)
{
	char *more = len > 0 ? realloc(*place, *place_bytes + len) : NULL;

	if (len == 0)
		return true;
	if (!more)
		return false;
	memcpy(more + *place_bytes, bytes, len);
	*place = more;
	*place_bytes += (uint32_t)len;
	return true;
}

/* ---- decoding ---- */

struct decoding {
	struct apo_web_input *input;
	struct apo_web_decoded *decoded;
	const char *bytes;
	size_t len;
	size_t at;    /* where the next frame begins */
	size_t given; /* bytes that the library has been given */
	char *lines;
	char *payload; /* of the present frame; in lines, after those that are complete */
	size_t payload_len;
};

static ssize_t give_bytes(uint8_t *to, size_t size, int flags, void *of)
{
	struct decoding *decoding = of;
	size_t left = decoding->len - decoding->given, n = left < size ? left : size;

	(void)flags;
	if (n == 0)
		return -1; /* the library takes it for "not yet" */
	memcpy(to, decoding->bytes + decoding->given, n);
	decoding->given += n;
	return (ssize_t)n;
}

/* The library has checked that the length is encoded in the shortest form. */
static size_t frame_size(const struct wslay_frame_iocb *frame)
{
	const size_t mask_bytes = 4;
	size_t length_bytes = frame->payload_length < 126           ? 0
			      : frame->payload_length <= UINT16_MAX ? 2
								    : 8;

	return 2 + length_bytes + mask_bytes + (size_t)frame->payload_length;
}

static void stop(struct decoding *decoding, enum apo_web_code code)
{
	decoding->decoded->close_code = (uint16_t)code;
}

/* A message ends as a line: a line end that the client has sent in spite of the specification is
 * removed. */
static void complete_message(struct decoding *decoding, uint8_t opcode, size_t len)
{
	struct apo_web_decoded *decoded = decoding->decoded;
	char *line = decoding->lines + decoded->lines_len;

	if (opcode == WSLAY_TEXT_FRAME && !apo_utf8_is_valid(line, len)) {
		stop(decoding, APO_WEB_NOT_UTF8);
		return;
	}
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (memchr(line, '\n', len)) {
		stop(decoding, APO_WEB_POLICY);
		return;
	}
	line[len] = '\n';
	decoded->lines_len += len + 1;
}

/* The last frame of a message of several: puts the earlier ones before it. */
static void complete_fragments(struct decoding *decoding)
{
	struct apo_web_input *input = decoding->input;
	uint8_t opcode = input->opcode;
	size_t before = input->message_bytes;

	if (before > 0) {
		memmove(decoding->payload + before, decoding->payload, decoding->payload_len);
		memcpy(decoding->payload, input->message, before);
	}
	free(input->message);
	input->message = NULL;
	input->message_bytes = 0;
	input->opcode = 0;
	complete_message(decoding, opcode, before + decoding->payload_len);
}

/* Frames that complete no message would cost their sender nothing (flood.h). */
static void add_empty_line(struct decoding *decoding)
{
	decoding->lines[decoding->decoded->lines_len++] = '\n';
}

static void on_data(struct decoding *decoding, const struct wslay_frame_iocb *frame)
{
	struct apo_web_input *input = decoding->input;

	if (frame->fin && frame->opcode != WSLAY_CONTINUATION_FRAME) {
		complete_message(decoding, frame->opcode, decoding->payload_len);
	} else if (frame->fin) {
		complete_fragments(decoding);
	} else {
		if (frame->opcode != WSLAY_CONTINUATION_FRAME)
			input->opcode = frame->opcode;
		if (!keep(&input->message, &input->message_bytes, decoding->payload,
			  decoding->payload_len))
			stop(decoding, APO_WEB_INTERNAL_ERROR);
		add_empty_line(decoding);
	}
}

static bool is_close_code(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

static void on_close(struct decoding *decoding)
{
	const uint8_t *payload = (const uint8_t *)decoding->payload;
	unsigned code = APO_WEB_NO_CODE;

	if (decoding->payload_len >= CLOSE_CODE_BYTES)
		code = (unsigned)payload[0] << 8 | payload[1];
	if (decoding->payload_len > 0 && !is_close_code(code)) {
		stop(decoding, APO_WEB_PROTOCOL_ERROR);
	} else if (decoding->payload_len > CLOSE_CODE_BYTES &&
		   !apo_utf8_is_valid(decoding->payload + CLOSE_CODE_BYTES,
				      decoding->payload_len - CLOSE_CODE_BYTES)) {
		stop(decoding, APO_WEB_NOT_UTF8);
	} else {
		decoding->decoded->is_peers_close = true;
		stop(decoding, code);
	}
}

/* A frame is complete. */
static void on_frame(struct decoding *decoding, const struct wslay_frame_iocb *frame)
{
	struct apo_web_decoded *decoded = decoding->decoded;

	switch (frame->opcode) {
	case WSLAY_CONNECTION_CLOSE:
		on_close(decoding);
		break;
	case WSLAY_PING: /* only the last one needs an answer (RFC 6455 section 5.5.3) */
		decoded->has_ping = true;
		decoded->ping_len = (uint8_t)decoding->payload_len;
		memcpy(decoded->ping, decoding->payload, decoding->payload_len);
		add_empty_line(decoding);
		break;
	case WSLAY_PONG:
		add_empty_line(decoding);
		break;
	default:
		on_data(decoding, frame);
	}
}

/* Checks what the library leaves to its user. Returns the code for closing, or 0. */
static unsigned wrong_with(const struct decoding *decoding, const struct wslay_frame_iocb *frame)
{
	const struct apo_web_input *input = decoding->input;
	bool continues = frame->opcode == WSLAY_CONTINUATION_FRAME;

	if (!frame->mask || frame->rsv != 0)
		return APO_WEB_PROTOCOL_ERROR;
	if (wslay_is_ctrl_frame(frame->opcode))
		return frame->opcode <= WSLAY_PONG ? 0 : APO_WEB_PROTOCOL_ERROR;
	if (frame->opcode > WSLAY_BINARY_FRAME || continues != (input->opcode != 0))
		return APO_WEB_PROTOCOL_ERROR;
	if ((frame->opcode == WSLAY_TEXT_FRAME && input->type == APO_WEB_BINARY) ||
	    (frame->opcode == WSLAY_BINARY_FRAME && input->type == APO_WEB_TEXT))
		return APO_WEB_UNSUPPORTED;
	if (frame->payload_length > APO_WEB_MESSAGE_BYTES_MAX - input->message_bytes)
		return APO_WEB_TOO_BIG;
	return 0;
}

/* Takes a part of a frame's payload. Returns false if the frames end here, for any reason. */
static bool take_part(struct decoding *decoding, wslay_frame_context_ptr library)
{
	struct wslay_frame_iocb frame;
	ssize_t n = wslay_frame_recv(library, &frame);
	unsigned wrong;

	if (n < 0) {
		if (n != WSLAY_ERR_WANT_READ)
			stop(decoding, APO_WEB_PROTOCOL_ERROR);
		return false;
	}
	wrong = wrong_with(decoding, &frame);
	if (wrong) {
		stop(decoding, wrong);
		return false;
	}
	memcpy(decoding->payload + decoding->payload_len, frame.data, frame.data_length);
	decoding->payload_len += frame.data_length;
	if (decoding->payload_len < frame.payload_length)
		return true;
	decoding->at += frame_size(&frame);
	on_frame(decoding, &frame);
	decoding->payload = decoding->lines + decoding->decoded->lines_len;
	decoding->payload_len = 0;
	return decoding->decoded->close_code == 0;
}

void apo_web_decode(struct apo_web_input *input, const char *bytes, size_t len, char *lines,
		    struct apo_web_decoded *decoded)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = give_bytes};
	struct decoding decoding = {.input = input,
				    .decoded = decoded,
				    .bytes = bytes,
				    .len = len,
				    .lines = lines,
				    .payload = lines};
	wslay_frame_context_ptr library;

	memset(decoded, 0, sizeof *decoded);
	if (wslay_frame_context_init(&library, &callbacks, &decoding) != 0) {
		stop(&decoding, APO_WEB_INTERNAL_ERROR);
		return;
	}
	while (take_part(&decoding, library))
		;
	wslay_frame_context_free(library);
	if (decoded->close_code != 0)
		return;
	assert(len - decoding.at <= APO_WEB_KEPT_BYTES_MAX);
	if (!keep(&input->kept, &input->kept_bytes, bytes + decoding.at, len - decoding.at))
		stop(&decoding, APO_WEB_INTERNAL_ERROR);
}

const char *apo_web_reason(uint16_t close_code)
{
	switch (close_code) {
	case APO_WEB_UNSUPPORTED:
		return "WebSocket message of the other type";
	case APO_WEB_NOT_UTF8:
		return "WebSocket message is not UTF-8";
	case APO_WEB_POLICY:
		return "WebSocket message of several lines";
	case APO_WEB_TOO_BIG:
		return "WebSocket message is too long";
	case APO_WEB_INTERNAL_ERROR:
		return "Out of memory";
	default:
		return "WebSocket protocol error";
	}
}

/* ---- encoding ---- */

struct encoding {
	char *frames;
	size_t len;
};

static ssize_t take_bytes(const uint8_t *bytes, size_t len, int flags, void *of)
{
	struct encoding *encoding = of;

	(void)flags;
	memcpy(encoding->frames + encoding->len, bytes, len);
	encoding->len += len;
	return (ssize_t)len;
}

/* Adds a frame that fits. */
static void add_frame(wslay_frame_context_ptr library, uint8_t opcode, const char *bytes,
		      size_t len)
{
	struct wslay_frame_iocb frame = {.fin = 1,
					 .opcode = opcode,
					 .payload_length = len,
					 .data = (const uint8_t *)bytes,
					 .data_length = len};
	ssize_t n = wslay_frame_send(library, &frame);

	assert(n == (ssize_t)len); /* take_bytes takes everything */
}

/* Returns the length of the valid character at the beginning; 0: there is none. */
static size_t character(const char *bytes, size_t len)
{
	size_t n;

	for (n = 1; n <= CHARACTER_BYTES_MAX && n <= len; n++)
		if (apo_utf8_is_valid(bytes, n))
			return n;
	return 0;
}

/* Copies with U+FFFD in place of each byte that is no UTF-8. Returns the length. */
static size_t replace_invalid(const char *bytes, size_t len, char *to)
{
	size_t at = 0, to_len = 0, n;

	while (at < len) {
		n = character(bytes + at, len - at);
		memcpy(to + to_len, n ? bytes + at : REPLACEMENT, n ? n : sizeof REPLACEMENT - 1);
		to_len += n ? n : sizeof REPLACEMENT - 1;
		at += n ? n : 1;
	}
	return to_len;
}

static void add_line(wslay_frame_context_ptr library, enum apo_web_type type, const char *line,
		     size_t len)
{
	static _Thread_local char replaced[APO_WEB_FRAME_BYTES_MAX];

	if (type == APO_WEB_BINARY) {
		add_frame(library, WSLAY_BINARY_FRAME, line, len);
	} else if (apo_utf8_is_valid(line, len)) {
		add_frame(library, WSLAY_TEXT_FRAME, line, len);
	} else {
		len = replace_invalid(line, len, replaced);
		add_frame(library, WSLAY_TEXT_FRAME, replaced, len);
	}
}

size_t apo_web_encode(enum apo_web_type type, const char *bytes, size_t len, char *frames,
		      size_t size, size_t *frames_len)
{
	static const struct wslay_frame_callbacks callbacks = {.send_callback = take_bytes};
	struct encoding encoding = {.frames = frames};
	wslay_frame_context_ptr library;
	size_t used = 0, line_len;
	const char *end;

	if (wslay_frame_context_init(&library, &callbacks, &encoding) != 0)
		return SIZE_MAX;
	while (size - encoding.len >= APO_WEB_FRAME_BYTES_MAX &&
	       (end = memchr(bytes + used, '\n', len - used))) {
		line_len = (size_t)(end - (bytes + used));
		if (line_len > 0 && end[-1] == '\r')
			line_len--;
		add_line(library, type, bytes + used, line_len);
		used = (size_t)(end + 1 - bytes);
	}
	wslay_frame_context_free(library);
	*frames_len = encoding.len;
	return used;
}

/* Control frames are short: two bytes of header, no mask. */
static size_t encode_control(uint8_t opcode, const char *bytes, size_t len, char *frame)
{
	assert(len <= APO_WEB_CONTROL_BYTES_MAX);
	frame[0] = (char)(0x80 | opcode);
	frame[1] = (char)len;
	memcpy(frame + 2, bytes, len);
	return 2 + len;
}

size_t apo_web_encode_pong(const char *bytes, size_t len, char *frame)
{
	return encode_control(WSLAY_PONG, bytes, len, frame);
}

size_t apo_web_encode_close(uint16_t close_code, const char *reason, char *frame)
{
	char bytes[APO_WEB_CONTROL_BYTES_MAX] = {0};
	size_t len = strnlen(reason, sizeof bytes - CLOSE_CODE_BYTES);

	if (close_code == APO_WEB_NO_CODE)
		return encode_control(WSLAY_CONNECTION_CLOSE, bytes, 0, frame);
	bytes[0] = (char)(close_code >> 8);
	bytes[1] = (char)(close_code & 0xff);
	memcpy(bytes + CLOSE_CODE_BYTES, reason, len);
	return encode_control(WSLAY_CONNECTION_CLOSE, bytes, CLOSE_CODE_BYTES + len, frame);
}
