/* SPDX-License-Identifier: MIT */
/*
 * resume - the handshake of two endpoints that have met: what Noise is to strangers, without
 * X25519, or with one operation of it instead of Noise's keys for strangers.
 *
 * Both have the secrets of an association (association.h). Each resumed SYN bears a counter that no
 * other SYN of the association has; so no two are sealed under one key. With DH the messages also
 * carry ephemeral keys, and the connection is forward secret by itself.
 *
 * Source  docs/protocol.md section 6.7. HKDF by its parts (RFC 5869): extract, then one HMAC for
 *         each key.
 */
#ifndef RUDP_PROTO_RESUME_H
#define RUDP_PROTO_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/crypto/crypto.h"
#include "proto/wire/frame.h"
#include "proto/wire/packet.h"

#define RUDP_RESUME_SECRET_BYTES 32
#define RUDP_RESUME_FRESH_BYTES 32 /* of the listener: random, or with DH its ephemeral key */

/* SYN: id, counter, with DH the ephemeral key; tag. SYNACK: the fresh bytes; tag. */
#define RUDP_RESUME_HEAD_BYTES 16
#define RUDP_RESUME_SYN_OVERHEAD_BYTES (RUDP_RESUME_HEAD_BYTES + RUDP_AEAD_TAG_BYTES)
#define RUDP_RESUME_SYNACK_OVERHEAD_BYTES (RUDP_RESUME_FRESH_BYTES + RUDP_AEAD_TAG_BYTES)

/*
 * What a handshake leaves behind for those that resume it. fresh serves connections without DH, for
 * a short time, and is wiped then: later theft of lasting opens none of them. Only a handshake with
 * DH makes new ones.
 */
struct rudp_resume_secrets {
	uint8_t fresh[RUDP_RESUME_SECRET_BYTES];
	uint8_t lasting[RUDP_RESUME_SECRET_BYTES];
};

/* What a resumed handshake ends with. */
struct rudp_resume_keys {
	uint8_t initiator[RUDP_KEY_BYTES]; /* seals what the initiator sends */
	uint8_t listener[RUDP_KEY_BYTES];
	struct rudp_resume_secrets secrets; /* with DH; else zero */
};

struct rudp_resume {
	enum rudp_cipher cipher;
	bool with_dh;
	struct rudp_x25519 ephemeral; /* with_dh, once given; else empty */
	uint8_t peer_public[RUDP_X25519_BYTES];
	uint8_t chain[RUDP_SHA256_BYTES];
	uint8_t syn_tag[RUDP_AEAD_TAG_BYTES]; /* stands for the whole SYN in what follows */
};

/* The head of a resumed SYN's body. message_len >= RUDP_RESUME_HEAD_BYTES is the caller's duty. */
void rudp_resume_read_head(const uint8_t *message, uint64_t *association_id, uint64_t *counter);

/* secret, in what follows, is fresh without DH, lasting with it. */
void rudp_resume_init(struct rudp_resume *resume, enum rudp_cipher cipher, bool with_dh);
/*
 * With DH only: a fresh pair, which moves into resume; *ephemeral is empty then. The initiator needs it
 * for its SYN, the listener for its SYNACK: a SYN that does not authenticate is to cost it none.
 */
void rudp_resume_give_key(struct rudp_resume *resume, struct rudp_x25519 *ephemeral);
/* Wipes every secret. */
void rudp_resume_fini(struct rudp_resume *resume);

/* What shows that a SYN with this counter is spent, by one who has the association. */
void rudp_resume_prove_spent(const uint8_t lasting[RUDP_RESUME_SECRET_BYTES],
			     struct rudp_spent *spent);

/* Bytes that a SYN's message has beside its payload. */
size_t rudp_resume_syn_overhead_bytes(bool with_dh);

/*
 * The SYN's message: head, sealed payload, tag. prologue is that of rudp_packet_write_prologue.
 *
 * Returns  bytes written, or -ENOMEM.
 */
int rudp_resume_write_syn(struct rudp_resume *resume,
			  const uint8_t secret[RUDP_RESUME_SECRET_BYTES],
			  const uint8_t prologue[RUDP_SYN_HEADER_BYTES], uint64_t association_id,
			  uint64_t counter, const uint8_t *payload, size_t payload_len,
			  uint8_t *message);

/*
 * Opens it; payload holds message_len bytes.
 *
 * Returns  payload bytes, -EBADMSG (does not authenticate, too short) or -ENOMEM.
 */
int rudp_resume_read_syn(struct rudp_resume *resume, const uint8_t secret[RUDP_RESUME_SECRET_BYTES],
			 const uint8_t prologue[RUDP_SYN_HEADER_BYTES], const uint8_t *message,
			 size_t message_len, uint8_t *payload);

/*
 * The listener's answer behind its header, and the keys. random is 32 bytes of the caller; with DH
 * the ephemeral key stands in their place and they are not looked at.
 *
 * Returns  bytes written, -EBADMSG (weak point) or -ENOMEM.
 */
int rudp_resume_write_synack(const struct rudp_resume *resume,
			     const uint8_t header[RUDP_SYNACK_HEADER_BYTES],
			     const uint8_t random[RUDP_RESUME_FRESH_BYTES], const uint8_t *payload,
			     size_t payload_len, uint8_t *message, struct rudp_resume_keys *keys);

/* Opens it; nothing in resume changes, so that a forged one spoils nothing. Returns as read_syn. */
int rudp_resume_read_synack(const struct rudp_resume *resume,
			    const uint8_t header[RUDP_SYNACK_HEADER_BYTES], const uint8_t *message,
			    size_t message_len, uint8_t *payload, struct rudp_resume_keys *keys);

#endif
