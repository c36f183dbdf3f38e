/* SPDX-License-Identifier: MIT */
#include "conversation/server/secrets.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(APO_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

static void copy_hash(char to[APO_HASH_SIZE], const char *secret)
{
	const char *end = strchrnul(secret, APO_SCRAM_SEPARATOR);

	snprintf(to, APO_HASH_SIZE, "%.*s", (int)(end - secret), secret);
}

static void add_scram(char secret[APO_SECRET_SIZE], const char *password)
{
	struct apo_scram_keys keys = {.iterations = APO_SCRAM_ITERATIONS};
	char text[APO_SCRAM_KEYS_SIZE];
	size_t len = strlen(secret);

	randombytes_buf(keys.salt, sizeof keys.salt);
	apo_scram_make_keys(&keys, password, strlen(password));
	apo_scram_write_keys(&keys, text);
	snprintf(secret + len, APO_SECRET_SIZE - len, "%c%s", APO_SCRAM_SEPARATOR, text);
	sodium_memzero(&keys, sizeof keys);
	sodium_memzero(text, sizeof text);
}

int apo_secret_make(const char *password, bool has_scram, char secret[APO_SECRET_SIZE])
{
	if (crypto_pwhash_str(secret, password, strlen(password),
			      crypto_pwhash_OPSLIMIT_INTERACTIVE,
			      crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		return -ENOMEM;
	if (has_scram)
		add_scram(secret, password);
	return 0;
}

bool apo_secret_is_of(const char *secret, const char *password)
{
	char hash[APO_HASH_SIZE];

	copy_hash(hash, secret);
	return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}

bool apo_secret_renew(const char *old, const char *password, bool has_scram,
		      char secret[APO_SECRET_SIZE])
{
	if ((apo_secret_keys(old) != NULL) == has_scram)
		return false;
	copy_hash(secret, old);
	if (has_scram)
		add_scram(secret, password);
	return true;
}
