/* SPDX-License-Identifier: MIT */
/* aead by libcrypto. */
#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

#include "proto/crypto/aead_private.h"
#include "proto/crypto/crypto.h"

/* The block of ChaCha20 and four blocks of AES. */
#define STRIDE 64

static void fini(struct rudp_aead *aead)
{
	EVP_CIPHER_CTX_free(aead->context); /* wipes the key */
}

static int init(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES])
{
	if (rudp_crypto_start() < 0)
		return -ENOMEM;
	aead->context = EVP_CIPHER_CTX_new();
	if (!aead->context)
		return -ENOMEM;
	if (EVP_CipherInit_ex2(aead->context, rudp_crypto_cipher(aead->cipher), key, NULL,
			       aead->sealing, NULL))
		return 0;
	fini(aead);
	aead->context = NULL;
	return -ENOMEM;
}

/* A parameter by hand: the lookup by control number in EVP_CIPHER_CTX_ctrl costs 20 ns a packet. */
static OSSL_PARAM tag_param(uint8_t *tag)
{
	return (OSSL_PARAM){OSSL_CIPHER_PARAM_AEAD_TAG, OSSL_PARAM_OCTET_STRING, tag,
			    RUDP_AEAD_TAG_BYTES, OSSL_PARAM_UNMODIFIED};
}

/* The key stays from init; only the nonce is new, which costs no key schedule. */
static bool begin(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		  const OSSL_PARAM *params)
{
	uint8_t nonce[RUDP_NONCE_BYTES];
	int n;

	rudp_aead_write_nonce(nonce, aead->cipher, counter);
	if (!EVP_CipherInit_ex2(aead->context, NULL, NULL, nonce, -1, params))
		return false;
	return aad_len == 0 || EVP_CipherUpdate(aead->context, NULL, &n, aad, (int)aad_len);
}

static bool update(struct rudp_aead *aead, uint8_t *out, const void *in, size_t len)
{
	int n;

	return len == 0 || EVP_EncryptUpdate(aead->context, out, &n, in, (int)len);
}

/*
 * The body of the packet, straight from each piece to its place. Only where a piece ends amid a
 * stride, the bytes on both sides of the seam are gathered in out first: the ciphers fall back to
 * bytes after a broken block, which costs 40 ns a packet with AES and 150 with ChaCha20.
 *
 * Returns  the end of what was written, or NULL.
 */
static uint8_t *encrypt_pieces(struct rudp_aead *aead, const struct iovec *in, int in_count,
			       uint8_t *out)
{
	size_t gathered = 0; /* bytes at out, still clear */

	for (int i = 0; i < in_count; i++) {
		const uint8_t *piece = in[i].iov_base;
		size_t left = in[i].iov_len;
		size_t straight;

		if (gathered > 0) {
			size_t more = left < STRIDE - gathered ? left : STRIDE - gathered;

			memmove(out + gathered, piece, more);
			gathered += more;
			piece += more;
			left -= more;
			if (gathered < STRIDE)
				continue;
			if (!update(aead, out, out, STRIDE))
				return NULL;
			out += STRIDE;
		}
		straight = i == in_count - 1 ? left : left - left % STRIDE;
		if (!update(aead, out, piece, straight))
			return NULL;
		out += straight;
		gathered = left - straight;
		if (gathered > 0)
			memmove(out, piece + straight, gathered);
	}
	return update(aead, out, out, gathered) ? out + gathered : NULL;
}

static size_t seal(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		   const struct iovec *in, int in_count, uint8_t *out)
{
	bool ok = begin(aead, counter, aad, aad_len, NULL);
	uint8_t *end = ok ? encrypt_pieces(aead, in, in_count, out) : NULL;
	int n;

	ok = end && EVP_EncryptFinal_ex(aead->context, end, &n) &&
	     EVP_CIPHER_CTX_get_params(aead->context,
				       (OSSL_PARAM[]){tag_param(end), OSSL_PARAM_END});
	/* Nothing above depends on memory or on data; were it ever to fail, out could be clear. */
	assert(ok);
	return (size_t)(end - out) + RUDP_AEAD_TAG_BYTES;
}

static bool open_packet(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad,
			size_t aad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t tag[RUDP_AEAD_TAG_BYTES];
	int n;

	memcpy(tag, in + len, sizeof tag);
	return begin(aead, counter, aad, aad_len, (OSSL_PARAM[]){tag_param(tag), OSSL_PARAM_END}) &&
	       (len == 0 || EVP_DecryptUpdate(aead->context, out, &n, in, (int)len)) &&
	       EVP_DecryptFinal_ex(aead->context, out + len, &n) > 0;
}

static void next_key(struct rudp_aead *aead, uint8_t next[RUDP_KEY_BYTES])
{
	static const uint8_t zeros[RUDP_KEY_BYTES];
	int n;
	/* Both ciphers add a key stream, so that a context that opens turns zeros into the same
	 * bytes as one that seals. The tag is not wanted. */
	bool ok = begin(aead, RUDP_REKEY_COUNTER, NULL, 0, NULL) &&
		  EVP_CipherUpdate(aead->context, next, &n, zeros, sizeof zeros);

	assert(ok);
}

static void set_key(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES])
{
	bool ok = EVP_CipherInit_ex2(aead->context, NULL, key, NULL, -1, NULL);

	assert(ok);
}

const struct rudp_aead_backend rudp_aead_libcrypto = {
	.kind = RUDP_AEAD_LIBCRYPTO,
	.init = init,
	.fini = fini,
	.seal = seal,
	.open = open_packet,
	.next_key = next_key,
	.set_key = set_key,
};
