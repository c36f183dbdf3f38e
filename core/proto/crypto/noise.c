/* SPDX-License-Identifier: MIT */
#include "proto/crypto/noise.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "proto/crypto/crypto.h"

#define MESSAGES_BEFORE_SPLIT 2
#define MESSAGES_MAX 3
#define TOKENS_MAX 4
#define MESSAGE_MAX_BYTES 65535 /* Noise revision 34 section 3 */
#define SPENT UINT8_MAX         /* message_index after an error: no further message is allowed */

#define HMAC_INNER_PAD 0x36
#define HMAC_OUTER_PAD 0x5c
#define HKDF_OUTPUTS_MAX 3
#define EXPORT_LABEL_MAX_BYTES 32
#define PROTOCOL_NAME_SIZE 48

enum token { NONE, E, S, EE, ES, SE, SS };

/* Section 7. The name follows "Noise_". No pattern here has a pre-message of the initiator. */
static const struct pattern {
	const char *name;
	bool knows_responder; /* pre-message: the responder's static key */
	uint8_t message_count;
	enum token tokens[MESSAGES_MAX][TOKENS_MAX];
} patterns[] = {
	[RUDP_NOISE_NN] = {"NN", false, 2, {{E}, {E, EE}}},
	[RUDP_NOISE_NK] = {"NK", true, 2, {{E, ES}, {E, EE}}},
	[RUDP_NOISE_NX] = {"NX", false, 2, {{E}, {E, EE, S, ES}}},
	[RUDP_NOISE_IK] = {"IK", true, 2, {{E, ES, S, SS}, {E, EE, SE}}},
	[RUDP_NOISE_XX] = {"XX", false, 3, {{E}, {E, EE, S, ES}, {S, SE}}},
};

void rudp_wipe(void *memory, size_t len)
{
	OPENSSL_cleanse(memory, len);
}

/*
 * RFC 2104, implemented here because every key is used once: libcrypto's HMAC looks up and copies
 * its algorithm for each new key.
 */
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
	/* the previous output, then the index of this one */
	uint8_t input[RUDP_NOISE_HASH_BYTES + 1];
	size_t skipped = RUDP_NOISE_HASH_BYTES; /* the first output has no previous one */

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

/*
 * Token e. With a psk the ephemeral key is mixed into the key as well (section 9.2), so that no two
 * handshakes encrypt under the same key.
 */
static void mix_ephemeral(struct rudp_noise *noise, const uint8_t public_key[RUDP_NOISE_DH_BYTES])
{
	mix_hash(noise, public_key, RUDP_NOISE_DH_BYTES);
	if (noise->has_psk)
		mix_key(noise, public_key);
}

void rudp_noise_share_es(struct rudp_noise *noise, struct rudp_noise_es *es)
{
	noise->es = es;
}

static int compute_shared(const struct rudp_noise *noise, enum token token,
			  const struct rudp_x25519 *own, const uint8_t *remote,
			  uint8_t shared[RUDP_NOISE_DH_BYTES])
{
	struct rudp_noise_es *es = token == ES ? noise->es : NULL;
	int rc = 0;

	if (es && es->is_known)
		memcpy(shared, es->shared, sizeof es->shared);
	else
		rc = rudp_x25519_shared(own, remote, shared);
	if (es && rc == 0) {
		memcpy(es->shared, shared, sizeof es->shared);
		es->is_known = true;
	}
	return rc;
}

/* Tokens ee, es, se, ss: the first letter is the initiator's key, the second the responder's. */
static int mix_shared(struct rudp_noise *noise, enum token token)
{
	bool is_initiators_static = token == SE || token == SS;
	bool is_responders_static = token == ES || token == SS;
	bool own_static = noise->initiator ? is_initiators_static : is_responders_static;
	bool remote_static = noise->initiator ? is_responders_static : is_initiators_static;
	uint8_t shared[RUDP_NOISE_DH_BYTES];
	int rc;

	assert(remote_static ? noise->has_remote_static : noise->has_remote);
	rc = compute_shared(noise, token, own_static ? &noise->own_static : &noise->ephemeral,
			    remote_static ? noise->remote_static : noise->remote_public, shared);
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

/* A protocol name that fits is used directly; a longer one is hashed (section 5.2). */
static void start_hash(struct rudp_noise *noise)
{
	char name[PROTOCOL_NAME_SIZE];
	int len =
		snprintf(name, sizeof name, "Noise_%s%s_25519_%s_SHA256",
			 patterns[noise->pattern].name, noise->has_psk ? "psk0" : "",
			 noise->cipher == RUDP_CIPHER_CHACHA20_POLY1305 ? "ChaChaPoly" : "AESGCM");

	assert(len > 0 && (size_t)len < sizeof name);
	if ((size_t)len <= sizeof noise->hash)
		memcpy(noise->hash, name, (size_t)len);
	else
		rudp_sha256(&(struct iovec){name, (size_t)len}, 1, noise->hash);
	memcpy(noise->chaining_key, noise->hash, sizeof noise->chaining_key);
}

void rudp_noise_give_key(struct rudp_noise *noise, struct rudp_x25519 *ephemeral)
{
	noise->ephemeral = *ephemeral;
	*ephemeral = (struct rudp_x25519){0};
}

static void set_remote_static(struct rudp_noise *noise, const uint8_t key[RUDP_NOISE_DH_BYTES])
{
	memcpy(noise->remote_static, key, sizeof noise->remote_static);
	noise->has_remote_static = true;
}

/* The pre-message: both sides hash the responder's static key. */
static void mix_known_responder(struct rudp_noise *noise, const struct rudp_noise_setup *setup)
{
	assert(setup->initiator ? setup->remote_static != NULL : setup->own_static != NULL);
	if (setup->initiator)
		set_remote_static(noise, setup->remote_static);
	mix_hash(noise, setup->initiator ? setup->remote_static : setup->own_static->public_key,
		 RUDP_NOISE_DH_BYTES);
}

void rudp_noise_start(struct rudp_noise *noise, const struct rudp_noise_setup *setup)
{
	*noise = (struct rudp_noise){.pattern = setup->pattern,
				     .cipher = setup->cipher,
				     .initiator = setup->initiator,
				     .has_psk = setup->psk};
	if (setup->psk)
		memcpy(noise->psk, setup->psk, sizeof noise->psk);
	if (setup->own_static)
		rudp_x25519_share(&noise->own_static, setup->own_static);
	start_hash(noise);
	mix_hash(noise, setup->prologue, setup->prologue_len);
	if (patterns[setup->pattern].knows_responder)
		mix_known_responder(noise, setup);
}

void rudp_noise_copy(struct rudp_noise *copy, const struct rudp_noise *noise)
{
	*copy = *noise;
	rudp_x25519_share(&copy->ephemeral, &noise->ephemeral);
	rudp_x25519_share(&copy->own_static, &noise->own_static);
}

void rudp_noise_fini(struct rudp_noise *noise)
{
	rudp_x25519_fini(&noise->ephemeral);
	rudp_x25519_fini(&noise->own_static);
	rudp_wipe(noise, sizeof *noise);
	noise->message_index = SPENT;
}

/* The initiator writes message 0, the responder message 1, and so on. */
static bool is_turn(const struct rudp_noise *noise, bool writing)
{
	bool is_initiators = noise->message_index % 2 == 0;

	return noise->message_index < patterns[noise->pattern].message_count &&
	       (is_initiators == noise->initiator) == writing;
}

static const enum token *next_tokens(const struct rudp_noise *noise)
{
	return patterns[noise->pattern].tokens[noise->message_index];
}

/* A token s is sealed if there is a key by then, as in all patterns here. */
size_t rudp_noise_overhead_bytes(const struct rudp_noise *noise)
{
	const enum token *tokens = next_tokens(noise);
	bool is_sealed = noise->has_key || noise->has_psk;
	size_t bytes = 0;

	for (int i = 0; i < TOKENS_MAX; i++) {
		is_sealed |= tokens[i] >= EE;
		if (tokens[i] == E)
			bytes += RUDP_NOISE_DH_BYTES;
		else if (tokens[i] == S)
			bytes += RUDP_NOISE_STATIC_BYTES;
	}
	return bytes + (is_sealed ? RUDP_AEAD_TAG_BYTES : 0);
}

/* Ends a message. len is its result so far: a length or an error. */
static int finish(struct rudp_noise *noise, int len)
{
	noise->message_index = len < 0 ? SPENT : (uint8_t)(noise->message_index + 1);
	if (len >= 0 && noise->message_index >= MESSAGES_BEFORE_SPLIT)
		hkdf(noise->chaining_key, NULL, 0, noise->split, 2);
	return len;
}

/* The next message: out if it is written, in if it is read. */
struct message {
	uint8_t *out;
	const uint8_t *in;
	size_t in_len;
};

static int write_ephemeral(struct rudp_noise *noise, uint8_t *out)
{
	memcpy(out, noise->ephemeral.public_key, RUDP_NOISE_DH_BYTES);
	mix_ephemeral(noise, noise->ephemeral.public_key);
	return RUDP_NOISE_DH_BYTES;
}

static int read_ephemeral(struct rudp_noise *noise, const uint8_t *in, size_t len)
{
	if (len < RUDP_NOISE_DH_BYTES)
		return -EBADMSG;
	memcpy(noise->remote_public, in, sizeof noise->remote_public);
	noise->has_remote = true;
	mix_ephemeral(noise, noise->remote_public);
	return RUDP_NOISE_DH_BYTES;
}

static int read_static(struct rudp_noise *noise, const uint8_t *in, size_t len)
{
	size_t bytes = RUDP_NOISE_DH_BYTES + (noise->has_key ? RUDP_AEAD_TAG_BYTES : 0);
	uint8_t key[RUDP_NOISE_DH_BYTES];
	int rc;

	if (len < bytes)
		return -EBADMSG;
	rc = decrypt_and_hash(noise, in, bytes, key, sizeof key);
	if (rc < 0)
		return rc;
	set_remote_static(noise, key);
	return (int)bytes;
}

/* Returns the bytes that the token has in the message, or an error. */
static int process_token(struct rudp_noise *noise, enum token token, const struct message *message,
			 size_t at)
{
	switch (token) {
	case NONE:
		return 0;
	case E:
		return message->out ? write_ephemeral(noise, message->out + at)
				    : read_ephemeral(noise, message->in + at, message->in_len - at);
	case S:
		return message->out ? encrypt_and_hash(noise, noise->own_static.public_key,
						       RUDP_NOISE_DH_BYTES, message->out + at)
				    : read_static(noise, message->in + at, message->in_len - at);
	case EE:
	case ES:
	case SE:
	case SS:
		return mix_shared(noise, token);
	}
	return -EINVAL;
}

/* Returns the bytes that all tokens of the message have, or an error. */
static int process_tokens(struct rudp_noise *noise, const struct message *message)
{
	const enum token *tokens = next_tokens(noise);
	size_t at = 0;
	int rc = 0;

	if (noise->message_index == 0 && noise->has_psk)
		mix_psk(noise);
	for (int i = 0; i < TOKENS_MAX && rc >= 0; i++) {
		rc = process_token(noise, tokens[i], message, at);
		at += rc > 0 ? (size_t)rc : 0;
	}
	return rc < 0 ? rc : (int)at;
}

int rudp_noise_write(struct rudp_noise *noise, const void *payload, size_t payload_len,
		     uint8_t *message, size_t message_cap)
{
	int at, rc;

	if (!is_turn(noise, true))
		return -EINVAL;
	assert(payload_len <= MESSAGE_MAX_BYTES - RUDP_NOISE_OVERHEAD_MAX_BYTES);
	assert(message_cap >= payload_len + rudp_noise_overhead_bytes(noise));
	at = process_tokens(noise, &(struct message){.out = message});
	if (at < 0)
		return finish(noise, at);
	rc = encrypt_and_hash(noise, payload, payload_len, message + at);
	return finish(noise, rc < 0 ? rc : at + rc);
}

int rudp_noise_read(struct rudp_noise *noise, const uint8_t *message, size_t message_len,
		    uint8_t *payload, size_t payload_cap)
{
	int at;

	if (!is_turn(noise, false))
		return -EINVAL;
	if (message_len < rudp_noise_overhead_bytes(noise) || message_len > MESSAGE_MAX_BYTES)
		return finish(noise, -EBADMSG);
	at = process_tokens(noise, &(struct message){.in = message, .in_len = message_len});
	if (at < 0)
		return finish(noise, at);
	return finish(noise, decrypt_and_hash(noise, message + at, message_len - (size_t)at,
					      payload, payload_cap));
}

void rudp_noise_split(const struct rudp_noise *noise, uint8_t send_key[RUDP_KEY_BYTES],
		      uint8_t receive_key[RUDP_KEY_BYTES])
{
	assert(noise->message_index >= MESSAGES_BEFORE_SPLIT && noise->message_index != SPENT);
	memcpy(send_key, noise->split[noise->initiator ? 0 : 1], RUDP_KEY_BYTES);
	memcpy(receive_key, noise->split[noise->initiator ? 1 : 0], RUDP_KEY_BYTES);
}

void rudp_noise_export(const struct rudp_noise *noise, const char *label,
		       uint8_t secret[RUDP_NOISE_HASH_BYTES])
{
	uint8_t input[EXPORT_LABEL_MAX_BYTES + RUDP_NOISE_HASH_BYTES];
	size_t len = strlen(label);

	assert(noise->message_index >= MESSAGES_BEFORE_SPLIT && noise->message_index != SPENT);
	assert(len > 0 && len <= EXPORT_LABEL_MAX_BYTES);
	memcpy(input, label, len);
	memcpy(input + len, noise->hash, sizeof noise->hash);
	rudp_hmac_sha256(noise->chaining_key, sizeof noise->chaining_key, input,
			 len + sizeof noise->hash, secret);
}
