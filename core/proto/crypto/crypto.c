/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL calls SHA256_Init() etc. deprecated. Their replacement allocates memory for each digest.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proto/crypto/crypto.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdbool.h>

#define X25519 "X25519"

static struct {
	OSSL_LIB_CTX *library;
	EVP_CIPHER *aes_256_gcm;
	EVP_CIPHER *chacha20_poly1305;
	EVP_PKEY *any_public; /* template for public_key(); only ever copied */
	bool is_ready;
} crypto;

static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

/* No atexit handler: an engine thread may still encrypt while the host program exits. */
#define INIT_OPTIONS (OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG)

static void start(void)
{
	static const uint8_t any[RUDP_X25519_BYTES];

	if (!OPENSSL_init_crypto(INIT_OPTIONS, NULL))
		return;
	crypto.library = OSSL_LIB_CTX_new();
	if (!crypto.library || !OSSL_PROVIDER_load(crypto.library, "default"))
		return;
	crypto.aes_256_gcm = EVP_CIPHER_fetch(crypto.library, "AES-256-GCM", NULL);
	crypto.chacha20_poly1305 = EVP_CIPHER_fetch(crypto.library, "ChaCha20-Poly1305", NULL);
	crypto.any_public =
		EVP_PKEY_new_raw_public_key_ex(crypto.library, X25519, NULL, any, sizeof any);
	crypto.is_ready = crypto.aes_256_gcm && crypto.chacha20_poly1305 && crypto.any_public;
}

int rudp_crypto_start(void)
{
	pthread_once(&crypto_once, start);
	return crypto.is_ready ? 0 : -ENOMEM;
}

EVP_CIPHER *rudp_crypto_cipher(enum rudp_cipher cipher)
{
	assert(crypto.is_ready);
	switch (cipher) {
	case RUDP_CIPHER_AES_256_GCM:
		return crypto.aes_256_gcm;
	case RUDP_CIPHER_CHACHA20_POLY1305:
		return crypto.chacha20_poly1305;
	}
	assert(false);
	return NULL;
}

void rudp_sha256(const struct iovec *in, int in_count, uint8_t out[RUDP_SHA256_BYTES])
{
	SHA256_CTX context;

	SHA256_Init(&context);
	for (int i = 0; i < in_count; i++)
		SHA256_Update(&context, in[i].iov_base, in[i].iov_len);
	SHA256_Final(out, &context);
	OPENSSL_cleanse(&context, sizeof context); /* the digest may be key material */
}

int rudp_x25519_init(struct rudp_x25519 *key, const uint8_t private_key[RUDP_X25519_BYTES])
{
	size_t len = sizeof key->public_key;

	*key = (struct rudp_x25519){0};
	if (rudp_crypto_start() < 0)
		return -ENOMEM;
	key->pair = EVP_PKEY_new_raw_private_key_ex(crypto.library, X25519, NULL, private_key,
						    RUDP_X25519_BYTES);
	if (key->pair && EVP_PKEY_get_raw_public_key(key->pair, key->public_key, &len))
		return 0;
	rudp_x25519_fini(key);
	return -ENOMEM;
}

void rudp_x25519_share(struct rudp_x25519 *copy, const struct rudp_x25519 *key)
{
	*copy = *key;
	if (copy->pair)
		EVP_PKEY_up_ref(copy->pair); /* only counts references: cannot fail */
}

void rudp_x25519_fini(struct rudp_x25519 *key)
{
	EVP_PKEY_free(key->pair);
	*key = (struct rudp_x25519){0};
}

/* Copying a template and changing its bytes takes half as long as fetching the key type again. */
static EVP_PKEY *public_key(const uint8_t bytes[RUDP_X25519_BYTES])
{
	EVP_PKEY *key = EVP_PKEY_dup(crypto.any_public);

	if (key && EVP_PKEY_set1_encoded_public_key(key, bytes, RUDP_X25519_BYTES) > 0)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

int rudp_x25519_shared(const struct rudp_x25519 *key, const uint8_t peer_public[RUDP_X25519_BYTES],
		       uint8_t shared[RUDP_X25519_BYTES])
{
	EVP_PKEY *peer = public_key(peer_public);
	EVP_PKEY_CTX *context =
		peer ? EVP_PKEY_CTX_new_from_pkey(crypto.library, key->pair, NULL) : NULL;
	size_t len = RUDP_X25519_BYTES;
	int rc = -ENOMEM;

	/*
	 * Every string of 32 bytes is a valid X25519 public key. Only an all-zero result is an
	 * error, and EVP_PKEY_derive() checks for it.
	 */
	if (context && EVP_PKEY_derive_init(context) > 0 &&
	    EVP_PKEY_derive_set_peer_ex(context, peer, 0) > 0)
		rc = EVP_PKEY_derive(context, shared, &len) > 0 ? 0 : -EBADMSG;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return rc;
}
