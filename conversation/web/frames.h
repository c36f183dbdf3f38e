/* SPDX-License-Identifier: MIT */
/*
 * frames - the frames of WebSocket (RFC 6455 section 5) on the server's side, over libwslay: lines
 * of IRC from messages, messages from lines (IRCv3 websocket: a message is a line without its end).
 *
 * Model    Between calls only the bytes of an incomplete frame, and the earlier frames of an
 *          incomplete message, are kept: an idle connection keeps nothing, and what is kept can be
 *          handed over to another process.
 * Limits   A message of at most APO_WEB_MESSAGE_BYTES_MAX bytes.
 * Threads  one owner at a time.
 */
#ifndef APO_WEB_FRAMES_H
#define APO_WEB_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation/irc/message.h"

/* More than the longest line, so that a line that is a little too long is answered with 417. */
#define APO_WEB_MESSAGE_BYTES_MAX 8192
/* A frame without its end: the longest header, and all but a byte of the longest payload. */
#define APO_WEB_KEPT_BYTES_MAX (APO_WEB_MESSAGE_BYTES_MAX + 14)
#define APO_WEB_CONTROL_BYTES_MAX 125

/* Close codes (RFC 6455 section 7.4.1). */
enum apo_web_code {
	APO_WEB_NORMAL = 1000,
	APO_WEB_GOING_AWAY = 1001,
	APO_WEB_PROTOCOL_ERROR = 1002,
	APO_WEB_UNSUPPORTED = 1003,
	APO_WEB_NO_CODE = 1005, /* a close frame without a code; never sent */
	APO_WEB_NOT_UTF8 = 1007,
	APO_WEB_POLICY = 1008,
	APO_WEB_TOO_BIG = 1009,
	APO_WEB_INTERNAL_ERROR = 1011,
};

/* The type of messages: that of the subprotocol. Without one both types come, and text is sent. */
enum apo_web_type { APO_WEB_ANY, APO_WEB_TEXT, APO_WEB_BINARY };

struct apo_web_input { /* initialize with zeros */
	char *kept;    /* of an incomplete frame */
	char *message; /* the frames so far of an incomplete message */
	uint32_t kept_bytes, message_bytes;
	uint8_t opcode; /* of the incomplete message; 0: none */
	uint8_t type;   /* enum apo_web_type */
};

struct apo_web_decoded {
	size_t lines_len;
	/* Why the connection must end: 0: it continues. */
	uint16_t close_code;
	bool is_peers_close; /* the peer has sent a close frame with that code */
	bool has_ping;
	uint8_t ping_len; /* of the last ping */
	char ping[APO_WEB_CONTROL_BYTES_MAX];
};

/* Moves the kept bytes to the beginning of bytes, which has room for APO_WEB_KEPT_BYTES_MAX.
 * Returns their number. */
size_t apo_web_input_restore(struct apo_web_input *input, char *bytes);

/* Decodes bytes, which begin with those that were kept. lines: gets each complete message and a LF,
 * and an empty line for each ping, pong and unfinished fragment, so that flood control counts them;
 * it has room for len + APO_WEB_MESSAGE_BYTES_MAX + 1 bytes. */
void apo_web_decode(struct apo_web_input *input, const char *bytes, size_t len, char *lines,
		    struct apo_web_decoded *decoded);

void apo_web_input_fini(struct apo_web_input *input);

/* For close_code, to be shown to users. */
const char *apo_web_reason(uint16_t close_code);

/*
 * Encodes the complete lines at the beginning of bytes, as many as fit, each without its end as one
 * message. In messages of text, bytes that are no UTF-8 become U+FFFD.
 *
 * frames   size bytes of room, at least APO_WEB_FRAME_BYTES_MAX
 * Returns  the bytes used up; *frames_len has been written. SIZE_MAX if memory is short.
 */
#define APO_WEB_FRAME_BYTES_MAX (3 * (size_t)(APO_SERVER_TAGS_BYTES_MAX + APO_BODY_BYTES_MAX) + 10)
size_t apo_web_encode(enum apo_web_type type, const char *bytes, size_t len, char *frames,
		      size_t size, size_t *frames_len);

/* Writes a control frame with at most APO_WEB_CONTROL_BYTES_MAX bytes. Returns its length. */
size_t apo_web_encode_pong(const char *bytes, size_t len, char *frame);
size_t apo_web_encode_close(uint16_t close_code, const char *reason, char *frame);

#endif
