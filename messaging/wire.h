/* SPDX-License-Identifier: MIT */
/*
 * wire - encodes and decodes the frames of the messaging protocol, docs/messaging.md "Wire format".
 *
 * The decoders take bytes from an untrusted peer and return a verdict. No allocation, no state.
 */
#ifndef RUDPMSG_WIRE_H
#define RUDPMSG_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rudp/msg.h"

#define RUDPMSG_FRAME_HEAD_BYTES 5    /* length and type */
#define RUDPMSG_MESSAGE_HEAD_BYTES 13 /* length, type and message id */
#define RUDPMSG_HANDSHAKE_BYTES_MAX 256
#define RUDPMSG_REASON_TEXT_MAX 255
#define RUDPMSG_MESSAGE_BYTES_TOP                                                                  \
	(UINT32_MAX - 64) /* largest value of the length field, with room to add a header */

#define RUDPMSG_FRAMES(X)                                                                          \
	X(HANDSHAKE, 1)                                                                            \
	X(ACK_HANDSHAKE, 2)                                                                        \
	X(REFUSE, 3)                                                                               \
	X(MESSAGE, 4)                                                                              \
	X(ACK, 5)                                                                                  \
	X(CLOSE, 6)                                                                                \
	X(WHO, 7)                                                                                  \
	X(IAM, 8)

enum rudpmsg_frame_type {
#define X(name, value) RUDPMSG_FRAME_##name = value,
	RUDPMSG_FRAMES(X)
#undef X
};

/* X(name, value, text for people, errno value of the call that fails) */
#define RUDPMSG_REASONS(X)                                                                         \
	X(NONE, 0, "the link ended without a reason", ECONNRESET)                                  \
	X(VERSION, 1, "the peer does not speak this version", EPROTO)                              \
	X(NAME, 2, "the peer has another name", ENXIO)                                             \
	X(SELF, 3, "the name is the peer's own", EEXIST)                                           \
	X(CROSSED, 4, "both nodes dialed; the peer's link stays", EALREADY)                        \
	X(LIMIT, 5, "the peer has too many connections", EUSERS)                                   \
	X(NO_STORE, 6, "the peer has no store, and STORED was asked", EOPNOTSUPP)                  \
	X(CLOSING, 7, "the peer is closing", ECONNREFUSED)                                         \
	X(PROTOCOL, 8, "a frame broke the protocol", EPROTO)                                       \
	X(GOODBYE, 9, "the peer has removed the connection", ECONNABORTED)                         \
	X(TAKEN_OVER, 10, "a newer link has taken over", ESTALE)                                   \
	X(TIMEOUT, 11, "no handshake in time", ETIMEDOUT)                                          \
	X(STALE, 12, "the same dialer has a newer link", ESTALE)                                   \
	X(STORE, 13, "the peer's store cannot take more", ENOSPC)                                  \
	X(KEY, 14, "the name belongs to another key", EKEYREJECTED)

enum rudpmsg_reason {
#define X(name, value, text, error) RUDPMSG_REASON_##name = value,
	RUDPMSG_REASONS(X)
#undef X
};

const char *rudpmsg_reason_text(unsigned reason);
/* A positive errno value; ECONNRESET for an unknown reason. */
int rudpmsg_reason_error(unsigned reason);

/* A HANDSHAKE or ACK_HANDSHAKE frame. Names are terminated strings. ACK_HANDSHAKE has neither
 * known_link nor wanted. */
struct rudpmsg_handshake {
	enum rudpmsg_ack ack;
	bool is_lasting; /* the sender has a store, which counts its runs */
	uint32_t message_bytes_max;
	uint64_t run;        /* drawn when the node was opened, or counted in its store */
	uint64_t link;       /* the dialer's count of its HANDSHAKEs */
	uint64_t known_link; /* the last link that the receiver dialed and that was established, as
				far as the sender knows */
	uint64_t stream, peer_stream, received;
	char name[RUDPMSG_NAME_MAX + 1];
	char wanted[RUDPMSG_NAME_MAX + 1];
};

/* A frame, pointing into the bytes that were read. */
struct rudpmsg_frame {
	enum rudpmsg_frame_type type;
	const uint8_t *content;
	size_t length;
};

#define RUDPMSG_WIRE_VERDICTS(X)                                                                   \
	X(OK)                                                                                      \
	X(MORE)     /* the frame is not complete */                                                \
	X(TOO_LONG) /* longer than its type allows */                                              \
	X(BAD_TYPE)                                                                                \
	X(BAD_SHAPE) /* the fields do not fill the content exactly */                              \
	X(BAD_MAGIC) /* not this protocol, or another version of it */                             \
	X(BAD_NAME)                                                                                \
	X(BAD_VALUE)

enum rudpmsg_wire_verdict {
#define X(name) RUDPMSG_WIRE_##name,
	RUDPMSG_WIRE_VERDICTS(X)
#undef X
};

/* true: 1 to RUDPMSG_NAME_MAX bytes of printable ASCII without space. */
bool rudpmsg_name_is_valid(const char *name, size_t length);

/*
 * Decodes the first frame in bytes. OK: *frame points into bytes, and *used is the size of the
 * frame. MORE: *used is the size of the whole frame if that is known, else of its header.
 */
enum rudpmsg_wire_verdict rudpmsg_frame_read(const uint8_t *bytes, size_t length,
					     uint32_t message_bytes_max,
					     struct rudpmsg_frame *frame, size_t *used);

/* Each decodes the content of a frame of the type that it is named after. */
enum rudpmsg_wire_verdict rudpmsg_handshake_read(const struct rudpmsg_frame *frame,
						 struct rudpmsg_handshake *handshake);
enum rudpmsg_wire_verdict rudpmsg_id_read(const struct rudpmsg_frame *frame,
					  uint64_t *id); /* MESSAGE, ACK */
enum rudpmsg_wire_verdict rudpmsg_reason_read(const struct rudpmsg_frame *frame, uint8_t *reason);

enum rudpmsg_wire_verdict rudpmsg_iam_read(const struct rudpmsg_frame *frame,
					   char name[RUDPMSG_NAME_MAX + 1]);

/* Each returns the bytes written to out; the comment says how much room out must have. */
size_t rudpmsg_handshake_write(uint8_t *out, enum rudpmsg_frame_type type,
			       const struct rudpmsg_handshake *handshake); /* HANDSHAKE_BYTES_MAX */
size_t rudpmsg_who_write(uint8_t *out);                                    /* FRAME_HEAD_BYTES */
size_t rudpmsg_iam_write(uint8_t *out, const char *name);                  /* HANDSHAKE_BYTES_MAX */
size_t rudpmsg_ack_write(uint8_t *out, uint64_t id);                       /* MESSAGE_HEAD_BYTES */
size_t rudpmsg_message_head_write(uint8_t *out, uint64_t id,
				  size_t length); /* MESSAGE_HEAD_BYTES */
/* Writes REFUSE with the text of the reason, or CLOSE. FRAME_HEAD_BYTES + 1 + REASON_TEXT_MAX */
size_t rudpmsg_reason_write(uint8_t *out, enum rudpmsg_frame_type type, enum rudpmsg_reason reason);

#endif
