/* SPDX-License-Identifier: MIT */
#include "conversation/server/cloak.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PART_BYTES 5

static uint8_t process_key[APO_CLOAK_KEY_BYTES];

int apo_cloak_init(void)
{
	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(process_key, sizeof process_key);
	return 0;
}

void apo_cloak_serialize(struct apo_serializer *serializer)
{
	apo_serializer_bytes(serializer, process_key, sizeof process_key);
}

char *apo_address_text(const struct rudp_addr *address, char text[APO_HOST_SIZE])
{
	char number[INET6_ADDRSTRLEN] = "";

	if (address->family == AF_INET)
		inet_ntop(AF_INET, &address->in4.sin_addr, number, sizeof number);
	else if (address->family == AF_INET6)
		inet_ntop(AF_INET6, &address->in6.sin6_addr, number, sizeof number);
	snprintf(text, APO_HOST_SIZE, "%s%s", number[0] == ':' ? "0" : "",
		 number[0] ? number : "local");
	return text;
}

static void part(const uint8_t *key, const uint8_t *bytes, uint8_t count,
		 char text[2 * PART_BYTES + 1])
{
	uint8_t input[1 + 16] = {count}, digest[crypto_generichash_BYTES_MIN];

	memcpy(input + 1, bytes, count);
	crypto_generichash(digest, sizeof digest, input, (size_t)1 + count, key,
			   APO_CLOAK_KEY_BYTES);
	sodium_bin2hex(text, 2 * PART_BYTES + 1, digest, PART_BYTES);
}

static const uint8_t *key_of(const struct apo_config *config)
{
	return config->has_cloak_key ? config->cloak_key : process_key;
}

/* A text begins with a letter, and what is hashed for a cloak with a length. So no text gives a
 * part of a cloak. */
void apo_cloak_derive(const struct apo_config *config, const char *text, uint8_t *to, size_t size)
{
	uint8_t digest[crypto_generichash_BYTES_MIN];

	crypto_generichash(digest, sizeof digest, (const uint8_t *)text, strlen(text),
			   key_of(config), APO_CLOAK_KEY_BYTES);
	memcpy(to, digest, size < sizeof digest ? size : sizeof digest);
}

void apo_cloak(const struct apo_config *config, const struct rudp_addr *address,
	       char host[APO_HOST_SIZE])
{
	const uint8_t *key = key_of(config);
	bool is_v4 = address->family == AF_INET;
	const uint8_t *bytes = is_v4 ? (const uint8_t *)&address->in4.sin_addr
				     : (const uint8_t *)&address->in6.sin6_addr;
	char own[2 * PART_BYTES + 1], near[2 * PART_BYTES + 1], wide[2 * PART_BYTES + 1];

	if (!config->is_cloaked || (!is_v4 && address->family != AF_INET6)) {
		apo_address_text(address, host);
		return;
	}
	part(key, bytes, is_v4 ? 4 : 16, own);
	part(key, bytes, is_v4 ? 3 : 8, near);
	part(key, bytes, is_v4 ? 2 : 6, wide);
	snprintf(host, APO_HOST_SIZE, "%s.%s.%s.ip", own, near, wide);
}
