/* SPDX-License-Identifier: MIT */
#include "proto/crypto/noise.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "proto/crypto/crypto.h"

#define MESSAGES 2
#define MESSAGE_MAX_BYTES 65535 /* Noise revision 34 section 3 */
#define SPENT UINT8_MAX         /* message_index after an error: never anybody's turn again */

#define HMAC_INNER_PAD 0x36
#define HMAC_OUTER_PAD 0x5c
#define HKDF_OUTPUTS_MAX 3
#define EXPORT_LABEL_MAX_BYTES 32

void rudp_wipe(void *memory, size_t len)
{
	OPENSSL_cleanse(memory, len);
}

/* RFC 2104 by hand: it takes two digests, where libcrypto's HMAC looks up and copies all over for
 * every key, and each key here serves once. */
void rudp_hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len,
		      uint8_t out[32])
{
	uint8_t block[RUDP_SHA256_BLOCK_BYTES] = {0};
	struct iovec in[2] = {{block, sizeof block}, {(void *)(uintptr_t)data, len}};

	if (key_len > sizeof block)
		rudp_sha256(&(struct iovec){(void *)(uintptr_t)key, key_len}, 1, block);
	else if (key_len > 0)
		memcpy(block, key, key_len);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= HMAC_INNER_PAD;
	rudp_sha256(in, 2, out);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= HMAC_INNER_PAD ^ HMAC_OUTER_PAD;
	in[1] = (struct iovec){out, RUDP_NOISE_HASH_BYTES};
	rudp_sha256(in, 2, out);
	rudp_wipe(block, sizeof block);
}

/* HKDF of Noise revision 34 section 4.3. */
static void hkdf(const uint8_t chaining_key[RUDP_NOISE_HASH_BYTES], const uint8_t *material,
		 size_t material_len, uint8_t out[][RUDP_NOISE_HASH_BYTES], uint8_t out_count)
{
	uint8_t secret[RUDP_NOISE_HASH_BYTES];
	uint8_t input[RUDP_NOISE_HASH_BYTES + 1]; /* the output before, and which one this is */
	size_t skipped = RUDP_NOISE_HASH_BYTES;   /* the first has none before it */

	rudp_hmac_sha256(chaining_key, RUDP_NOISE_HASH_BYTES, material, material_len, secret);
	for (uint8_t i = 0; i < out_count; i++) {
		input[RUDP_NOISE_HASH_BYTES] = (uint8_t)(i + 1);
		rudp_hmac_sha256(secret, sizeof secret, input + skipped, sizeof input - skipped,
				 out[i]);
		memcpy(input, out[i], RUDP_NOISE_HASH_BYTES);
		skipped = 0;
	}
	rudp_wipe(secret, sizeof secret);
	rudp_wipe(input, sizeof input);
}

static void mix_hash(struct rudp_noise *noise, const void *data, size_t len)
{
	const struct iovec in[] = {{noise->hash, sizeof noise->hash},
				   {(void *)(uintptr_t)data, len}};

	rudp_sha256(in, 2, noise->hash);
}

static void set_key(struct rudp_noise *noise, const uint8_t key[RUDP_KEY_BYTES])
{
	memcpy(noise->key, key, sizeof noise->key);
	noise->has_key = true;
	noise->nonce = 0;
}

static void mix_key(struct rudp_noise *noise, const uint8_t material[RUDP_NOISE_DH_BYTES])
{
	uint8_t out[2][RUDP_NOISE_HASH_BYTES];

	hkdf(noise->chaining_key, material, RUDP_NOISE_DH_BYTES, out, 2);
	memcpy(noise->chaining_key, out[0], sizeof noise->chaining_key);
	set_key(noise, out[1]);
	rudp_wipe(out, sizeof out);
}

/* Token psk. */
static void mix_psk(struct rudp_noise *noise)
{
	uint8_t out[HKDF_OUTPUTS_MAX][RUDP_NOISE_HASH_BYTES];

	hkdf(noise->chaining_key, noise->psk, sizeof noise->psk, out, HKDF_OUTPUTS_MAX);
	memcpy(noise->chaining_key, out[0], sizeof noise->chaining_key);
	mix_hash(noise, out[1], sizeof out[1]);
	set_key(noise, out[2]);
	rudp_wipe(out, sizeof out);
}

/* Token e. With a psk the ephemeral goes into the key as well (section 9.2), so that no two
 * handshakes encrypt under one key. */
static void mix_ephemeral(struct rudp_noise *noise, const uint8_t public_key[RUDP_NOISE_DH_BYTES])
{
	mix_hash(noise, public_key, RUDP_NOISE_DH_BYTES);
	if (noise->has_psk)
		mix_key(noise, public_key);
}

/* Token ee. */
static int mix_shared(struct rudp_noise *noise)
{
	uint8_t shared[RUDP_NOISE_DH_BYTES];
	int rc;

	assert(noise->has_remote);
	rc = rudp_x25519_shared(&noise->ephemeral, noise->remote_public, shared);
	if (rc == 0)
		mix_key(noise, shared);
	rudp_wipe(shared, sizeof shared);
	return rc;
}

/* Returns bytes written to out or -ENOMEM. */
static int encrypt_and_hash(struct rudp_noise *noise, const void *plain, size_t len, uint8_t *out)
{
	const struct iovec in = {(void *)(uintptr_t)plain, len};
	struct rudp_aead aead;
	int rc;

	if (!noise->has_key) {
		if (len > 0)
			memcpy(out, plain, len);
	} else {
		rc = rudp_aead_init(&aead, noise->cipher, true, noise->key);
		if (rc < 0)
			return rc;
		len = rudp_aead_seal(&aead, noise->nonce++, noise->hash, sizeof noise->hash, &in, 1,
				     out);
		rudp_aead_fini(&aead);
	}
	mix_hash(noise, out, len);
	return (int)len;
}

static int open_payload(struct rudp_noise *noise, const uint8_t *in, size_t len, uint8_t *out)
{
	struct rudp_aead aead;
	int rc = rudp_aead_init(&aead, noise->cipher, false, noise->key);

	if (rc < 0)
		return rc;
	if (!rudp_aead_open(&aead, noise->nonce++, noise->hash, sizeof noise->hash, in, len, out))
		rc = -EBADMSG;
	rudp_aead_fini(&aead);
	return rc;
}

/* Returns bytes written to out, -EBADMSG or -ENOMEM. */
static int decrypt_and_hash(struct rudp_noise *noise, const uint8_t *in, size_t len, uint8_t *out,
			    size_t out_cap)
{
	size_t tag_bytes = noise->has_key ? RUDP_AEAD_TAG_BYTES : 0;
	int rc = 0;

	if (len < tag_bytes || len - tag_bytes > out_cap)
		return -EBADMSG;
	if (noise->has_key)
		rc = open_payload(noise, in, len, out);
	else if (len > 0)
		memcpy(out, in, len);
	if (rc == 0)
		mix_hash(noise, in, len);
	return rc < 0 ? rc : (int)(len - tag_bytes);
}

/* A name that fits stands for itself, a longer one for its hash (section 5.2). */
static void start_hash(struct rudp_noise *noise)
{
	static const char *const names[2][2] = {
		{"Noise_NN_25519_AESGCM_SHA256", "Noise_NN_25519_ChaChaPoly_SHA256"},
		{"Noise_NNpsk0_25519_AESGCM_SHA256", "Noise_NNpsk0_25519_ChaChaPoly_SHA256"},
	};
	bool is_chacha = noise->cipher == RUDP_CIPHER_CHACHA20_POLY1305;
	const char *name = names[noise->has_psk][is_chacha];
	size_t len = strlen(name);

	if (len <= sizeof noise->hash)
		memcpy(noise->hash, name, len);
	else
		rudp_sha256(&(struct iovec){(void *)(uintptr_t)name, len}, 1, noise->hash);
	memcpy(noise->chaining_key, noise->hash, sizeof noise->chaining_key);
}

int rudp_noise_init(struct rudp_noise *noise, bool initiator, enum rudp_cipher cipher,
		    const uint8_t *psk, const void *prologue, size_t prologue_len,
		    const uint8_t ephemeral_private[RUDP_NOISE_DH_BYTES])
{
	struct rudp_x25519 ephemeral;
	int rc = rudp_x25519_init(&ephemeral, ephemeral_private);

	if (rc < 0) {
		rudp_noise_fini(memset(noise, 0, sizeof *noise));
		return rc;
	}
	rudp_noise_start(noise, initiator, cipher, psk, prologue, prologue_len);
	rudp_noise_give_key(noise, &ephemeral);
	return 0;
}

void rudp_noise_give_key(struct rudp_noise *noise, struct rudp_x25519 *ephemeral)
{
	noise->ephemeral = *ephemeral;
	*ephemeral = (struct rudp_x25519){0};
}

void rudp_noise_start(struct rudp_noise *noise, bool initiator, enum rudp_cipher cipher,
		      const uint8_t *psk, const void *prologue, size_t prologue_len)
{
	*noise = (struct rudp_noise){.cipher = cipher, .initiator = initiator, .has_psk = psk};
	if (psk)
		memcpy(noise->psk, psk, sizeof noise->psk);
	start_hash(noise);
	mix_hash(noise, prologue, prologue_len);
}

void rudp_noise_copy(struct rudp_noise *copy, const struct rudp_noise *noise)
{
	*copy = *noise;
	rudp_x25519_share(&copy->ephemeral, &noise->ephemeral);
}

void rudp_noise_fini(struct rudp_noise *noise)
{
	rudp_x25519_fini(&noise->ephemeral);
	rudp_wipe(noise, sizeof *noise);
	noise->message_index = SPENT;
}

/* The initiator writes message 0, the responder message 1. */
static bool is_turn(const struct rudp_noise *noise, bool writing)
{
	bool is_initiators = noise->message_index == 0;

	return noise->message_index < MESSAGES && (is_initiators == noise->initiator) == writing;
}

/* The tokens of the next message up to its payload. */
static int mix_tokens(struct rudp_noise *noise, const uint8_t ephemeral[RUDP_NOISE_DH_BYTES])
{
	if (noise->message_index == 0 && noise->has_psk)
		mix_psk(noise);
	mix_ephemeral(noise, ephemeral);
	return noise->message_index == 1 ? mix_shared(noise) : 0;
}

/* Ends a message, whose result so far is len or an error. */
static int finish(struct rudp_noise *noise, int len)
{
	if (len >= 0 && noise->message_index == MESSAGES - 1)
		hkdf(noise->chaining_key, NULL, 0, noise->split, 2);
	noise->message_index = len < 0 ? SPENT : (uint8_t)(noise->message_index + 1);
	return len;
}

int rudp_noise_write(struct rudp_noise *noise, const void *payload, size_t payload_len,
		     uint8_t *message, size_t message_cap)
{
	int rc;

	assert(payload_len <= MESSAGE_MAX_BYTES - RUDP_NOISE_OVERHEAD_BYTES);
	assert(message_cap >= payload_len + RUDP_NOISE_OVERHEAD_BYTES);
	if (!is_turn(noise, true))
		return -EINVAL;
	rc = mix_tokens(noise, noise->ephemeral.public_key);
	if (rc < 0)
		return finish(noise, rc);
	memcpy(message, noise->ephemeral.public_key, RUDP_NOISE_DH_BYTES);
	rc = encrypt_and_hash(noise, payload, payload_len, message + RUDP_NOISE_DH_BYTES);
	return finish(noise, rc < 0 ? rc : RUDP_NOISE_DH_BYTES + rc);
}

int rudp_noise_read(struct rudp_noise *noise, const uint8_t *message, size_t message_len,
		    uint8_t *payload, size_t payload_cap)
{
	int rc;

	if (!is_turn(noise, false))
		return -EINVAL;
	if (message_len < RUDP_NOISE_DH_BYTES || message_len > MESSAGE_MAX_BYTES)
		return finish(noise, -EBADMSG);
	memcpy(noise->remote_public, message, sizeof noise->remote_public);
	noise->has_remote = true;
	rc = mix_tokens(noise, noise->remote_public);
	if (rc == 0)
		rc = decrypt_and_hash(noise, message + RUDP_NOISE_DH_BYTES,
				      message_len - RUDP_NOISE_DH_BYTES, payload, payload_cap);
	return finish(noise, rc);
}

void rudp_noise_split(const struct rudp_noise *noise, uint8_t send_key[RUDP_KEY_BYTES],
		      uint8_t receive_key[RUDP_KEY_BYTES])
{
	assert(noise->message_index == MESSAGES);
	memcpy(send_key, noise->split[noise->initiator ? 0 : 1], RUDP_KEY_BYTES);
	memcpy(receive_key, noise->split[noise->initiator ? 1 : 0], RUDP_KEY_BYTES);
}

void rudp_noise_export(const struct rudp_noise *noise, const char *label,
		       uint8_t secret[RUDP_NOISE_HASH_BYTES])
{
	uint8_t input[EXPORT_LABEL_MAX_BYTES + RUDP_NOISE_HASH_BYTES];
	size_t len = strlen(label);

	assert(noise->message_index == MESSAGES && len > 0 && len <= EXPORT_LABEL_MAX_BYTES);
	memcpy(input, label, len);
	memcpy(input + len, noise->hash, sizeof noise->hash);
	rudp_hmac_sha256(noise->chaining_key, sizeof noise->chaining_key, input,
			 len + sizeof noise->hash, secret);
}
