/* SPDX-License-Identifier: MIT */
/*
 * vector_backends - the AEAD backends, compiled once more with nonces of the caller's choice: those
 * of published vectors do not begin with the four zeros of Noise.
 */
#ifndef RUDP_TESTS_VECTOR_BACKENDS_H
#define RUDP_TESTS_VECTOR_BACKENDS_H

#include "proto/crypto/aead_private.h"

/* What every packet is sealed and opened with; the counter is ignored. */
extern uint8_t vector_nonce[RUDP_AEAD_NONCE_BYTES];

extern const struct rudp_aead_backend vector_libcrypto;
/* As rudp_aead_mb_start. */
int vector_mb_start(void *(*find)(void *library, const char *name), void *library,
		    const struct rudp_aead_backend **backend);

static inline void vector_write_nonce(uint8_t nonce[RUDP_AEAD_NONCE_BYTES], enum rudp_cipher cipher,
				      uint64_t counter)
{
	(void)cipher;
	(void)counter;
	memcpy(nonce, vector_nonce, RUDP_AEAD_NONCE_BYTES);
}

#endif
