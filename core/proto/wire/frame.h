/* SPDX-License-Identifier: MIT */
/*
 * frame - the inside of a DATA packet, and the parameters inside SYN and SYNACK.
 *
 * Specified in docs/protocol.md sections 4 and 5. A frame is a type byte and its fields; integers
 * are variable-length unless said otherwise.
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

/* name, type byte, ack-eliciting (expects an answer) */
#define RUDP_FRAMES(X)                                                                             \
	X(PADDING, 0x00, false)        /* nothing follows; may repeat */                           \
	X(PING, 0x01, true)            /* nothing */                                               \
	X(ACK, 0x02, false)            /* largest, delay us, more ranges, first, (gap, length)* */ \
	X(ACK_ECN, 0x03, false)        /* ACK, then counts of ECT(0), ECT(1), CE */                \
	X(STREAM, 0x04, true)          /* offset, length, bytes */                                 \
	X(STREAM_FIN, 0x05, true)      /* the same; the stream ends behind these bytes */          \
	X(WINDOW, 0x06, true)          /* offset up to which the peer may send */                  \
	X(BLOCKED, 0x07, true)         /* the window at which the sender is stuck */               \
	X(RESET, 0x08, true)           /* reason: the connection is over in both directions */     \
	X(PATH_CHALLENGE, 0x09, true)  /* 8 bytes */                                               \
	X(PATH_RESPONSE, 0x0a, true)   /* the same 8 bytes */                                      \
	X(URGENT, 0x0b, true)          /* offset of the newest urgent byte (MSG_OOB) */            \
	X(REPAIR, 0x0c, true)          /* offset, count, row, then a sum up to the end */          \
	X(ARRIVED, 0x0d, true)         /* all stream bytes below this offset have arrived */       \
	X(KEY_SHARE, 0x0e, true)       /* number of the exchange, X25519 public key of 32 bytes */

#define RUDP_FRAME_TYPES_MAX 24 /* type bytes are below it: each is a bit of what a packet carried */

#define RUDP_FRAME_ENUM(name, value, eliciting) RUDP_FRAME_##name = (value),
enum rudp_frame_type { RUDP_FRAMES(RUDP_FRAME_ENUM) };
#undef RUDP_FRAME_ENUM

/* Why a connection was reset; on the wire in RESET frames. The errno is what the program sees. */
#define RUDP_RESET_REASONS(X)                                                                      \
	X(APPLICATION, 0, ECONNRESET)  /* closed with unread data, SO_LINGER 0, program killed */  \
	X(TIMED_OUT, 1, ETIMEDOUT)     /* no answer for too long */                                \
	X(PROTOCOL, 2, EPROTO)         /* an authentic packet broke the rules */                   \
	X(NO_RESOURCES, 3, ENOBUFS)                                                                \
	X(STATELESS, 4, ECONNRESET)    /* the peer no longer knows the connection */

#define RUDP_RESET_ENUM(name, value, error) RUDP_RESET_##name = (value),
enum rudp_reset_reason { RUDP_RESET_REASONS(RUDP_RESET_ENUM) };
#undef RUDP_RESET_ENUM

#define RUDP_FRAMES_MAX 64     /* in one packet; a run of PADDING is one */
#define RUDP_ACK_RANGES_MAX 64 /* in one ACK frame, in both directions */
#define RUDP_KEY_SHARE_BYTES 32

struct rudp_ack {
	uint64_t largest;
	int64_t delay_ns;                            /* on the wire in microseconds */
	struct rudp_range ranges[RUDP_ACK_RANGES_MAX]; /* descending; [start, end) */
	uint32_t range_count;                        /* >= 1 */
	bool has_ecn;
	uint64_t ecn_ect0, ecn_ect1, ecn_ce;         /* packets received with each mark, ever */
};

struct rudp_frame {
	uint8_t type; /* enum rudp_frame_type */
	union {
		struct {
			uint64_t offset;
			const uint8_t *bytes; /* into the packet */
			size_t len;
			bool fin;
		} stream;
		struct {
			uint64_t offset;
			const uint8_t *bytes; /* into the packet */
			size_t len;
			uint8_t count, row;
		} repair;
		uint64_t offset;  /* WINDOW, BLOCKED, URGENT, ARRIVED */
		uint64_t reason;  /* RESET */
		uint8_t path[8];  /* PATH_CHALLENGE, PATH_RESPONSE */
		struct {
			uint64_t number;
			uint8_t public_key[RUDP_KEY_SHARE_BYTES];
		} share;
	};
};

bool rudp_frame_is_ack_eliciting(uint8_t type);

#define RUDP_FEC_COUNT_MAX 128 /* symbols of a block */
#define RUDP_FEC_ROWS_MAX 128  /* rows: 0 to one less */

/*
 * Decodes the next frame of a packet; runs of PADDING count as one. ACK frames are decoded into
 * *ack, the others into *frame (whose type is set in any case).
 *
 * Returns  OK or BAD_FRAME (unknown type, cut off, a range below zero or out of order, an offset
 *          plus length beyond RUDP_VARINT_MAX, more ranges than RUDP_ACK_RANGES_MAX, a count or row
 *          out of its range).
 */
enum rudp_verdict rudp_frame_next(struct rudp_reader *reader, struct rudp_frame *frame,
				  struct rudp_ack *ack);

/*
 * Each appends one frame; false, with the writer as it was, when it does not fit.
 * ACK writes the newest ranges of received (ascending, non-empty) that fit, at least one, at most
 * RUDP_ACK_RANGES_MAX; ecn may be NULL, else {ECT(0), ECT(1), CE}.
 */
bool rudp_frame_write_ping(struct rudp_writer *w);
bool rudp_frame_write_ack(struct rudp_writer *w, const struct rudp_range_set *received,
			  int64_t delay_ns, const uint64_t ecn[3]);
bool rudp_frame_write_window(struct rudp_writer *w, uint64_t offset);
bool rudp_frame_write_blocked(struct rudp_writer *w, uint64_t offset);
bool rudp_frame_write_reset(struct rudp_writer *w, uint64_t reason);
bool rudp_frame_write_path(struct rudp_writer *w, bool response, const uint8_t data[8]);
bool rudp_frame_write_urgent(struct rudp_writer *w, uint64_t offset);
bool rudp_frame_write_arrived(struct rudp_writer *w, uint64_t offset);
bool rudp_frame_write_key_share(struct rudp_writer *w, uint64_t number,
				const uint8_t public_key[RUDP_KEY_SHARE_BYTES]);

/*
 * Appends the head of a STREAM frame; its len bytes follow in the packet, whoever puts them there.
 * The length is always written in two bytes (16 bits, not variable), so that the head's size does not
 * depend on it.
 */
bool rudp_frame_write_stream_head(struct rudp_writer *w, uint64_t offset, size_t len, bool fin);
size_t rudp_frame_stream_head_bytes(uint64_t offset);

/* The head of a REPAIR frame; its symbol follows, up to the end of the packet. */
bool rudp_frame_write_repair_head(struct rudp_writer *w, uint64_t offset, uint8_t count, uint8_t row);
size_t rudp_frame_repair_head_bytes(uint64_t offset);

/* The longest acknowledgement delay that a peer may announce. */
#define RUDP_PARAM_ACK_DELAY_MAX_NS (1 * RUDP_NS_PER_S)

/*
 * The association and counter of the refused SYN that this one takes the place of, where that had
 * early data; proof shows that the sender has the association. docs/protocol.md section 6.8.
 */
#define RUDP_SPENT_PROOF_BYTES 16
#define RUDP_PARAM_EARLY_HEAD_BYTES 3 /* type and length, before the early data of one SYN */

struct rudp_spent {
	uint64_t association_id, counter;
	uint8_t proof[RUDP_SPENT_PROOF_BYTES];
};

/* Parameters: what each end tells the other inside its handshake message. */
struct rudp_params {
	uint64_t source_id;            /* SYNACK: the id the listener chose; SYN: as in the header;
					* never 0 */
	uint64_t window_bytes;         /* stream bytes the peer may send before any WINDOW frame */
	uint64_t datagram_max_bytes;   /* largest UDP payload it takes, >= 1200 */
	int64_t ack_delay_max_ns;      /* it acknowledges within this time; on the wire in
					* microseconds, rounded up */
	uint8_t reset_token[RUDP_RESET_TOKEN_BYTES]; /* proves a stateless RESET from it */

	/* These may be absent, and are then 0. */
	bool wants_association;        /* SYN: it would keep one */
	uint64_t association_id;       /* SYNACK: of the one offered; not 0 */
	const uint8_t *early;          /* SYN: the first bytes of the stream; parsed: in the data */
	size_t early_bytes;
	uint64_t early_taken_bytes;    /* SYNACK: so many of them need not be sent again */
	bool takes_repairs;            /* it understands REPAIR and ARRIVED frames */
	bool takes_short_ids;          /* and knows its connections by half of their ids */
	bool takes_key_shares;         /* it answers KEY_SHARE frames */
	struct rudp_spent spent;       /* SYN of a full handshake; association id 0: none */
};

/* Type-length-value list; unknown types are skipped; zero bytes behind the last are padding. */
bool rudp_params_write(struct rudp_writer *w, const struct rudp_params *params);
/* Returns  OK or BAD_PARAM (cut off, missing, twice, out of its range). */
enum rudp_verdict rudp_params_parse(const uint8_t *data, size_t len, struct rudp_params *out);

#endif
