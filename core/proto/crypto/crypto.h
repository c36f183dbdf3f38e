/* SPDX-License-Identifier: MIT */
/*
 * crypto - the only user of libcrypto in the handshake: SHA-256, X25519, and the ciphers, fetched
 * once.
 *
 * The algorithms come from a library context of our own with the built-in provider. So neither the
 * machine's openssl.cnf nor the settings of a host program change which algorithms are available.
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
 * Fetches the algorithms. Only the first call does work; all functions here and in aead call it.
 *
 * Returns  0 or -ENOMEM; later calls return the result of the first.
 */
int rudp_crypto_start(void);

/* Call it only after rudp_crypto_start() returned 0. Never free the result. */
EVP_CIPHER *rudp_crypto_cipher(enum rudp_cipher cipher);

/*
 * Hashes the pieces in[0, in_count) as one message. Allocates nothing: a handshake computes 80
 * hashes.
 */
void rudp_sha256(const struct iovec *in, int in_count, uint8_t out[RUDP_SHA256_BYTES]);

/*
 * A private key of 32 random bytes (clamped inside) with its public key. It is made once and used
 * for all operations of a handshake, because making it is half of the work. An object of all zeros
 * is empty.
 *
 * Source   RFC 7748 section 5.
 */
struct rudp_x25519 {
	EVP_PKEY *pair;
	uint8_t public_key[RUDP_X25519_BYTES];
};

/* Returns 0 or -ENOMEM; on failure key is empty. */
int rudp_x25519_init(struct rudp_x25519 *key, const uint8_t private_key[RUDP_X25519_BYTES]);
/* Makes copy a second reference to the same key pair. */
void rudp_x25519_share(struct rudp_x25519 *copy, const struct rudp_x25519 *key);
/* Releases the reference and empties key. The last release wipes the private key. */
void rudp_x25519_fini(struct rudp_x25519 *key);

/*
 * Returns  0, -EBADMSG (the shared secret would be all zero: RFC 7748 section 6.1) or -ENOMEM.
 */
int rudp_x25519_shared(const struct rudp_x25519 *key, const uint8_t peer_public[RUDP_X25519_BYTES],
		       uint8_t shared[RUDP_X25519_BYTES]);

#endif
