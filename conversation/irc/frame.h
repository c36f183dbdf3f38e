/* SPDX-License-Identifier: MIT */
/*
 * frame - encodes and decodes the messages between a chat client and Apollonion. Each carries one
 * line of IRC, or opens or closes a session (docs/conversation.md, "Lines in messages").
 *
 * Memory   Nothing is allocated; a decoded frame points into the message.
 * Threads  Any; there is no state.
 */
#ifndef APO_FRAME_H
#define APO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APO_FRAME_VERSION 1
#define APO_FRAME_HEAD_BYTES ((size_t)9)  /* of LINE and CLOSE: kind and session */
#define APO_FRAME_LINE_MAX ((size_t)8701) /* the longest line of IRC, without CR LF */
#define APO_FRAME_BYTES_MAX (APO_FRAME_HEAD_BYTES + APO_FRAME_LINE_MAX)

enum apo_frame_kind {
	/* From the server, on each link: its run (epoch), and the client's session if it has
	 * one. */
	APO_FRAME_HELLO = 1,
	APO_FRAME_OPEN = 2,   /* from the client: begins a session, and ends the previous one */
	APO_FRAME_OPENED = 3, /* from the server: the session has begun */
	APO_FRAME_LINE = 4,   /* from both: a line of the session */
	APO_FRAME_CLOSE = 5,  /* from both: the session has ended; text says why */
};

struct apo_frame {
	enum apo_frame_kind kind;
	uint64_t epoch;   /* of HELLO: differs for each run of the server */
	uint64_t session; /* chosen by the client, never 0. In HELLO 0 means that there is none */
	const char *text; /* of LINE (without CR LF) and CLOSE: text_len bytes */
	size_t text_len;
};

#define APO_FRAME_VERDICTS(X)                                                                      \
	X(OK)                                                                                      \
	X(LENGTH)  /* too short or too long for its kind */                                        \
	X(KIND)    /* unknown kind */                                                              \
	X(OTHER)   /* of another version; kind is set */                                           \
	X(SESSION) /* the session is 0, but the kind needs one */                                  \
	X(TEXT)    /* contains NUL, CR or LF */

enum apo_frame_verdict {
#define APO_FRAME_ENUM(name) APO_FRAME_##name,
	APO_FRAME_VERDICTS(APO_FRAME_ENUM)
#undef APO_FRAME_ENUM
};

/* Decodes a message. frame is set only if the verdict is OK (on OTHER: its kind). */
enum apo_frame_verdict apo_frame_read(const void *bytes, size_t len, struct apo_frame *frame);

/* Encodes a frame into at most APO_FRAME_BYTES_MAX bytes. Longer text is cut. Returns the
 * length. */
size_t apo_frame_write(const struct apo_frame *frame, void *bytes);

/* Returns whether the name is allowed for a client. The server makes it part of the client's host
 * name: 1 to APO_FRAME_NAME_MAX letters, digits, ".", "-" and "_", beginning with a letter or
 * digit. */
#define APO_FRAME_NAME_MAX 50
bool apo_frame_name_is_valid(const char *name);

#endif
