/* SPDX-License-Identifier: MIT */
/*
 * Self test of an AEAD backend. libcrypto is the reference; the unit tests check it against known
 * vectors.
 */
#include <string.h>

#include "proto/crypto/aead_private.h"

#define PLAIN_MAX_BYTES 1500
#define FIRST_PIECE_BYTES 21 /* about the size of the frame headers before the stream bytes */

struct trial {
	enum rudp_cipher cipher;
	struct rudp_aead sealer, opener, reference;
	uint8_t key[RUDP_KEY_BYTES], aad[13];
	uint8_t plain[PLAIN_MAX_BYTES];
	uint8_t expected[PLAIN_MAX_BYTES + RUDP_AEAD_TAG_BYTES];
	uint8_t out[PLAIN_MAX_BYTES + RUDP_AEAD_TAG_BYTES];
};

static void fill(uint8_t *bytes, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * UINT32_C(1664525) + UINT32_C(1013904223);
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

static bool begin(struct rudp_aead *aead, const struct rudp_aead_backend *backend, bool sealing,
		  const struct trial *trial)
{
	*aead = (struct rudp_aead){.backend = backend, .cipher = trial->cipher, .sealing = sealing};
	return backend->init(aead, trial->key) == 0;
}

static bool seals_like_reference(struct trial *trial, size_t len, uint64_t counter)
{
	size_t first = len < FIRST_PIECE_BYTES ? len : FIRST_PIECE_BYTES;
	struct iovec whole = {trial->plain, len};
	struct iovec pieces[2] = {{trial->plain, first}, {trial->plain + first, len - first}};
	size_t sealed = len + RUDP_AEAD_TAG_BYTES;
	bool ok;

	rudp_aead_seal(&trial->reference, counter, trial->aad, sizeof trial->aad, &whole, 1,
		       trial->expected);
	ok = rudp_aead_seal(&trial->sealer, counter, trial->aad, sizeof trial->aad, &whole, 1,
			    trial->out) == sealed &&
	     memcmp(trial->out, trial->expected, sealed) == 0;
	return ok &&
	       rudp_aead_seal(&trial->sealer, counter, trial->aad, sizeof trial->aad, pieces, 2,
			      trial->out) == sealed &&
	       memcmp(trial->out, trial->expected, sealed) == 0;
}

/* On entry out holds the sealed packet. */
static bool opens_and_rejects_forgery(struct trial *trial, size_t len, uint64_t counter)
{
	size_t sealed = len + RUDP_AEAD_TAG_BYTES;

	if (!rudp_aead_open(&trial->opener, counter, trial->aad, sizeof trial->aad, trial->out,
			    sealed, trial->out) ||
	    memcmp(trial->out, trial->plain, len) != 0)
		return false;
	memcpy(trial->out, trial->expected, sealed);
	trial->out[sealed / 2] ^= 1;
	return !rudp_aead_open(&trial->opener, counter, trial->aad, sizeof trial->aad, trial->out,
			       sealed, trial->out);
}

static bool next_keys_agree(struct trial *trial)
{
	uint8_t next[RUDP_KEY_BYTES], expected[RUDP_KEY_BYTES];

	rudp_aead_next_key(&trial->reference, expected);
	rudp_aead_next_key(&trial->opener, next);
	if (memcmp(next, expected, sizeof next) != 0)
		return false;
	rudp_aead_set_key(&trial->reference, expected);
	rudp_aead_set_key(&trial->sealer, expected);
	rudp_aead_set_key(&trial->opener, expected);
	return true;
}

static bool run(struct trial *trial)
{
	static const size_t lengths[] = {0, 1, 16, 64, 1171, PLAIN_MAX_BYTES};

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		uint64_t counter = UINT64_C(0x1020304050607080) + i;

		if (!seals_like_reference(trial, lengths[i], counter) ||
		    !opens_and_rejects_forgery(trial, lengths[i], counter) ||
		    !next_keys_agree(trial))
			return false;
	}
	return true;
}

static bool agrees_on(const struct rudp_aead_backend *backend, enum rudp_cipher cipher)
{
	struct trial trial = {.cipher = cipher};
	bool ok;

	fill(trial.key, sizeof trial.key, 1);
	fill(trial.aad, sizeof trial.aad, 2);
	fill(trial.plain, sizeof trial.plain, 3);
	ok = begin(&trial.reference, &rudp_aead_libcrypto, true, &trial) &&
	     begin(&trial.sealer, backend, true, &trial) &&
	     begin(&trial.opener, backend, false, &trial) && run(&trial);
	rudp_aead_fini(&trial.reference);
	rudp_aead_fini(&trial.sealer);
	rudp_aead_fini(&trial.opener);
	return ok;
}

bool rudp_aead_agrees(const struct rudp_aead_backend *backend)
{
	return agrees_on(backend, RUDP_CIPHER_AES_256_GCM) &&
	       agrees_on(backend, RUDP_CIPHER_CHACHA20_POLY1305);
}
