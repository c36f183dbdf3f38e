/* SPDX-License-Identifier: MIT */
/*
 * aead - encrypts and authenticates packets (AEAD): one key and one direction for each object.
 *
 * There are two backends. libcrypto is always present. libIPSec_MB is optional: the engine may load
 * it (engine/config/aead_choice.h), and it needs a third of the time for a packet.
 *
 * Nonces are those of Noise for an explicit counter (Noise revision 34 sections 12.3, 12.4).
 * AES-GCM uses 4 zero bytes and the 64-bit counter in big endian, ChaCha20-Poly1305 the same in
 * little endian.
 * Threads   none: one owner at a time. Nothing is allocated after init.
 */
#ifndef RUDP_PROTO_AEAD_H
#define RUDP_PROTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define RUDP_KEY_BYTES 32
#define RUDP_AEAD_TAG_BYTES 16

enum rudp_cipher { RUDP_CIPHER_AES_256_GCM = 1, RUDP_CIPHER_CHACHA20_POLY1305 = 2 };

struct rudp_aead_backend;

struct rudp_aead {
	void *context; /* owned by the backend; NULL: not initialized */
	const struct rudp_aead_backend *backend;
	enum rudp_cipher cipher;
	bool sealing;
};

/*
 * The texts are used in messages and in RUDP_AEAD; the numbers are sent over the control channel.
 */
#define RUDP_AEAD_BACKENDS(X) X(LIBCRYPTO, 1, "libcrypto") X(IPSEC_MB, 2, "ipsec-mb")

#define RUDP_AEAD_ENUM(name, number, text) RUDP_AEAD_##name = (number),
enum rudp_aead_kind { RUDP_AEAD_NONE, RUDP_AEAD_BACKENDS(RUDP_AEAD_ENUM) };
#undef RUDP_AEAD_ENUM

/* The functions of a backend. Each implements the function of the same name below. */
struct rudp_aead_backend {
	enum rudp_aead_kind kind;
	int (*init)(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES]);
	void (*fini)(struct rudp_aead *aead);
	size_t (*seal)(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		       const struct iovec *in, int in_count, uint8_t *out);
	/*
	 * len excludes the tag, which follows the ciphertext. If this fails, the caller zeroes out.
	 */
	bool (*open)(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		     const uint8_t *in, size_t len, uint8_t *out);
	void (*next_key)(struct rudp_aead *aead, uint8_t next[RUDP_KEY_BYTES]);
	void (*set_key)(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES]);
};

extern const struct rudp_aead_backend rudp_aead_libcrypto;

/* "libcrypto" or "ipsec-mb"; "" for any other value. */
const char *rudp_aead_kind_text(enum rudp_aead_kind kind);

/*
 * Sets the backend for all later calls of rudp_aead_init(); the default is libcrypto. Existing
 * objects keep their backend.
 * Threads   call it before any other thread calls rudp_aead_init().
 */
void rudp_aead_use(const struct rudp_aead_backend *backend);
const struct rudp_aead_backend *rudp_aead_used(void);

/*
 * Self test: whether a backend gives the same results as libcrypto. It compares sealing (in one
 * piece and in two), opening, refusal of forgeries and key derivation, for both ciphers and several
 * lengths. Takes less than a millisecond.
 */
bool rudp_aead_agrees(const struct rudp_aead_backend *backend);

/* The faster cipher on this processor: AES-GCM if there are AES instructions, else ChaCha20. */
enum rudp_cipher rudp_cipher_preferred(void);

/* Returns 0 or -ENOMEM. An object either seals or opens, never both. */
int rudp_aead_init(struct rudp_aead *aead, enum rudp_cipher cipher, bool sealing,
		   const uint8_t key[RUDP_KEY_BYTES]);
void rudp_aead_fini(struct rudp_aead *aead);

/*
 * Encrypts the pieces in[0, in_count) as one message into out and appends the tag. A piece may
 * already be at its final place in out. out has room for the sum of the lengths +
 * RUDP_AEAD_TAG_BYTES.
 *
 * Returns  the number of bytes written.
 */
size_t rudp_aead_seal(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		      const struct iovec *in, int in_count, uint8_t *out);

/*
 * Verifies the tag at the end of in[0, len) and decrypts len - 16 bytes to out. out may be equal to
 * in.
 *
 * Returns  false if the tag is wrong; out is then zeroed.
 */
bool rudp_aead_open(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		    const uint8_t *in, size_t len, uint8_t *out);

/*
 * Derives the next key by Noise's REKEY (revision 34 section 4.2). Works for sealing and opening
 * objects.
 */
void rudp_aead_next_key(struct rudp_aead *aead, uint8_t next[RUDP_KEY_BYTES]);

/* Replaces the key. Cannot fail, because nothing is allocated. */
void rudp_aead_set_key(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES]);

#endif
