/* SPDX-License-Identifier: MIT */
#include "proto/crypto/aead_mb.h"

#include <errno.h>

#if defined(__has_include) && __has_include(<intel-ipsec-mb.h>)

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/aead_private.h"

#define ALIGNMENT 64
#define ROUND_UP(size) (((size) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

/* Versions with the same first two numbers have the same table of functions. */
#define TABLE_VERSION(version) ((version) >> 8)

/*
 * Read-only once set: the functions for a single packet keep their state in memory of the caller.
 */
static const IMB_MGR *manager;

static int init(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES])
{
	bool gcm = aead->cipher == RUDP_CIPHER_AES_256_GCM;

	aead->context = aligned_alloc(ALIGNMENT,
				      ROUND_UP(gcm ? sizeof(struct gcm_key_data) : RUDP_KEY_BYTES));
	if (!aead->context)
		return -ENOMEM;
	aead->backend->set_key(aead, key);
	return 0;
}

static void set_key(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES])
{
	if (aead->cipher == RUDP_CIPHER_AES_256_GCM)
		IMB_AES256_GCM_PRE(manager, key, aead->context);
	else
		memcpy(aead->context, key, RUDP_KEY_BYTES);
}

static void fini(struct rudp_aead *aead)
{
	explicit_bzero(aead->context, aead->cipher == RUDP_CIPHER_AES_256_GCM
					      ? sizeof(struct gcm_key_data)
					      : RUDP_KEY_BYTES);
	free(aead->context);
}

static uint8_t *gcm_seal_pieces(const struct rudp_aead *aead, const uint8_t *nonce,
				const uint8_t *aad, size_t aad_len, const struct iovec *in,
				int in_count, uint8_t *out)
{
	struct gcm_context_data state;

	IMB_AES256_GCM_INIT(manager, aead->context, &state, nonce, aad, aad_len);
	for (int i = 0; i < in_count; i++) {
		if (in[i].iov_len > 0)
			IMB_AES256_GCM_ENC_UPDATE(manager, aead->context, &state, out,
						  in[i].iov_base, in[i].iov_len);
		out += in[i].iov_len;
	}
	IMB_AES256_GCM_ENC_FINALIZE(manager, aead->context, &state, out, RUDP_AEAD_TAG_BYTES);
	return out;
}

/* One call saves the 30 ns that separate calls for init, update and finalize cost. */
static uint8_t *gcm_seal_whole(const struct rudp_aead *aead, const uint8_t *nonce,
			       const uint8_t *aad, size_t aad_len, const struct iovec *in,
			       uint8_t *out)
{
	struct gcm_context_data state;
	uint8_t *end = out + in->iov_len;

	IMB_AES256_GCM_ENC(manager, aead->context, &state, out, in->iov_base, in->iov_len, nonce,
			   aad, aad_len, end, RUDP_AEAD_TAG_BYTES);
	return end;
}

static uint8_t *chacha_seal(const struct rudp_aead *aead, const uint8_t *nonce, const uint8_t *aad,
			    size_t aad_len, const struct iovec *in, int in_count, uint8_t *out)
{
	struct chacha20_poly1305_context_data state;

	IMB_CHACHA20_POLY1305_INIT(manager, aead->context, &state, nonce, aad, aad_len);
	for (int i = 0; i < in_count; i++) {
		if (in[i].iov_len > 0)
			IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, aead->context, &state, out,
							 in[i].iov_base, in[i].iov_len);
		out += in[i].iov_len;
	}
	IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &state, out, RUDP_AEAD_TAG_BYTES);
	return out;
}

static size_t seal(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		   const struct iovec *in, int in_count, uint8_t *out)
{
	uint8_t nonce[RUDP_AEAD_NONCE_BYTES];
	uint8_t *end;

	rudp_aead_write_nonce(nonce, aead->cipher, counter);
	if (aead->cipher != RUDP_CIPHER_AES_256_GCM)
		end = chacha_seal(aead, nonce, aad, aad_len, in, in_count, out);
	else if (in_count == 1)
		end = gcm_seal_whole(aead, nonce, aad, aad_len, in, out);
	else
		end = gcm_seal_pieces(aead, nonce, aad, aad_len, in, in_count, out);
	return (size_t)(end - out) + RUDP_AEAD_TAG_BYTES;
}

static bool open_packet(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad,
			size_t aad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t nonce[RUDP_AEAD_NONCE_BYTES], tag[RUDP_AEAD_TAG_BYTES], sent[RUDP_AEAD_TAG_BYTES];

	memcpy(sent, in + len, sizeof sent);
	rudp_aead_write_nonce(nonce, aead->cipher, counter);
	if (aead->cipher == RUDP_CIPHER_AES_256_GCM) {
		struct gcm_context_data state;

		IMB_AES256_GCM_DEC(manager, aead->context, &state, out, in, len, nonce, aad,
				   aad_len, tag, sizeof tag);
	} else {
		struct chacha20_poly1305_context_data state;

		IMB_CHACHA20_POLY1305_INIT(manager, aead->context, &state, nonce, aad, aad_len);
		if (len > 0)
			IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, aead->context, &state, out, in,
							 len);
		IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &state, tag, sizeof tag);
	}
	return CRYPTO_memcmp(tag, sent, sizeof tag) == 0;
}

/*
 * Always encrypts, even if this object opens packets: both ciphers XOR the same key stream in both
 * directions.
 */
static void next_key(struct rudp_aead *aead, uint8_t next[RUDP_KEY_BYTES])
{
	uint8_t zeros[RUDP_KEY_BYTES] = {0}, sealed[RUDP_KEY_BYTES + RUDP_AEAD_TAG_BYTES];
	struct iovec in = {zeros, sizeof zeros};

	seal(aead, RUDP_REKEY_COUNTER, zeros, 0, &in, 1, sealed);
	memcpy(next, sealed, RUDP_KEY_BYTES);
	explicit_bzero(sealed, sizeof sealed);
}

static const struct rudp_aead_backend ipsec_mb = {
	.kind = RUDP_AEAD_IPSEC_MB,
	.init = init,
	.fini = fini,
	.seal = seal,
	.open = open_packet,
	.next_key = next_key,
	.set_key = set_key,
};

/*
 * Converts an object pointer to a function pointer; C has no cast for that, but POSIX dlsym needs
 * it.
 */
union function {
	void *found;
	unsigned (*version)(void);
	IMB_MGR *(*alloc)(uint64_t flags);
	void (*init)(IMB_MGR *mgr, IMB_ARCH *arch);
	void (*free)(IMB_MGR *mgr);
};

static bool has_all(const IMB_MGR *mgr)
{
	return mgr->gcm256_pre && mgr->gcm256_enc && mgr->gcm256_dec && mgr->gcm256_init &&
	       mgr->gcm256_enc_update && mgr->gcm256_enc_finalize && mgr->chacha20_poly1305_init &&
	       mgr->chacha20_poly1305_enc_update && mgr->chacha20_poly1305_dec_update &&
	       mgr->chacha20_poly1305_finalize;
}

int rudp_aead_mb_start(void *(*find)(void *library, const char *name), void *library,
		       const struct rudp_aead_backend **backend)
{
	union function version = {.found = find(library, "imb_get_version")};
	union function alloc = {.found = find(library, "alloc_mb_mgr")};
	union function init_auto = {.found = find(library, "init_mb_mgr_auto")};
	union function free_manager = {.found = find(library, "free_mb_mgr")};
	IMB_MGR *mgr;
	IMB_ARCH arch;

	if (!version.found || !alloc.found || !init_auto.found || !free_manager.found)
		return -ENOENT;
	if (TABLE_VERSION(version.version()) != TABLE_VERSION(IMB_VERSION_NUM))
		return -EPROTO;
	*backend = &ipsec_mb;
	if (manager)
		return 0;
	mgr = alloc.alloc(0);
	if (!mgr)
		return -ENOMEM;
	init_auto.init(mgr, &arch);
	if (!has_all(mgr)) {
		free_manager.free(mgr);
		return -ENOTSUP;
	}
	manager = mgr;
	return 0;
}

#else

int rudp_aead_mb_start(void *(*find)(void *library, const char *name), void *library,
		       const struct rudp_aead_backend **backend)
{
	(void)find;
	(void)library;
	(void)backend;
	return -ENOSYS;
}

#endif
