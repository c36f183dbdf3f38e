/* SPDX-License-Identifier: MIT */
/* noise_begin - begins a handshake with an ephemeral key that the test chooses. */
#ifndef RUDP_TESTS_PROTO_CRYPTO_NOISE_BEGIN_H
#define RUDP_TESTS_PROTO_CRYPTO_NOISE_BEGIN_H

#include <string.h>

#include "proto/crypto/noise.h"

/* Returns 0 or -ENOMEM. */
static inline int noise_begin(struct rudp_noise *noise, const struct rudp_noise_setup *setup,
			      const uint8_t ephemeral_private[RUDP_NOISE_DH_BYTES])
{
	struct rudp_x25519 ephemeral;
	int rc = rudp_x25519_init(&ephemeral, ephemeral_private);

	if (rc < 0) {
		rudp_noise_fini(memset(noise, 0, sizeof *noise));
		return rc;
	}
	rudp_noise_start(noise, setup);
	rudp_noise_give_key(noise, &ephemeral);
	return 0;
}

#endif
