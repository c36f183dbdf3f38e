/* SPDX-License-Identifier: MIT */
/*
 * frame - encoding and decoding of the frames in a DATA packet, and of the transport parameters in
 * SYN and SYNACK.
 *
 * Specified in docs/protocol.md sections 4 and 5. A frame is a type byte and its fields. Integers
 * are variable-length unless stated otherwise.
 */
#ifndef RUDP_PROTO_FRAME_H
#define RUDP_PROTO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/range_set.h"
#include "base/time.h"
#include "base/wire.h"
#include "proto/wire/packet.h"
#include "proto/wire/verdict.h"

/* name, type byte, ack-eliciting (the peer must acknowledge it) */
#define RUDP_FRAMES(X)                                                                             \
	X(PADDING, 0x00, false)       /* no fields; may repeat */                                  \
	X(PING, 0x01, true)           /* no fields */                                              \
	X(ACK, 0x02, false)           /* largest, delay us, more ranges, first, (gap, length)* */  \
	X(ACK_ECN, 0x03, false)       /* the same, then counts of ECT(0), ECT(1), CE */            \
	X(STREAM, 0x04, true)         /* offset, length, bytes */                                  \
	X(STREAM_FIN, 0x05, true)     /* the same; the stream ends after these bytes */            \
	X(WINDOW, 0x06, true)         /* offset up to which the peer may send */                   \
	X(BLOCKED, 0x07, true)        /* the window limit that blocks the sender */                \
	X(RESET, 0x08, true)          /* reason; ends both directions */                           \
	X(PATH_CHALLENGE, 0x09, true) /* 8 bytes */                                                \
	X(PATH_RESPONSE, 0x0a, true)  /* the same 8 bytes */                                       \
	X(URGENT, 0x0b, true)         /* offset of the newest urgent byte (MSG_OOB) */             \
	X(REPAIR, 0x0c, true)         /* offset, count, row, then the repair symbol */             \
	X(ARRIVED, 0x0d, true)        /* all stream bytes below it have arrived */                 \
	X(KEY_SHARE, 0x0e, true)      /* number of the exchange, X25519 public key */              \
	X(IDENTITY, 0x0f, true)       /* Noise message 3 of XX: static key, proof */               \
	X(SPARE_ID, 0x10, true)       /* number, id, reset token, offset of packet numbers */

/* Type bytes are below it; each type is a bit in the mask of frames in a packet. */
#define RUDP_FRAME_TYPES_MAX 24

#define RUDP_FRAME_ENUM(name, value, eliciting) RUDP_FRAME_##name = (value),
enum rudp_frame_type { RUDP_FRAMES(RUDP_FRAME_ENUM) };
#undef RUDP_FRAME_ENUM

/* Reasons of a connection reset, sent in RESET frames. The errno is what the program gets. */
#define RUDP_RESET_REASONS(X)                                                                      \
	X(APPLICATION, 0, ECONNRESET) /* closed with unread data, SO_LINGER 0, killed */           \
	X(TIMED_OUT, 1, ETIMEDOUT)    /* nothing received before a time-out */                     \
	X(PROTOCOL, 2, EPROTO)        /* a peer violated the protocol */                           \
	X(NO_RESOURCES, 3, ENOBUFS)                                                                \
	X(STATELESS, 4, ECONNRESET)  /* the peer does not know the connection */                   \
	X(NOT_AUTHORIZED, 5, EACCES) /* the identity is not accepted */

#define RUDP_RESET_ENUM(name, value, error) RUDP_RESET_##name = (value),
enum rudp_reset_reason { RUDP_RESET_REASONS(RUDP_RESET_ENUM) };
#undef RUDP_RESET_ENUM

#define RUDP_FRAMES_MAX 64     /* in one packet; consecutive PADDING counts as one */
#define RUDP_ACK_RANGES_MAX 64 /* in one ACK frame, sent or received */
#define RUDP_KEY_SHARE_BYTES 32
#define RUDP_IDENTITY_PROOF_BYTES 64 /* static key, its tag, tag of the empty payload */

struct rudp_ack {
	uint64_t largest;
	int64_t delay_ns;                              /* on the wire in microseconds */
	struct rudp_range ranges[RUDP_ACK_RANGES_MAX]; /* descending; [start, end) */
	uint32_t range_count;                          /* >= 1 */
	bool has_ecn;
	uint64_t ecn_ect0, ecn_ect1, ecn_ce; /* total packets received with each mark */
};

/* Another id for packets to the sender of the frame: docs/protocol.md section 13.1. */
struct rudp_spare_id {
	uint64_t number; /* counts the ids of this side; that of the handshake is 0 */
	uint64_t id;     /* not 0 */
	uint8_t reset_token[RUDP_RESET_TOKEN_BYTES];
	uint32_t number_offset; /* added to the packet numbers in headers with this id */
};

struct rudp_frame {
	uint8_t type; /* enum rudp_frame_type */
	union {
		struct {
			uint64_t offset;
			const uint8_t *bytes; /* points into the packet */
			size_t len;
			bool fin;
		} stream;
		struct {
			uint64_t offset;
			const uint8_t *bytes; /* points into the packet */
			size_t len;
			uint8_t count, row;
		} repair;
		uint64_t offset; /* WINDOW, BLOCKED, URGENT, ARRIVED */
		uint64_t reason; /* RESET */
		uint8_t path[8]; /* PATH_CHALLENGE, PATH_RESPONSE */
		struct {
			uint64_t number;
			uint8_t public_key[RUDP_KEY_SHARE_BYTES];
		} share;
		const uint8_t *proof;       /* IDENTITY: in the packet, RUDP_IDENTITY_PROOF_BYTES */
		struct rudp_spare_id spare; /* SPARE_ID */
	};
};

bool rudp_frame_is_ack_eliciting(uint8_t type);

#define RUDP_FEC_COUNT_MAX 128 /* symbols in a block */
#define RUDP_FEC_ROWS_MAX 128  /* rows are numbered from 0 */

/*
 * Decodes the next frame of a packet. Consecutive PADDING counts as one frame. ACK frames are
 * decoded into *ack, others into *frame, whose type is always set.
 *
 * Returns  OK, or BAD_FRAME: unknown type, truncated, a range below zero or out of order, offset
 *          plus length above RUDP_VARINT_MAX, more ranges than RUDP_ACK_RANGES_MAX, a count or
 *          row out of its range, or a number or id of 0.
 */
enum rudp_verdict rudp_frame_next(struct rudp_reader *reader, struct rudp_frame *frame,
				  struct rudp_ack *ack);

/*
 * Each appends one frame. False if it does not fit; the writer is unchanged then. ACK writes the
 * newest ranges of received (ascending, non-empty) that fit: at least one, at most
 * RUDP_ACK_RANGES_MAX. ecn is NULL or {ECT(0), ECT(1), CE}.
 */
bool rudp_frame_write_ping(struct rudp_writer *w);
/* A frame that has one number: WINDOW, BLOCKED, RESET, URGENT or ARRIVED. */
bool rudp_frame_write_value(struct rudp_writer *w, enum rudp_frame_type type, uint64_t value);
bool rudp_frame_write_ack(struct rudp_writer *w, const struct rudp_range_set *received,
			  int64_t delay_ns, const uint64_t ecn[3]);
bool rudp_frame_write_path(struct rudp_writer *w, bool response, const uint8_t data[8]);
bool rudp_frame_write_key_share(struct rudp_writer *w, uint64_t number,
				const uint8_t public_key[RUDP_KEY_SHARE_BYTES]);
bool rudp_frame_write_identity(struct rudp_writer *w,
			       const uint8_t proof[RUDP_IDENTITY_PROOF_BYTES]);
bool rudp_frame_write_spare_id(struct rudp_writer *w, const struct rudp_spare_id *spare);

/*
 * Appends the header of a STREAM frame. The caller must put its len bytes after it. The length
 * always takes two bytes (not variable), so that the size of the header does not depend on it.
 */
bool rudp_frame_write_stream_head(struct rudp_writer *w, uint64_t offset, size_t len, bool fin);
size_t rudp_frame_stream_head_bytes(uint64_t offset);

/*
 * Appends the header of a REPAIR frame. The caller must put the repair symbol after it; it extends
 * to the end of the packet.
 */
bool rudp_frame_write_repair_head(struct rudp_writer *w, uint64_t offset, uint8_t count,
				  uint8_t row);
size_t rudp_frame_repair_head_bytes(uint64_t offset);

/* The largest max_ack_delay that a peer may announce. */
#define RUDP_PARAM_ACK_DELAY_MAX_NS (1 * RUDP_NS_PER_S)

/*
 * The association and counter of a refused SYN with early data, which this SYN replaces. proof
 * shows that the sender has the association. docs/protocol.md section 6.8.
 */
#define RUDP_SPENT_PROOF_BYTES 16
#define RUDP_PARAM_EARLY_HEAD_BYTES 3 /* type and length before the early data of a SYN */

struct rudp_spent {
	uint64_t association_id, counter;
	uint8_t proof[RUDP_SPENT_PROOF_BYTES];
};

/* Transport parameters that each side sends in its handshake message. */
struct rudp_params {
	/* the sender's id. SYNACK: chosen by the listener; SYN: as in the header; never 0 */
	uint64_t source_id;
	uint64_t window_bytes;       /* stream bytes that the peer may send before a WINDOW frame */
	uint64_t datagram_max_bytes; /* largest UDP payload that the sender accepts, >= 1200 */
	int64_t ack_delay_max_ns;    /* max_ack_delay; on the wire in microseconds, rounded up */
	uint8_t reset_token[RUDP_RESET_TOKEN_BYTES]; /* proves a stateless RESET from the sender */

	/* Optional parameters; 0 if absent. */
	bool wants_association;  /* SYN: it asks for an association */
	uint64_t association_id; /* SYNACK: id of the offered association; not 0 */
	const uint8_t *early;    /* SYN: early data; after parsing it points into the packet */
	size_t early_bytes;
	uint64_t early_taken_bytes; /* SYNACK: the number of early bytes accepted */
	bool takes_repairs;         /* accepts REPAIR and ARRIVED frames */
	bool takes_short_ids;       /* accepts packets with short ids */
	bool takes_key_shares;      /* answers KEY_SHARE frames */
	bool takes_spare_ids;       /* accepts SPARE_ID frames */
	bool key_lasts;             /* SYNACK: the static key may be remembered */
	struct rudp_spent spent;    /* SYN of a full handshake; association_id 0: none */
};

/* Writes the parameters as a type-length-value list. */
bool rudp_params_write(struct rudp_writer *w, const struct rudp_params *params);
/*
 * Parses the list. Skips unknown types; zero bytes after the last parameter are padding.
 *
 * Returns  OK, or BAD_PARAM: truncated, missing, duplicate or out of range.
 */
enum rudp_verdict rudp_params_parse(const uint8_t *data, size_t len, struct rudp_params *out);
/* False if the association has the form of the other message: asked for in SYNACK, offered in
 * SYN. */
bool rudp_params_fit(const struct rudp_params *params, bool in_syn);

#endif
