/* SPDX-License-Identifier: MIT */
#include "conversation/server/identity.h"

#include <sodium.h>
#include <stdio.h>

#include "rudp/rudp.h"

void apo_identity_write(char text[APO_FINGERPRINT_SIZE], const uint8_t key[APO_IDENTITY_KEY_BYTES])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	char base64[sodium_base64_ENCODED_LEN(sizeof digest,
					      sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];

	crypto_hash_sha256(digest, key, APO_IDENTITY_KEY_BYTES);
	sodium_bin2base64(base64, sizeof base64, digest, sizeof digest,
			  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	snprintf(text, APO_FINGERPRINT_SIZE, "SHA256:%s", base64);
}

bool apo_identity_of_socket(int fd, char text[APO_FINGERPRINT_SIZE])
{
	struct rudp_peer_identity identity;

	if (rudp_peer_identity(fd, &identity, sizeof identity) < 0)
		return false;
	apo_identity_write(text, identity.public_key);
	return true;
}
