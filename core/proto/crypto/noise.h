/* SPDX-License-Identifier: MIT */
/*
 * noise - Noise handshakes: NN, NK, NX, IK and XX, each with an optional pre-shared key (psk0).
 *
 * Source   The Noise Protocol Framework, revision 34: sections 5 (objects), 7 (patterns), 9 (psk).
 *          X25519, AES-256-GCM or ChaCha20-Poly1305, SHA-256. docs/protocol.md section 6.
 *
 *	NN    -> e                 <- e, ee
 *	NK    -> e, es             <- e, ee            the initiator knows the responder's key
 *	NX    -> e                 <- e, ee, s, es
 *	IK    -> e, es, s, ss      <- e, ee, se        as NK, and the initiator shows its own key
 *	XX    -> e                 <- e, ee, s, es     -> s, se
 *
 * With psk0 the token psk comes first in the first message.
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
#define RUDP_NOISE_STATIC_BYTES (RUDP_NOISE_DH_BYTES + RUDP_AEAD_TAG_BYTES) /* token s, sealed */
/* An ephemeral key, a static key and the payload's tag: the most that a message adds. */
#define RUDP_NOISE_OVERHEAD_MAX_BYTES                                                              \
	(RUDP_NOISE_DH_BYTES + RUDP_NOISE_STATIC_BYTES + RUDP_AEAD_TAG_BYTES)

enum rudp_noise_pattern {
	RUDP_NOISE_NN,
	RUDP_NOISE_NK,
	RUDP_NOISE_NX,
	RUDP_NOISE_IK,
	RUDP_NOISE_XX,
};

/* What a handshake starts with. Nothing of it is needed after the start. */
struct rudp_noise_setup {
	enum rudp_noise_pattern pattern;
	bool initiator;
	enum rudp_cipher cipher;
	const uint8_t *psk;                   /* NULL: without psk0 */
	const struct rudp_x25519 *own_static; /* if this side has a static key in the pattern */
	const uint8_t *remote_static;         /* initiator of NK and IK: the responder's key */
	const void *prologue;
	size_t prologue_len;
};

/*
 * The result of token es. It does not depend on the pre-shared key, so attempts to read a message
 * with several of them compute it once. It is secret: its owner wipes it.
 */
struct rudp_noise_es {
	bool is_known;
	uint8_t shared[RUDP_NOISE_DH_BYTES];
};

struct rudp_noise {
	enum rudp_noise_pattern pattern;
	enum rudp_cipher cipher;
	bool initiator;
	bool has_psk;
	bool has_key;
	bool has_remote;        /* remote_public is set */
	bool has_remote_static; /* remote_static is set; if read, the tokens below prove it */
	uint8_t message_index;  /* the next message, from 0 */
	uint64_t nonce;
	uint8_t chaining_key[RUDP_NOISE_HASH_BYTES];
	uint8_t hash[RUDP_NOISE_HASH_BYTES];
	uint8_t key[RUDP_KEY_BYTES];
	uint8_t psk[RUDP_KEY_BYTES];
	struct rudp_noise_es *es; /* NULL: not shared */
	struct rudp_x25519 ephemeral;
	struct rudp_x25519 own_static;
	uint8_t remote_public[RUDP_NOISE_DH_BYTES];
	uint8_t remote_static[RUDP_NOISE_DH_BYTES];
	/* initiator to responder, responder to initiator; set after each message from the second
	 * on */
	uint8_t split[2][RUDP_KEY_BYTES];
};

/*
 * Starts a handshake without an ephemeral key pair. The initiator needs the pair before write; the
 * responder needs it only after read, so that a message that does not authenticate costs no key
 * generation.
 */
void rudp_noise_start(struct rudp_noise *noise, const struct rudp_noise_setup *setup);
/* The next read takes the result of es from *es, or sets it. NULL: it computes es for itself. */
void rudp_noise_share_es(struct rudp_noise *noise, struct rudp_noise_es *es);
/* Moves a key pair, which no other handshake uses, into noise. *ephemeral is empty afterwards. */
void rudp_noise_give_key(struct rudp_noise *noise, struct rudp_x25519 *ephemeral);

/* Copies the state of a handshake, to try a message on the copy. Each needs its own fini. */
void rudp_noise_copy(struct rudp_noise *copy, const struct rudp_noise *noise);

/* Wipes all secrets. */
void rudp_noise_fini(struct rudp_noise *noise);

/* The bytes that the next message has besides its payload. */
size_t rudp_noise_overhead_bytes(const struct rudp_noise *noise);

/*
 * Writes the next message with its payload. message_cap >= payload_len + the overhead.
 *
 * Returns  bytes written; -ENOMEM; -EBADMSG (all-zero shared secret); -EINVAL (not this side's
 *          turn).
 */
int rudp_noise_write(struct rudp_noise *noise, const void *payload, size_t payload_len,
		     uint8_t *message, size_t message_cap);

/*
 * Reads the next message and writes its payload to payload (payload_cap >= message_len suffices).
 *
 * Returns  payload bytes; -EBADMSG (does not authenticate, too short, all-zero shared secret);
 *          -ENOMEM; -EINVAL (not this side's turn). After an error only fini may be called.
 */
int rudp_noise_read(struct rudp_noise *noise, const uint8_t *message, size_t message_len,
		    uint8_t *payload, size_t payload_cap);

/*
 * After the second message: gives the keys to send and to receive with. In XX these are the keys
 * before the third message, see docs/protocol.md section 6.1; after it they are others.
 */
void rudp_noise_split(const struct rudp_noise *noise, uint8_t send_key[RUDP_KEY_BYTES],
		      uint8_t receive_key[RUDP_KEY_BYTES]);

/*
 * After the second message: derives a further secret, different for each label (at most 32
 * characters), equal on both sides. It is independent of the keys of split.
 *
 * Source   HMAC under the chaining key over the label and the handshake hash. Split() uses the
 *          chaining key only on the empty string.
 */
void rudp_noise_export(const struct rudp_noise *noise, const char *label,
		       uint8_t secret[RUDP_NOISE_HASH_BYTES]);

/* HMAC-SHA256. Also used for cookies and reset tokens. */
void rudp_hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len,
		      uint8_t out[32]);

/* Overwrites memory in a way that compilers do not optimise away. */
void rudp_wipe(void *memory, size_t len);

#endif
