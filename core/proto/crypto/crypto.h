/* SPDX-License-Identifier: MIT */
/*
 * crypto - the one door to libcrypto: its algorithms, fetched once, and the two primitives of the
 * handshake that need no state.
 *
 * The algorithms come from a library context of our own with the built-in provider, so that neither
 * the openssl.cnf of the machine nor the settings of a host program change what the wire needs.
 * Threads   any.
 */
#ifndef RUDP_PROTO_CRYPTO_H
#define RUDP_PROTO_CRYPTO_H

#include <openssl/types.h>
#include <stdint.h>
#include <sys/uio.h>

#include "proto/crypto/aead.h"

#define RUDP_SHA256_BYTES 32
#define RUDP_SHA256_BLOCK_BYTES 64
#define RUDP_X25519_BYTES 32

/*
 * Fetches the algorithms; only the first call does work, and everything here and in aead makes it.
 *
 * Returns  0 or -ENOMEM; the answer of the first call is that of all later ones.
 */
int rudp_crypto_start(void);

/* Only after rudp_crypto_start gave 0; never freed. */
EVP_CIPHER *rudp_crypto_cipher(enum rudp_cipher cipher);

/* Of the pieces in[0, in_count), one behind the other. It allocates nothing: a handshake takes 80. */
void rudp_sha256(const struct iovec *in, int in_count, uint8_t out[RUDP_SHA256_BYTES]);

/*
 * A private key of 32 random bytes (clamped inside) with its public half, made once and used for as
 * many operations as a handshake has: half of the work is in making it. A holder of zeros is empty.
 *
 * Source   RFC 7748 section 5.
 */
struct rudp_x25519 {
	EVP_PKEY *pair;
	uint8_t public_key[RUDP_X25519_BYTES];
};

/* Returns 0 or -ENOMEM; key is then empty. */
int rudp_x25519_init(struct rudp_x25519 *key, const uint8_t private_key[RUDP_X25519_BYTES]);
/* Another holder of the same pair. */
void rudp_x25519_share(struct rudp_x25519 *copy, const struct rudp_x25519 *key);
/* Leaves it empty; the last holder's wipes the private half. */
void rudp_x25519_fini(struct rudp_x25519 *key);

/* Returns  0, -EBADMSG (the shared secret would be all zero: RFC 7748 section 6.1), -ENOMEM. */
int rudp_x25519_shared(const struct rudp_x25519 *key, const uint8_t peer_public[RUDP_X25519_BYTES],
		       uint8_t shared[RUDP_X25519_BYTES]);

#endif
