/* SPDX-License-Identifier: MIT */
/*
 * packet - encoding and decoding of packet headers: the part of a datagram that needs no key.
 *
 * docs/protocol.md section 3 specifies every byte and constant. A datagram holds one packet. All
 * integers are in network byte order.
 *
 *	SYN      type|0  version  suite  flags  source id(8)  target port(2)  cookie len(1)  0(1)
 *	         cookie  message 1  check(8)             (padded inside; >= 1200 bytes in all)
 *	SYNACK   type|0  version  suite  flags  dest id(8)  message 2
 *	COOKIE   type|0  dest id(8)  cookie len(1)  cookie
 *	DATA     type|short, key phase  dest id(8; short: its low 4)  packet number, low 32 bits(4)
 *	         sealed frames  tag(16)
 *	RESET    type|0  unknown dest id(8)  token(16)
 *	REFUSE   type|0  dest id(8)  reason(1)  supported version(1)
 */
#ifndef RUDP_PROTO_PACKET_H
#define RUDP_PROTO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/wire/verdict.h"

#define RUDP_VERSION 2

/* SYN is padded to this: against amplification, and to test the path MTU */
#define RUDP_DATAGRAM_MIN_SYN_BYTES 1200
#define RUDP_DATAGRAM_BASE_BYTES 1200 /* UDP payload that every path is assumed to carry */
#define RUDP_DATAGRAM_MAX_BYTES 65507
#define RUDP_ID_BYTES 8
#define RUDP_TAG_BYTES 16
#define RUDP_COOKIE_MAX_BYTES 64
#define RUDP_RESET_TOKEN_BYTES 16
#define RUDP_DATA_HEADER_BYTES 13      /* with the full id */
#define RUDP_DATA_HEADER_SHORT_BYTES 9 /* with the low 32 bits of the id */
#define RUDP_DATA_OVERHEAD_BYTES (RUDP_DATA_HEADER_BYTES + RUDP_TAG_BYTES)
#define RUDP_DATA_OVERHEAD_SHORT_BYTES (RUDP_DATA_HEADER_SHORT_BYTES + RUDP_TAG_BYTES)
#define RUDP_SYN_HEADER_BYTES 16 /* without the cookie */
#define RUDP_SYNACK_HEADER_BYTES 12
/* With an ephemeral key or random bytes, and the tag of no parameters; and the longest. */
#define RUDP_SYNACK_MIN_BYTES (RUDP_SYNACK_HEADER_BYTES + 32 + RUDP_TAG_BYTES)
#define RUDP_SYNACK_MAX_BYTES 256
#define RUDP_RESET_BYTES (1 + RUDP_ID_BYTES + RUDP_RESET_TOKEN_BYTES)
#define RUDP_REFUSE_BYTES (1 + RUDP_ID_BYTES + 2)

/* High nibble of the first byte. */
#define RUDP_PACKET_TYPES(X) X(SYN, 1) X(SYNACK, 2) X(COOKIE, 3) X(DATA, 4) X(RESET, 5) X(REFUSE, 6)

#define RUDP_PACKET_ENUM(name, value) RUDP_PACKET_##name = (value),
enum rudp_packet_type { RUDP_PACKET_TYPES(RUDP_PACKET_ENUM) };
#undef RUDP_PACKET_ENUM

/* The cipher: the third byte of SYN and SYNACK. */
enum rudp_suite {
	RUDP_SUITE_AES_256_GCM = 1,
	RUDP_SUITE_CHACHA20_POLY1305 = 2,
};

/*
 * The fourth byte of SYN and SYNACK: the kind of handshake. Valid are 0 (NN), RESUME, RESUME | DH,
 * TO_KEY (NK), TO_KEY | OWN_KEY (IK), ASK_KEY (NX) and ASK_KEY | OWN_KEY (XX).
 */
#define RUDP_SYN_RESUME 0x01  /* resumption of an association; without it: Noise */
#define RUDP_SYN_DH 0x02      /* with ephemeral keys; only with RESUME */
#define RUDP_SYN_TO_KEY 0x04  /* the initiator knows the listener's static key */
#define RUDP_SYN_ASK_KEY 0x08 /* the listener shows its static key */
#define RUDP_SYN_OWN_KEY 0x10 /* the initiator shows a static key of its own */

#define RUDP_REFUSALS(X)                                                                           \
	X(PORT_CLOSED, 1, "no listener on this port")                                              \
	X(KEY_MISMATCH, 2, "the pre-shared keys differ")                                           \
	X(VERSION, 3, "protocol version or cipher suite not supported")                            \
	X(BUSY, 4, "too many connections")                                                         \
	X(RESUME, 5, "the association is unknown or has expired")                                  \
	X(EARLY_TAKEN, 6, "early data of the same attempt was already accepted")                   \
	X(OTHER_KEY, 7, "the listener has another identity than the one known here")               \
	X(NOT_AUTHORIZED, 8, "the listener does not accept this side's identity, or requires one")

#define RUDP_REFUSAL_ENUM(name, value, why) RUDP_REFUSAL_##name = (value),
enum rudp_refusal { RUDP_REFUSALS(RUDP_REFUSAL_ENUM) };
#undef RUDP_REFUSAL_ENUM

/* A parsed header. Pointers point into the datagram. Only the fields of its type are set. */
struct rudp_packet {
	enum rudp_packet_type type;
	uint8_t version;       /* SYN, SYNACK, REFUSE */
	uint8_t suite;         /* SYN, SYNACK */
	uint8_t flags;         /* SYN, SYNACK: RUDP_SYN_* */
	bool key_phase;        /* DATA */
	bool is_short;         /* DATA: id holds only the low 32 bits */
	uint8_t refusal;       /* REFUSE: enum rudp_refusal, or an unknown value */
	uint16_t target_port;  /* SYN: port of the listener */
	uint64_t id;           /* SYN: source id; else destination id */
	uint32_t number_low;   /* DATA */
	const uint8_t *header; /* start of the datagram */
	size_t header_bytes;   /* DATA: length of the associated data */
	const uint8_t *cookie; /* SYN (may be absent), COOKIE */
	size_t cookie_bytes;
	/* SYN, SYNACK: message (in SYN followed by the check); DATA: ciphertext with tag */
	const uint8_t *body;
	size_t body_bytes;
	const uint8_t *reset_token; /* RESET */
};

/*
 * Parses the header of a datagram.
 *
 * Returns  OK, TRUNCATED, BAD_TYPE, BAD_VERSION, BAD_CIPHER, SHORT_SYN, BAD_COOKIE or BAD_PARAM (a
 *          SYN with the source id 0). BAD_VERSION:
 *          in SYN and SYNACK; type, version and id are set. An unknown flag, or a reserved byte
 *          that is not 0, counts as another version. BAD_CIPHER: unknown suite; the same fields are
 *          set. BAD_COOKIE: longer than RUDP_COOKIE_MAX_BYTES, or empty in a COOKIE packet.
 *          BAD_TYPE: also if COOKIE, RESET or REFUSE have trailing bytes (they have one exact
 *          length), if a SYNACK is longer than RUDP_SYNACK_MAX_BYTES, or if a low bit of the first
 *          byte is set that the type does not use.
 */
enum rudp_verdict rudp_packet_parse(const uint8_t *datagram, size_t len, struct rudp_packet *out);

static inline size_t rudp_packet_data_overhead_bytes(bool is_short)
{
	return is_short ? RUDP_DATA_OVERHEAD_SHORT_BYTES : RUDP_DATA_OVERHEAD_BYTES;
}

/* Each writes one header to out, which must be large enough, and returns its length in bytes. */
size_t rudp_packet_write_syn(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t source_id,
			     uint16_t target_port, const uint8_t *cookie, size_t cookie_bytes);
size_t rudp_packet_write_synack(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t dest_id);
size_t rudp_packet_write_cookie(uint8_t *out, uint64_t dest_id, const uint8_t *cookie,
				size_t cookie_bytes);
size_t rudp_packet_write_data(uint8_t *out, bool key_phase, uint64_t dest_id, uint64_t number);
/* The same with a short id: only the low 32 bits of dest_id. */
size_t rudp_packet_write_short_data(uint8_t *out, bool key_phase, uint64_t dest_id,
				    uint64_t number);
size_t rudp_packet_write_reset(uint8_t *out, uint64_t dest_id,
			       const uint8_t token[RUDP_RESET_TOKEN_BYTES]);
size_t rudp_packet_write_refuse(uint8_t *out, uint64_t dest_id, enum rudp_refusal reason);

/*
 * Writes the prologue, RUDP_SYN_HEADER_BYTES that both sides mix into the handshake first. It is
 * the SYN's header with an empty cookie (length 0), so that a SYN repeated with a cookie continues
 * the same handshake.
 */
void rudp_packet_write_prologue(uint8_t *out, uint8_t suite, uint8_t flags, uint64_t source_id,
				uint16_t target_port);

/*
 * Returns the packet number nearest to expected that has these low 32 bits.
 *
 * Source   RFC 9000 appendix A.3.
 */
uint64_t rudp_packet_number_expand(uint32_t number_low, uint64_t expected);

#endif
