/* SPDX-License-Identifier: MIT */
/* Keys and the server's side. */
#include "conversation/irc/scram.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/scram_private.h"

/* ---- hashes ---- */

static void hmac(const uint8_t key[APO_SCRAM_HASH_BYTES], const char *text, size_t len,
		 uint8_t to[APO_SCRAM_HASH_BYTES])
{
	crypto_auth_hmacsha256(to, (const uint8_t *)text, len, key);
}

/* Hi of RFC 5802: PBKDF2 with one block. The state with the password in it is computed once. */
void apo_scram_salted_password(const char *password, size_t len, const uint8_t *salt,
			       size_t salt_len, uint32_t iterations,
			       uint8_t to[APO_SCRAM_HASH_BYTES])
{
	static const uint8_t first_block[4] = {0, 0, 0, 1};
	crypto_auth_hmacsha256_state keyed, state;
	uint8_t u[APO_SCRAM_HASH_BYTES];
	uint32_t i;
	size_t j;

	crypto_auth_hmacsha256_init(&keyed, (const uint8_t *)password, len);
	state = keyed;
	crypto_auth_hmacsha256_update(&state, salt, salt_len);
	crypto_auth_hmacsha256_update(&state, first_block, sizeof first_block);
	crypto_auth_hmacsha256_final(&state, u);
	memcpy(to, u, sizeof u);
	for (i = 1; i < iterations; i++) {
		state = keyed;
		crypto_auth_hmacsha256_update(&state, u, sizeof u);
		crypto_auth_hmacsha256_final(&state, u);
		for (j = 0; j < sizeof u; j++)
			to[j] ^= u[j];
	}
	sodium_memzero(&keyed, sizeof keyed);
	sodium_memzero(&state, sizeof state);
	sodium_memzero(u, sizeof u);
}

void apo_scram_keys_of(struct apo_scram_keys *keys, const uint8_t salted[APO_SCRAM_HASH_BYTES],
		       uint8_t client_key[APO_SCRAM_HASH_BYTES])
{
	hmac(salted, "Client Key", 10, client_key);
	hmac(salted, "Server Key", 10, keys->server_key);
	crypto_hash_sha256(keys->stored_key, client_key, APO_SCRAM_HASH_BYTES);
}

void apo_scram_make_keys(struct apo_scram_keys *keys, const char *password, size_t len)
{
	uint8_t salted[APO_SCRAM_HASH_BYTES], client_key[APO_SCRAM_HASH_BYTES];

	apo_scram_salted_password(password, len, keys->salt, sizeof keys->salt, keys->iterations,
				  salted);
	apo_scram_keys_of(keys, salted, client_key);
	sodium_memzero(salted, sizeof salted);
	sodium_memzero(client_key, sizeof client_key);
}

/* ---- keys as text ---- */

char *apo_scram_base64(char *to, size_t size, const uint8_t *bytes, size_t len)
{
	return sodium_bin2base64(to, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}

bool apo_scram_from_base64(uint8_t *to, size_t size, const char *text, size_t len, size_t *count)
{
	const char *end;

	return sodium_base642bin(to, size, text, len, NULL, count, &end,
				 sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       end == text + len;
}

void apo_scram_write_keys(const struct apo_scram_keys *keys, char text[APO_SCRAM_KEYS_SIZE])
{
	char salt[APO_SCRAM_BASE64_SIZE], stored[APO_SCRAM_BASE64_SIZE],
		server[APO_SCRAM_BASE64_SIZE];

	apo_scram_base64(salt, sizeof salt, keys->salt, sizeof keys->salt);
	apo_scram_base64(stored, sizeof stored, keys->stored_key, sizeof keys->stored_key);
	apo_scram_base64(server, sizeof server, keys->server_key, sizeof keys->server_key);
	snprintf(text, APO_SCRAM_KEYS_SIZE, APO_SCRAM_NAME "$%u:%s$%s:%s", keys->iterations, salt,
		 stored, server);
}

/* Reads base64 of exactly size bytes, up to the character end. Returns the text after that, or NULL
 * if the text has no such part. */
static const char *read_bytes(const char *text, uint8_t *to, size_t size, char end)
{
	const char *stop = text ? strchr(text, end) : NULL;
	size_t count;

	if (!stop || !apo_scram_from_base64(to, size, text, (size_t)(stop - text), &count) ||
	    count != size)
		return NULL;
	return stop + 1;
}

bool apo_scram_read_keys(struct apo_scram_keys *keys, const char *text)
{
	char again[APO_SCRAM_KEYS_SIZE];
	const char *at = text;
	char *end;

	if (strncmp(at, APO_SCRAM_NAME "$", sizeof APO_SCRAM_NAME) != 0)
		return false;
	at += sizeof APO_SCRAM_NAME;
	keys->iterations = (uint32_t)strtoul(at, &end, 10);
	if (*end != ':' || keys->iterations < APO_SCRAM_ITERATIONS_MIN ||
	    keys->iterations > APO_SCRAM_ITERATIONS_MAX)
		return false;
	at = read_bytes(end + 1, keys->salt, sizeof keys->salt, '$');
	at = read_bytes(at, keys->stored_key, sizeof keys->stored_key, ':');
	at = read_bytes(at, keys->server_key, sizeof keys->server_key, '\0');
	if (!at)
		return false;
	/* strtoul() also accepts forms that are never written: "+1", "01". */
	apo_scram_write_keys(keys, again);
	return strcmp(again, text) == 0;
}

/* ---- secrets of accounts ---- */

const char *apo_secret_keys(const char *secret)
{
	const char *separator = strchr(secret, APO_SCRAM_SEPARATOR);

	return separator ? separator + 1 : NULL;
}

static size_t hash_len(const char *secret)
{
	return strcspn(secret, (const char[]){APO_SCRAM_SEPARATOR, '\0'});
}

bool apo_secret_is_same_hash(const char *a, const char *b)
{
	size_t len = hash_len(a);

	return len == hash_len(b) && strncmp(a, b, len) == 0;
}

bool apo_secret_is_valid(const char *secret)
{
	const char *text = apo_secret_keys(secret);
	struct apo_scram_keys keys;

	return hash_len(secret) > 0 && hash_len(secret) < APO_HASH_SIZE &&
	       strlen(secret) < APO_SECRET_SIZE && (!text || apo_scram_read_keys(&keys, text));
}

/* ---- messages ---- */

/* Copies a saslname and replaces =2C and =3D. Returns false if it is empty, too long or has another
 * =. */
static bool read_name(const char *text, size_t len, char to[APO_SCRAM_NAME_SIZE])
{
	size_t count = 0, i;

	for (i = 0; i < len && count + 1 < APO_SCRAM_NAME_SIZE; i++) {
		to[count] = text[i];
		if (text[i] == '=') {
			if (i + 2 >= len ||
			    (strncmp(text + i, "=2C", 3) != 0 && strncmp(text + i, "=3D", 3) != 0))
				return false;
			to[count] = text[i + 2] == 'C' ? ',' : '=';
			i += 2;
		}
		count++;
	}
	to[count] = '\0';
	return i == len && len > 0;
}

/* Printable ASCII without comma. */
static bool is_nonce(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] < '!' || text[i] > '~' || text[i] == ',')
			return false;
	return len > 0;
}

const char *apo_scram_attribute(const char **rest, char name, size_t *len)
{
	const char *value = *rest;

	if (!value || value[0] != name || value[1] != '=')
		return NULL;
	value += 2;
	*len = strcspn(value, ",");
	*rest = value[*len] ? value + *len + 1 : NULL;
	return value;
}

/* gs2-header. A client that says "y" could bind the login to the channel, and knows that we do not
 * offer it. */
static const char *read_header(struct apo_scram *scram, const char **rest)
{
	char as[APO_SCRAM_NAME_SIZE] = "";
	const char *text = *rest, *value;
	size_t len;

	if (*text == 'p')
		return "channel-binding-not-supported";
	if ((*text != 'n' && *text != 'y') || text[1] != ',')
		return "other-error";
	*rest = text + 2;
	if (**rest == ',') {
		++*rest;
	} else {
		value = apo_scram_attribute(rest, 'a', &len);
		if (!value || !*rest)
			return "other-error";
		if (!read_name(value, len, as))
			return "invalid-username-encoding";
	}
	len = (size_t)(*rest - text);
	if (len >= sizeof scram->header)
		return "other-error";
	memcpy(scram->header, text, len);
	scram->header[len] = '\0';
	strcpy(scram->user, as);
	return NULL;
}

const char *apo_scram_on_first(struct apo_scram *scram, const char *text, size_t len)
{
	char user[APO_SCRAM_NAME_SIZE];
	const char *rest = text, *bare, *value, *wrong;

	memset(scram, 0, sizeof *scram);
	if (strlen(text) != len || len > APO_SCRAM_MESSAGE_BYTES_MAX)
		return "invalid-encoding";
	wrong = read_header(scram, &rest);
	if (wrong)
		return wrong;
	bare = rest;
	if (strncmp(rest, "m=", 2) == 0)
		return "extensions-not-supported";
	value = apo_scram_attribute(&rest, 'n', &len);
	if (!value)
		return "other-error";
	if (!read_name(value, len, user))
		return "invalid-username-encoding";
	/* A client may act only as itself. */
	if (scram->user[0] && strcmp(scram->user, user) != 0)
		return "other-error";
	strcpy(scram->user, user);
	value = apo_scram_attribute(&rest, 'r', &len);
	if (!value || !is_nonce(value, len))
		return "other-error";
	snprintf(scram->nonce, sizeof scram->nonce, "%.*s", (int)len, value);
	snprintf(scram->messages, sizeof scram->messages, "%s", bare);
	return NULL;
}

const char *apo_scram_challenge(struct apo_scram *scram, const char *our_nonce,
				const struct apo_scram_keys *keys)
{
	size_t before = strlen(scram->messages), len = strlen(scram->nonce);
	char salt[APO_SCRAM_BASE64_SIZE];

	snprintf(scram->nonce + len, sizeof scram->nonce - len, "%s", our_nonce);
	apo_scram_base64(salt, sizeof salt, keys->salt, sizeof keys->salt);
	snprintf(scram->messages + before, sizeof scram->messages - before, ",r=%s,s=%s,i=%u",
		 scram->nonce, salt, keys->iterations);
	return scram->messages + before + 1;
}

/* The signatures are of AuthMessage: what was said so far, and the final message without its
 * proof. */
void apo_scram_sign(const uint8_t key[APO_SCRAM_HASH_BYTES], const char *messages,
		    const char *without_proof, size_t len, uint8_t to[APO_SCRAM_HASH_BYTES])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, APO_SCRAM_HASH_BYTES);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)messages, strlen(messages));
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)",", 1);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)without_proof, len);
	crypto_auth_hmacsha256_final(&state, to);
}

void apo_scram_write_final(const uint8_t signature[APO_SCRAM_HASH_BYTES],
			   char to[APO_SCRAM_FINAL_SIZE])
{
	memcpy(to, "v=", 2);
	apo_scram_base64(to + 2, APO_SCRAM_FINAL_SIZE - 2, signature, APO_SCRAM_HASH_BYTES);
}

static bool is_same_header(const struct apo_scram *scram, const char *base64, size_t len)
{
	uint8_t header[sizeof scram->header];
	size_t count;

	return apo_scram_from_base64(header, sizeof header, base64, len, &count) &&
	       count == strlen(scram->header) && memcmp(header, scram->header, count) == 0;
}

static bool is_proof_right(const struct apo_scram *scram, const struct apo_scram_keys *keys,
			   const char *without_proof, size_t len, const uint8_t *proof)
{
	uint8_t client_key[APO_SCRAM_HASH_BYTES], hash[APO_SCRAM_HASH_BYTES];
	size_t i;

	apo_scram_sign(keys->stored_key, scram->messages, without_proof, len, client_key);
	for (i = 0; i < sizeof client_key; i++)
		client_key[i] ^= proof[i];
	crypto_hash_sha256(hash, client_key, sizeof client_key);
	sodium_memzero(client_key, sizeof client_key);
	return sodium_memcmp(hash, keys->stored_key, sizeof hash) == 0;
}

const char *apo_scram_on_final(const struct apo_scram *scram, const struct apo_scram_keys *keys,
			       const char *text, size_t len, char answer[APO_SCRAM_FINAL_SIZE])
{
	const char *rest = text, *value, *end = strstr(text, ",p=");
	uint8_t proof[APO_SCRAM_HASH_BYTES], signature[APO_SCRAM_HASH_BYTES];
	size_t count;

	if (strlen(text) != len)
		return "invalid-encoding";
	value = apo_scram_attribute(&rest, 'c', &count);
	if (!value)
		return "other-error";
	if (!is_same_header(scram, value, count))
		return "channel-bindings-dont-match";
	value = apo_scram_attribute(&rest, 'r', &count);
	if (!value || count != strlen(scram->nonce) ||
	    sodium_memcmp(value, scram->nonce, count) != 0)
		return "other-error";
	/* Extensions may follow; we know none. The proof is the last attribute. */
	if (!end || end < value || strchr(end + 1, ','))
		return "other-error";
	if (!apo_scram_from_base64(proof, sizeof proof, end + 3, strlen(end + 3), &count) ||
	    count != sizeof proof)
		return "invalid-encoding";
	if (!is_proof_right(scram, keys, text, (size_t)(end - text), proof))
		return "invalid-proof";
	apo_scram_sign(keys->server_key, scram->messages, text, (size_t)(end - text), signature);
	apo_scram_write_final(signature, answer);
	return NULL;
}
