/* SPDX-License-Identifier: MIT */
/*
 * noise - the handshake NNpsk0 (and NN, for the published vectors) of the Noise framework.
 *
 * Source   The Noise Protocol Framework, revision 34: sections 5 (objects), 7.4 (NN), 9 (psk).
 *          X25519, AES-256-GCM or ChaCha20-Poly1305, SHA-256. docs/protocol.md section 6.
 *
 *	NNpsk0:  -> psk, e
 *	         <- e, ee
 */
#ifndef RUDP_PROTO_NOISE_H
#define RUDP_PROTO_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/crypto/aead.h"
#include "proto/crypto/crypto.h"

#define RUDP_NOISE_DH_BYTES 32
#define RUDP_NOISE_HASH_BYTES 32
#define RUDP_NOISE_OVERHEAD_BYTES (RUDP_NOISE_DH_BYTES + RUDP_AEAD_TAG_BYTES) /* a message */

struct rudp_noise {
	enum rudp_cipher cipher;
	bool initiator;
	bool has_psk;
	bool has_key;
	bool has_remote;
	uint8_t message_index; /* next message: 0, 1; 2 = ready to split */
	uint64_t nonce;
	uint8_t chaining_key[RUDP_NOISE_HASH_BYTES];
	uint8_t hash[RUDP_NOISE_HASH_BYTES];
	uint8_t key[RUDP_KEY_BYTES];
	uint8_t psk[RUDP_KEY_BYTES];
	struct rudp_x25519 ephemeral;
	uint8_t remote_public[RUDP_NOISE_DH_BYTES];
	uint8_t split[2][RUDP_KEY_BYTES]; /* initiator to responder, and back; after message 1 */
};

/*
 * psk NULL makes it plain NN. ephemeral_private is 32 fresh random bytes from the caller.
 *
 * Returns  0 or -ENOMEM.
 */
int rudp_noise_init(struct rudp_noise *noise, bool initiator, enum rudp_cipher cipher,
		    const uint8_t *psk, const void *prologue, size_t prologue_len,
		    const uint8_t ephemeral_private[RUDP_NOISE_DH_BYTES]);

/*
 * The same without a key pair yet. The initiator needs it for its message, the responder for its answer:
 * a message that does not authenticate is to cost it none.
 */
void rudp_noise_start(struct rudp_noise *noise, bool initiator, enum rudp_cipher cipher,
		      const uint8_t *psk, const void *prologue, size_t prologue_len);
/*
 * One that was made before and serves no other handshake: it moves into noise, and *ephemeral is empty
 * then.
 */
void rudp_noise_give_key(struct rudp_noise *noise, struct rudp_x25519 *ephemeral);

/* The same handshake once more, to try a message on; each is ended by its own fini. */
void rudp_noise_copy(struct rudp_noise *copy, const struct rudp_noise *noise);

/* Wipes every secret. */
void rudp_noise_fini(struct rudp_noise *noise);

/*
 * Writes the next message with its payload; message_cap >= payload_len + RUDP_NOISE_OVERHEAD_BYTES.
 *
 * Returns  bytes written, or -ENOMEM, -EBADMSG (all-zero shared secret), -EINVAL (not our turn).
 */
int rudp_noise_write(struct rudp_noise *noise, const void *payload, size_t payload_len,
		     uint8_t *message, size_t message_cap);

/*
 * Reads the next message; the payload comes to payload (cap >= message_len).
 *
 * Returns  payload bytes, or -EBADMSG (does not authenticate, too short, weak point); -ENOMEM;
 *          -EINVAL (not our turn). On error the handshake is spent: call fini.
 */
int rudp_noise_read(struct rudp_noise *noise, const uint8_t *message, size_t message_len,
		    uint8_t *payload, size_t payload_cap);

/* After both messages: the key to send with, the key to receive with. */
void rudp_noise_split(const struct rudp_noise *noise, uint8_t send_key[RUDP_KEY_BYTES],
		      uint8_t receive_key[RUDP_KEY_BYTES]);

/*
 * After both messages: a further secret, of its own for each label (at most 32 characters), the same at
 * both ends. It tells nothing about the keys of split, and they nothing about it.
 *
 * Source   HMAC under the chaining key over the label and the handshake hash; Split() uses that key on
 *          the empty string alone.
 */
void rudp_noise_export(const struct rudp_noise *noise, const char *label,
		       uint8_t secret[RUDP_NOISE_HASH_BYTES]);

/* HMAC-SHA256; also under cookies and reset tokens. */
void rudp_hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len,
		      uint8_t out[32]);

/* Overwrites memory so that no compiler drops it. */
void rudp_wipe(void *memory, size_t len);

#endif
