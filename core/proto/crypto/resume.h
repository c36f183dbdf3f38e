/* SPDX-License-Identifier: MIT */
/*
 * resume - the handshake of resumed connections, without X25519 or with one X25519 operation.
 *
 * Both sides share the secrets of an association (association.h), made by an earlier connection. It
 * takes the place of the Noise handshake. Each resumed SYN carries a counter that no other SYN of
 * the association has, so no two SYNs are sealed under the same key. With DH the messages also
 * carry ephemeral keys, and the connection has forward secrecy of its own.
 *
 * Source  docs/protocol.md section 6.7. HKDF by its parts (RFC 5869): extract, then one HMAC per
 *         key.
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
#define RUDP_RESUME_FRESH_BYTES 32 /* sent by the listener: random, or with DH its ephemeral key */

/* A value of one connection, equal on both sides; docs/protocol.md section 6.9. */
#define RUDP_CHANNEL_BINDING_BYTES 32

/*
 * SYN: id, counter, with DH the ephemeral key; then payload and tag. SYNACK: fresh bytes, payload,
 * tag.
 */
#define RUDP_RESUME_HEAD_BYTES 16
#define RUDP_RESUME_SYNACK_OVERHEAD_BYTES (RUDP_RESUME_FRESH_BYTES + RUDP_AEAD_TAG_BYTES)

/*
 * The secrets that a handshake leaves for resumptions. fresh serves connections without DH for a
 * short time and is then wiped: a later theft of lasting does not open them. Only a handshake with
 * DH makes new secrets.
 */
struct rudp_resume_secrets {
	uint8_t fresh[RUDP_RESUME_SECRET_BYTES];
	uint8_t lasting[RUDP_RESUME_SECRET_BYTES];
};

/* The result of a resumed handshake. */
struct rudp_resume_keys {
	uint8_t initiator[RUDP_KEY_BYTES]; /* the initiator's send key */
	uint8_t listener[RUDP_KEY_BYTES];
	struct rudp_resume_secrets secrets; /* with DH; else zeros */
	uint8_t channel_binding[RUDP_CHANNEL_BINDING_BYTES];
};

struct rudp_resume {
	enum rudp_cipher cipher;
	bool with_dh;
	struct rudp_x25519 ephemeral; /* with_dh: set by give_key; else empty */
	uint8_t peer_public[RUDP_X25519_BYTES];
	uint8_t chain[RUDP_SHA256_BYTES];
	uint8_t syn_tag[RUDP_AEAD_TAG_BYTES]; /* represents the SYN in the key derivation */
};

/* Reads the head of a resumed SYN's body. message must have RUDP_RESUME_HEAD_BYTES. */
void rudp_resume_read_head(const uint8_t *message, uint64_t *association_id, uint64_t *counter);

/*
 * Starts a handshake. The argument secret of the functions below is fresh without DH, lasting with
 * DH.
 */
void rudp_resume_init(struct rudp_resume *resume, enum rudp_cipher cipher, bool with_dh);
/*
 * With DH only: moves a new key pair into resume; *ephemeral is empty afterwards. The initiator
 * needs it for its SYN. The listener needs it only for its SYNACK, so a SYN that does not
 * authenticate costs no key generation.
 */
void rudp_resume_give_key(struct rudp_resume *resume, struct rudp_x25519 *ephemeral);
/* Wipes all secrets. */
void rudp_resume_fini(struct rudp_resume *resume);

/*
 * Computes spent->proof, which shows that the sender has the association and that the SYN with this
 * counter is no longer valid.
 */
void rudp_resume_prove_spent(const uint8_t lasting[RUDP_RESUME_SECRET_BYTES],
			     struct rudp_spent *spent);

/* Bytes of a SYN's message besides its payload. */
size_t rudp_resume_syn_overhead_bytes(bool with_dh);

/*
 * Writes the SYN's message: head, sealed payload, tag. prologue is from rudp_packet_write_prologue.
 *
 * Returns  bytes written, or -ENOMEM.
 */
int rudp_resume_write_syn(struct rudp_resume *resume,
			  const uint8_t secret[RUDP_RESUME_SECRET_BYTES],
			  const uint8_t prologue[RUDP_SYN_HEADER_BYTES], uint64_t association_id,
			  uint64_t counter, const uint8_t *payload, size_t payload_len,
			  uint8_t *message);

/*
 * Opens the SYN's message. payload has room for message_len bytes.
 *
 * Returns  payload bytes; -EBADMSG (does not authenticate, too short); -ENOMEM.
 */
int rudp_resume_read_syn(struct rudp_resume *resume, const uint8_t secret[RUDP_RESUME_SECRET_BYTES],
			 const uint8_t prologue[RUDP_SYN_HEADER_BYTES], const uint8_t *message,
			 size_t message_len, uint8_t *payload);

/*
 * Writes the SYNACK's message after its header, and the keys. random is 32 random bytes of the
 * caller; with DH the ephemeral key is sent instead, and random is not used.
 *
 * Returns  bytes written; -EBADMSG (all-zero shared secret); -ENOMEM.
 */
int rudp_resume_write_synack(const struct rudp_resume *resume,
			     const uint8_t header[RUDP_SYNACK_HEADER_BYTES],
			     const uint8_t random[RUDP_RESUME_FRESH_BYTES], const uint8_t *payload,
			     size_t payload_len, uint8_t *message, struct rudp_resume_keys *keys);

/*
 * Opens the SYNACK's message. resume is unchanged, so a forged SYNACK does no harm. Returns as
 * read_syn.
 */
int rudp_resume_read_synack(const struct rudp_resume *resume,
			    const uint8_t header[RUDP_SYNACK_HEADER_BYTES], const uint8_t *message,
			    size_t message_len, uint8_t *payload, struct rudp_resume_keys *keys);

#endif
