/* SPDX-License-Identifier: MIT */
/*
 * Messages of SASL SCRAM-SHA-256, as a hostile client, server or file has them. The input is a
 * first and a final message of a client, a challenge of a server, and keys, each up to a line end.
 * A client without the password logs in only by a proof that the fuzzer cannot make; a client that
 * knows it gets in after each first message that is accepted.
 */
#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/scram_private.h"

#define NONCE "fyko+d2lbbFgONRv9qkxdawL"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t client_key[APO_SCRAM_HASH_BYTES] = "the key of a client that may in";
static struct apo_scram_keys keys = {.iterations = APO_SCRAM_ITERATIONS_MIN};

/* A copy of the next line, with a 0 and no byte more, so that reading beyond its end is found. */
static char *next_line(const uint8_t **data, size_t *size, size_t *len)
{
	const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
	char *line;

	*len = end ? (size_t)(end - *data) : *size;
	line = malloc(*len + 1);
	assert(line);
	if (*len)
		memcpy(line, *data, *len);
	line[*len] = '\0';
	*data += *len + (end != NULL);
	*size -= *len + (end != NULL);
	return line;
}

static void log_in(const struct apo_scram *scram)
{
	char header[sizeof scram->header * 2], text[2048], base64[APO_SCRAM_BASE64_SIZE];
	char answer[APO_SCRAM_FINAL_SIZE];
	uint8_t proof[APO_SCRAM_HASH_BYTES];
	size_t len, i;

	apo_scram_base64(header, sizeof header, (const uint8_t *)scram->header,
			 strlen(scram->header));
	len = (size_t)snprintf(text, sizeof text, "c=%s,r=%s", header, scram->nonce);
	apo_scram_sign(keys.stored_key, scram->messages, text, len, proof);
	for (i = 0; i < sizeof proof; i++)
		proof[i] ^= client_key[i];
	snprintf(text + len, sizeof text - len, ",p=%s",
		 apo_scram_base64(base64, sizeof base64, proof, sizeof proof));
	assert(!apo_scram_on_final(scram, &keys, text, strlen(text), answer));
	assert(strlen(answer) == APO_SCRAM_FINAL_SIZE - 1);
	text[len - 1] ^= 1;
	assert(apo_scram_on_final(scram, &keys, text, strlen(text), answer));
}

static void check_server(const char *first, size_t first_len, const char *final, size_t final_len)
{
	char answer[APO_SCRAM_FINAL_SIZE];
	struct apo_scram scram;
	const char *challenge;

	if (apo_scram_on_first(&scram, first, first_len))
		return;
	assert(scram.user[0] && scram.nonce[0] && strlen(scram.header) >= 3);
	challenge = apo_scram_challenge(&scram, NONCE, &keys);
	assert(strstr(challenge, NONCE ",s=") && strstr(challenge, ",i=4096"));
	assert(apo_scram_on_final(&scram, &keys, final, final_len, answer));
	log_in(&scram);
}

/* Real numbers of iterations would take most of the time. */
static bool is_quick(const char *challenge)
{
	const char *at = strstr(challenge, "i=");
	unsigned long iterations = 0;

	for (; at; at = strstr(at + 1, "i=")) {
		iterations = strtoul(at + 2, NULL, 10);
		if (iterations > APO_SCRAM_ITERATIONS_MIN && iterations <= APO_SCRAM_ITERATIONS_MAX)
			return false;
	}
	return true;
}

static void check_client(const char *challenge)
{
	char text[APO_SCRAM_MESSAGE_BYTES_MAX * 2];
	struct apo_scram_client client;

	assert(apo_scram_begin(&client, "dan", NONCE, text));
	if (!is_quick(challenge) || !apo_scram_answer(&client, "pencil", challenge, text))
		return;
	assert(strncmp(challenge, "r=" NONCE, sizeof NONCE + 1) == 0);
	assert(strncmp(text, "c=biws,r=" NONCE, sizeof NONCE + 8) == 0 && strstr(text, ",p="));
	assert(!apo_scram_is_server_right(&client, challenge));
	assert(apo_scram_is_server_right(&client, client.final));
}

static void check_keys(const char *text)
{
	char again[APO_SCRAM_KEYS_SIZE];
	struct apo_scram_keys read;

	if (apo_scram_read_keys(&read, text)) {
		apo_scram_write_keys(&read, again);
		assert(strcmp(again, text) == 0);
	}
	(void)apo_secret_is_valid(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *first, *final, *challenge, *text;
	size_t first_len, final_len, len;

	crypto_hash_sha256(keys.stored_key, client_key, sizeof client_key);
	first = next_line(&data, &size, &first_len);
	final = next_line(&data, &size, &final_len);
	challenge = next_line(&data, &size, &len);
	text = next_line(&data, &size, &len);
	check_server(first, first_len, final, final_len);
	check_client(challenge);
	check_keys(text);
	free(first);
	free(final);
	free(challenge);
	free(text);
	return 0;
}
