/* SPDX-License-Identifier: MIT */
/*
 * frame - what a message of the messaging library means between a chat client and Apollonion: one
 * line of IRC, or a word about the session that lines belong to (docs/conversation.md, "Lines in
 * messages").
 *
 * Memory   nothing is allocated; what is taken apart points into the message.
 * Threads  none kept: any.
 */
#ifndef APO_FRAME_H
#define APO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APO_FRAME_VERSION 1
#define APO_FRAME_HEAD_BYTES ((size_t)9)  /* of LINE and CLOSE: kind and session */
#define APO_FRAME_LINE_MAX ((size_t)8701) /* the longest line of IRC, without its end */
#define APO_FRAME_BYTES_MAX (APO_FRAME_HEAD_BYTES + APO_FRAME_LINE_MAX)

enum apo_frame_kind {
	APO_FRAME_HELLO = 1, /* server: which run of it this is, and which session it knows; on each
				link */
	APO_FRAME_OPEN = 2,  /* client: begins a session; one before is over */
	APO_FRAME_OPENED = 3, /* server: that session has begun */
	APO_FRAME_LINE = 4,   /* both: a line of the session */
	APO_FRAME_CLOSE = 5,  /* both: the session is over, text says why */
};

struct apo_frame {
	enum apo_frame_kind kind;
	uint64_t epoch;   /* of HELLO: another number, another run of the server */
	uint64_t session; /* chosen by the client, never 0; 0 in HELLO: none */
	const char *text; /* of LINE (without its end) and CLOSE: text_len bytes */
	size_t text_len;
};

#define APO_FRAME_VERDICTS(X)                                                                      \
	X(OK)                                                                                      \
	X(LENGTH)  /* too short or too long for its kind */                                        \
	X(KIND)    /* not known */                                                                 \
	X(OTHER)   /* of another version: kind is set */                                           \
	X(SESSION) /* 0 where one must be named */                                                 \
	X(TEXT)    /* NUL, CR or LF in it */

enum apo_frame_verdict {
#define APO_FRAME_ENUM(name) APO_FRAME_##name,
	APO_FRAME_VERDICTS(APO_FRAME_ENUM)
#undef APO_FRAME_ENUM
};

/* Nothing of frame is set but on OK (and the kind on OTHER). */
enum apo_frame_verdict apo_frame_read(const void *bytes, size_t len, struct apo_frame *frame);

/* Writes it into at most APO_FRAME_BYTES_MAX bytes. Longer text is cut. Returns how many. */
size_t apo_frame_write(const struct apo_frame *frame, void *bytes);

/* A client's name that a server takes, which is a part of its host name: 1 to
 * APO_FRAME_NAME_MAX letters, digits, ".", "-" and "_", the first one a letter or digit. */
#define APO_FRAME_NAME_MAX 50
bool apo_frame_name_is_valid(const char *name);

#endif
