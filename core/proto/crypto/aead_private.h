/* SPDX-License-Identifier: MIT */
/* What the backends of aead share. */
#ifndef RUDP_PROTO_AEAD_PRIVATE_H
#define RUDP_PROTO_AEAD_PRIVATE_H

#include <endian.h>
#include <string.h>

#include "proto/crypto/aead.h"

#define RUDP_NONCE_BYTES 12
#define RUDP_NONCE_ZEROS 4

/* The counter that Noise keeps for REKEY; no packet has this number. */
#define RUDP_REKEY_COUNTER UINT64_MAX

static inline void rudp_aead_write_nonce(uint8_t nonce[RUDP_NONCE_BYTES], enum rudp_cipher cipher,
					 uint64_t counter)
{
	uint64_t bytes = cipher == RUDP_CIPHER_AES_256_GCM ? htobe64(counter) : htole64(counter);

	memset(nonce, 0, RUDP_NONCE_ZEROS);
	memcpy(nonce + RUDP_NONCE_ZEROS, &bytes, sizeof bytes);
}

#endif
