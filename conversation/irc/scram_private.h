/* SPDX-License-Identifier: MIT */
/* scram_private - what both sides of SCRAM share. */
#ifndef APO_SCRAM_PRIVATE_H
#define APO_SCRAM_PRIVATE_H

#include "conversation/irc/scram.h"

#define APO_SCRAM_BASE64_SIZE 45 /* of 32 bytes */

void apo_scram_salted_password(const char *password, size_t len, const uint8_t *salt,
			       size_t salt_len, uint32_t iterations,
			       uint8_t to[APO_SCRAM_HASH_BYTES]);
/* Salt and iterations stay as they are. */
void apo_scram_keys_of(struct apo_scram_keys *keys, const uint8_t salted[APO_SCRAM_HASH_BYTES],
		       uint8_t client_key[APO_SCRAM_HASH_BYTES]);
char *apo_scram_base64(char *to, size_t size, const uint8_t *bytes, size_t len);
/* Returns false if it is not base64, or of more than size bytes. */
bool apo_scram_from_base64(uint8_t *to, size_t size, const char *text, size_t len, size_t *count);
/* The value of the attribute with which *rest begins; *rest becomes what follows, NULL: nothing.
 * Returns NULL if it is another attribute. */
const char *apo_scram_attribute(const char **rest, char name, size_t *len);
void apo_scram_sign(const uint8_t key[APO_SCRAM_HASH_BYTES], const char *messages,
		    const char *without_proof, size_t len, uint8_t to[APO_SCRAM_HASH_BYTES]);
void apo_scram_write_final(const uint8_t signature[APO_SCRAM_HASH_BYTES],
			   char to[APO_SCRAM_FINAL_SIZE]);

#endif
