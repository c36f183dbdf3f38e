/* SPDX-License-Identifier: MIT */
/*
 * aead - the seam to the libraries that encrypt: one key, one direction, many packets.
 *
 * Two stand behind it: libcrypto, always there, and libIPSec_MB, which the engine may load
 * (engine/config/aead_choice.h) and which takes a third of the time for a packet.
 *
 * Nonces are Noise's for an explicit counter (Noise revision 34 sections 12.3, 12.4): AES-GCM 4 zero
 * bytes and the 64-bit counter in big endian; ChaCha20-Poly1305 the same with little endian.
 * Threads   none: one owner at a time. No allocation after init.
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
	void *context; /* the backend's; NULL: none */
	const struct rudp_aead_backend *backend;
	enum rudp_cipher cipher;
	bool sealing;
};

/* Names for people and for RUDP_AEAD; the numbers go over the control channel. */
#define RUDP_AEAD_BACKENDS(X) X(LIBCRYPTO, 1, "libcrypto") X(IPSEC_MB, 2, "ipsec-mb")

#define RUDP_AEAD_ENUM(name, number, text) RUDP_AEAD_##name = (number),
enum rudp_aead_kind { RUDP_AEAD_NONE, RUDP_AEAD_BACKENDS(RUDP_AEAD_ENUM) };
#undef RUDP_AEAD_ENUM

/* What a library has to offer; each as the function of the same name below. */
struct rudp_aead_backend {
	enum rudp_aead_kind kind;
	int (*init)(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES]);
	void (*fini)(struct rudp_aead *aead);
	size_t (*seal)(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		       const struct iovec *in, int in_count, uint8_t *out);
	/* len without the tag, which stands behind; a refused packet is wiped by the caller. */
	bool (*open)(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		     const uint8_t *in, size_t len, uint8_t *out);
	void (*next_key)(struct rudp_aead *aead, uint8_t next[RUDP_KEY_BYTES]);
	void (*set_key)(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES]);
};

extern const struct rudp_aead_backend rudp_aead_libcrypto;

/* "libcrypto", "ipsec-mb"; "" for what is neither. */
const char *rudp_aead_kind_text(enum rudp_aead_kind kind);

/*
 * What every rudp_aead_init from now on uses; libcrypto until then. Those that live keep theirs.
 * Threads   before the first init of any other thread.
 */
void rudp_aead_use(const struct rudp_aead_backend *backend);
const struct rudp_aead_backend *rudp_aead_used(void);

/*
 * Whether a backend does what libcrypto does: seals to the same bytes, whole and in pieces, opens them,
 * refuses forgeries, derives the same next key; both ciphers, some lengths. Takes less than a
 * millisecond.
 */
bool rudp_aead_agrees(const struct rudp_aead_backend *backend);

/* The faster one on this processor (AES instructions or not). */
enum rudp_cipher rudp_cipher_preferred(void);

/* Returns 0 or -ENOMEM. An aead either seals or opens. */
int rudp_aead_init(struct rudp_aead *aead, enum rudp_cipher cipher, bool sealing,
		   const uint8_t key[RUDP_KEY_BYTES]);
void rudp_aead_fini(struct rudp_aead *aead);

/*
 * Encrypts the pieces in[0, in_count) one behind the other into out, then the tag. Pieces may stand
 * in out already, at their place. out holds the sum of their lengths + RUDP_AEAD_TAG_BYTES.
 *
 * Returns  bytes written.
 */
size_t rudp_aead_seal(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		      const struct iovec *in, int in_count, uint8_t *out);

/*
 * Checks the tag at the end of in[0, len) and decrypts to out (may be in itself), len - 16 bytes.
 *
 * Returns  false if it does not authenticate; out is then zeroed.
 */
bool rudp_aead_open(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		    const uint8_t *in, size_t len, uint8_t *out);

/* The key that follows this one by Noise's REKEY (revision 34 section 4.2); sealing or opening. */
void rudp_aead_next_key(struct rudp_aead *aead, uint8_t next[RUDP_KEY_BYTES]);

/* Puts another key in place of the one from init. Cannot fail: nothing is allocated. */
void rudp_aead_set_key(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES]);

#endif
