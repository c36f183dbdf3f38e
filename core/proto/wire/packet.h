/* SPDX-License-Identifier: MIT */
/*
 * packet - the outside of a datagram: what can be read without a key.
 *
 * Every byte and constant is specified in docs/protocol.md section 3. One datagram holds one packet.
 * All integers are in network byte order.
 *
 *	SYN      type|0  version  suite  flags  source id(8)  target port(2)  cookie len(1)  0(1)
 *	         cookie  message 1  check(8)                    (padded inside; >= 1200 bytes in all)
 *	SYNACK   type|0  version  suite  flags  dest id(8)  message 2
 *	COOKIE   type|0  dest id(8)  cookie len(1)  cookie
 *	DATA     type|short, key phase  dest id(8; short: its low 4)  packet number, low 32 bits(4)
 *	         sealed frames  tag(16)
 *	RESET    type|0  unknown dest id(8)  token(16)
 *	REFUSE   type|0  dest id(8)  reason(1)  version spoken(1)
 */
#ifndef RUDP_PROTO_PACKET_H
#define RUDP_PROTO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/wire/verdict.h"

#define RUDP_VERSION 1

#define RUDP_DATAGRAM_MIN_SYN_BYTES 1200 /* SYN is padded to this: amplification, path MTU */
#define RUDP_DATAGRAM_BASE_BYTES 1200    /* UDP payload that every path is taken to carry */
#define RUDP_DATAGRAM_MAX_BYTES 65507
#define RUDP_ID_BYTES 8
#define RUDP_TAG_BYTES 16
#define RUDP_COOKIE_MAX_BYTES 64
#define RUDP_RESET_TOKEN_BYTES 16
#define RUDP_DATA_HEADER_BYTES 13      /* with the whole id */
#define RUDP_DATA_HEADER_SHORT_BYTES 9 /* with its low 32 bits */
#define RUDP_DATA_OVERHEAD_BYTES (RUDP_DATA_HEADER_BYTES + RUDP_TAG_BYTES)
#define RUDP_DATA_OVERHEAD_SHORT_BYTES (RUDP_DATA_HEADER_SHORT_BYTES + RUDP_TAG_BYTES)
#define RUDP_SYN_HEADER_BYTES 16 /* without the cookie */
#define RUDP_SYNACK_HEADER_BYTES 12
#define RUDP_RESET_BYTES (1 + RUDP_ID_BYTES + RUDP_RESET_TOKEN_BYTES)
#define RUDP_REFUSE_BYTES (1 + RUDP_ID_BYTES + 2)

/* High nibble of the first byte. */
#define RUDP_PACKET_TYPES(X) X(SYN, 1) X(SYNACK, 2) X(COOKIE, 3) X(DATA, 4) X(RESET, 5) X(REFUSE, 6)

#define RUDP_PACKET_ENUM(name, value) RUDP_PACKET_##name = (value),
enum rudp_packet_type { RUDP_PACKET_TYPES(RUDP_PACKET_ENUM) };
#undef RUDP_PACKET_ENUM

/* Noise pattern and cipher, the third byte of SYN and SYNACK. */
enum rudp_suite {
	RUDP_SUITE_NNPSK0_AES_256_GCM = 1,
	RUDP_SUITE_NNPSK0_CHACHA20_POLY1305 = 2,
};

/* The fourth byte of SYN and SYNACK: what kind of handshake the message behind the header is of. */
#define RUDP_SYN_RESUME 0x01 /* under an association; without: Noise */
#define RUDP_SYN_DH 0x02     /* with ephemeral keys; only with RESUME */

#define RUDP_REFUSALS(X)                                                                           \
	X(PORT_CLOSED, 1, "nobody listens on this port")                                           \
	X(KEY_MISMATCH, 2, "the pre-shared keys differ")                                           \
	X(VERSION, 3, "protocol version or cipher suite not spoken")                               \
	X(BUSY, 4, "too many connections")                                                         \
	X(RESUME, 5, "the association is not known (any more)")                                    \
	X(EARLY_TAKEN, 6, "early data of the same attempt was taken before")

#define RUDP_REFUSAL_ENUM(name, value, why) RUDP_REFUSAL_##name = (value),
enum rudp_refusal { RUDP_REFUSALS(RUDP_REFUSAL_ENUM) };
#undef RUDP_REFUSAL_ENUM

/* A parsed header. Pointers point into the datagram. Only the fields of its type are set. */
struct rudp_packet {
	enum rudp_packet_type type;
	uint8_t version;              /* SYN, SYNACK, REFUSE */
	uint8_t suite;                /* SYN, SYNACK */
	uint8_t flags;                /* SYN, SYNACK: RUDP_SYN_* */
	bool key_phase;               /* DATA */
	bool is_short;                /* DATA: id is the low 32 bits of it */
	uint8_t refusal;              /* REFUSE: enum rudp_refusal, or an unknown value */
	uint16_t target_port;         /* SYN: port of the listener meant */
	uint64_t id;                  /* SYN: source id; else destination id */
	uint32_t number_low;          /* DATA */
	const uint8_t *header;        /* start of the datagram */
	size_t header_bytes;          /* DATA: what the tag covers besides the ciphertext */
	const uint8_t *cookie;        /* SYN (may be absent), COOKIE */
	size_t cookie_bytes;
	const uint8_t *body;          /* SYN, SYNACK: message (and in SYN the check behind it);
				       * DATA: ciphertext with tag */
	size_t body_bytes;
	const uint8_t *reset_token;   /* RESET */
};

/*
 * Parses the header of a datagram.
 *
 * Returns  OK, TRUNCATED, BAD_TYPE, BAD_VERSION (SYN, SYNACK: type, version and id are set; an
 *          unknown flag, or the reserved byte not 0, counts as another version), BAD_CIPHER
 *          (likewise), SHORT_SYN, BAD_COOKIE (longer than RUDP_COOKIE_MAX_BYTES; in COOKIE also
 *          empty). Trailing bytes on COOKIE, RESET, REFUSE are TRUNCATED's sibling BAD_TYPE: those
 *          have one exact length. Low bits of the first byte that the type does not use are
 *          BAD_TYPE when set.
 */
enum rudp_verdict rudp_packet_parse(const uint8_t *datagram, size_t len, struct rudp_packet *out);

static inline size_t rudp_packet_data_overhead_bytes(bool is_short)
{
	return is_short ? RUDP_DATA_OVERHEAD_SHORT_BYTES : RUDP_DATA_OVERHEAD_BYTES;
}

/* Each writes one header to out (room is the caller's duty) and returns its length in bytes. */
size_t rudp_packet_write_syn(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t source_id,
			     uint16_t target_port, const uint8_t *cookie, size_t cookie_bytes);
size_t rudp_packet_write_synack(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t dest_id);
size_t rudp_packet_write_cookie(uint8_t *out, uint64_t dest_id, const uint8_t *cookie,
				size_t cookie_bytes);
size_t rudp_packet_write_data(uint8_t *out, bool key_phase, uint64_t dest_id, uint64_t number);
/* The same, of which the receiver learns only the low 32 bits of its id. */
size_t rudp_packet_write_short_data(uint8_t *out, bool key_phase, uint64_t dest_id,
				    uint64_t number);
size_t rudp_packet_write_reset(uint8_t *out, uint64_t dest_id,
			       const uint8_t token[RUDP_RESET_TOKEN_BYTES]);
size_t rudp_packet_write_refuse(uint8_t *out, uint64_t dest_id, enum rudp_refusal reason);

/*
 * What both ends mix into the handshake first, the prologue: the SYN's header with its cookie left
 * out (length 0), so that a SYN repeated with a cookie is the same handshake. Writes
 * RUDP_SYN_HEADER_BYTES.
 */
void rudp_packet_write_prologue(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t source_id,
				uint16_t target_port);

/*
 * The full packet number nearest to expected whose low 32 bits are these.
 *
 * Source   RFC 9000 appendix A.3.
 */
uint64_t rudp_packet_number_expand(uint32_t number_low, uint64_t expected);

#endif
