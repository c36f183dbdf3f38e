/* SPDX-License-Identifier: MIT */
#include "proto/crypto/aead.h"

#include <assert.h>
#include <string.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

static const struct rudp_aead_backend *used = &rudp_aead_libcrypto;

enum rudp_cipher rudp_cipher_preferred(void)
{
#if defined(__x86_64__) || defined(__i386__)
	bool has_aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
	bool has_aes = (getauxval(AT_HWCAP) & HWCAP_AES) && (getauxval(AT_HWCAP) & HWCAP_PMULL);
#else
	bool has_aes = false;
#endif

	return has_aes ? RUDP_CIPHER_AES_256_GCM : RUDP_CIPHER_CHACHA20_POLY1305;
}

const char *rudp_aead_kind_text(enum rudp_aead_kind kind)
{
	switch (kind) {
	case RUDP_AEAD_NONE:
		break;
#define TEXT(name, number, text)                                                                   \
	case RUDP_AEAD_##name:                                                                     \
		return text;
		RUDP_AEAD_BACKENDS(TEXT)
#undef TEXT
	}
	return "";
}

void rudp_aead_use(const struct rudp_aead_backend *backend)
{
	used = backend;
}

const struct rudp_aead_backend *rudp_aead_used(void)
{
	return used;
}

int rudp_aead_init(struct rudp_aead *aead, enum rudp_cipher cipher, bool sealing,
		   const uint8_t key[RUDP_KEY_BYTES])
{
	*aead = (struct rudp_aead){.backend = used, .cipher = cipher, .sealing = sealing};
	return used->init(aead, key);
}

void rudp_aead_fini(struct rudp_aead *aead)
{
	if (aead->context)
		aead->backend->fini(aead);
	aead->context = NULL;
}

size_t rudp_aead_seal(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		      const struct iovec *in, int in_count, uint8_t *out)
{
	assert(aead->sealing);
	return aead->backend->seal(aead, counter, aad, aad_len, in, in_count, out);
}

bool rudp_aead_open(struct rudp_aead *aead, uint64_t counter, const uint8_t *aad, size_t aad_len,
		    const uint8_t *in, size_t len, uint8_t *out)
{
	assert(!aead->sealing);
	if (len < RUDP_AEAD_TAG_BYTES)
		return false;
	len -= RUDP_AEAD_TAG_BYTES;
	if (aead->backend->open(aead, counter, aad, aad_len, in, len, out))
		return true;
	if (len > 0)
		memset(out, 0, len);
	return false;
}

void rudp_aead_next_key(struct rudp_aead *aead, uint8_t next[RUDP_KEY_BYTES])
{
	aead->backend->next_key(aead, next);
}

void rudp_aead_set_key(struct rudp_aead *aead, const uint8_t key[RUDP_KEY_BYTES])
{
	aead->backend->set_key(aead, key);
}
