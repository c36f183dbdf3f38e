/* SPDX-License-Identifier: MIT */
/* The client's side. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/scram_private.h"

#define SALT_BYTES_MAX 64 /* a server may choose */

bool apo_scram_begin(struct apo_scram_client *client, const char *user, const char *nonce,
		     char first[APO_SCRAM_MESSAGE_BYTES_MAX])
{
	char name[APO_SCRAM_NAME_SIZE * 3], *to = name;

	if (strlen(user) >= APO_SCRAM_NAME_SIZE || strlen(nonce) >= sizeof client->nonce)
		return false;
	for (; *user; user++) {
		if (*user == ',' || *user == '=')
			to = stpcpy(to, *user == ',' ? "=2C" : "=3D");
		else
			*to++ = *user;
	}
	*to = '\0';
	strcpy(client->nonce, nonce);
	client->final[0] = '\0';
	snprintf(first, APO_SCRAM_MESSAGE_BYTES_MAX, APO_SCRAM_CLIENT_HEADER "n=%s,r=%s", name,
		 client->nonce);
	strcpy(client->messages, first + sizeof APO_SCRAM_CLIENT_HEADER - 1);
	return true;
}

struct challenge {
	const char *nonce;
	size_t nonce_len, salt_len;
	uint8_t salt[SALT_BYTES_MAX];
	uint32_t iterations;
};

static bool read_challenge(const struct apo_scram_client *client, const char *text,
			   struct challenge *challenge)
{
	const char *rest = text, *value;
	unsigned long iterations;
	size_t len, own = strlen(client->nonce);

	challenge->nonce = apo_scram_attribute(&rest, 'r', &challenge->nonce_len);
	if (!challenge->nonce || challenge->nonce_len <= own ||
	    strncmp(challenge->nonce, client->nonce, own) != 0)
		return false;
	value = apo_scram_attribute(&rest, 's', &len);
	if (!value || !apo_scram_from_base64(challenge->salt, sizeof challenge->salt, value, len,
					     &challenge->salt_len))
		return false;
	value = apo_scram_attribute(&rest, 'i', &len);
	iterations = value ? strtoul(value, NULL, 10) : 0;
	challenge->iterations = (uint32_t)iterations;
	return iterations >= APO_SCRAM_ITERATIONS_MIN && iterations <= APO_SCRAM_ITERATIONS_MAX;
}

bool apo_scram_answer(struct apo_scram_client *client, const char *password, const char *text,
		      char final[APO_SCRAM_MESSAGE_BYTES_MAX * 2])
{
	uint8_t salted[APO_SCRAM_HASH_BYTES], proof[APO_SCRAM_HASH_BYTES],
		signature[APO_SCRAM_HASH_BYTES];
	char base64[APO_SCRAM_BASE64_SIZE], header[8];
	struct apo_scram_keys keys = {.iterations = 0};
	struct challenge challenge;
	size_t len = strlen(client->messages), i;

	if (strlen(text) > APO_SCRAM_MESSAGE_BYTES_MAX || !read_challenge(client, text, &challenge))
		return false;
	snprintf(client->messages + len, sizeof client->messages - len, ",%s", text);
	apo_scram_base64(header, sizeof header, (const uint8_t *)APO_SCRAM_CLIENT_HEADER,
			 sizeof APO_SCRAM_CLIENT_HEADER - 1);
	len = (size_t)snprintf(final, APO_SCRAM_MESSAGE_BYTES_MAX * 2, "c=%s,r=%.*s", header,
			       (int)challenge.nonce_len, challenge.nonce);
	apo_scram_salted_password(password, strlen(password), challenge.salt, challenge.salt_len,
				  challenge.iterations, salted);
	apo_scram_keys_of(&keys, salted, proof);
	apo_scram_sign(keys.stored_key, client->messages, final, len, signature);
	for (i = 0; i < sizeof proof; i++)
		proof[i] ^= signature[i];
	apo_scram_sign(keys.server_key, client->messages, final, len, signature);
	apo_scram_write_final(signature, client->final);
	snprintf(final + len, APO_SCRAM_MESSAGE_BYTES_MAX * 2 - len, ",p=%s",
		 apo_scram_base64(base64, sizeof base64, proof, sizeof proof));
	sodium_memzero(salted, sizeof salted);
	sodium_memzero(&keys, sizeof keys);
	return true;
}

bool apo_scram_is_server_right(const struct apo_scram_client *client, const char *text)
{
	return client->final[0] && strlen(text) == strlen(client->final) &&
	       sodium_memcmp(text, client->final, strlen(text)) == 0;
}
