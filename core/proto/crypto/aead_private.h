/* SPDX-License-Identifier: MIT */
/* aead_private - nonces and constants that the AEAD backends share. */
#ifndef RUDP_PROTO_AEAD_PRIVATE_H
#define RUDP_PROTO_AEAD_PRIVATE_H

#include <endian.h>
#include <string.h>

#include "proto/crypto/aead.h"

#define RUDP_AEAD_NONCE_BYTES 12
#define RUDP_NONCE_ZEROS 4

/* Noise reserves this counter for REKEY; no packet has this number. */
#define RUDP_REKEY_COUNTER UINT64_MAX

static inline void rudp_aead_write_nonce(uint8_t nonce[RUDP_AEAD_NONCE_BYTES],
					 enum rudp_cipher cipher, uint64_t counter)
{
	uint64_t bytes = cipher == RUDP_CIPHER_AES_256_GCM ? htobe64(counter) : htole64(counter);

	memset(nonce, 0, RUDP_NONCE_ZEROS);
	memcpy(nonce + RUDP_NONCE_ZEROS, &bytes, sizeof bytes);
}

#endif
