/* SPDX-License-Identifier: MIT */
/*
 * The header of a proxy: a whole header stays the same whatever follows, and none of its beginnings
 * is another one. The client in X-Forwarded-For and Forwarded.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parses a copy without a byte more, so that reading beyond its end is found. */
static enum apo_proxy_verdict parse(const uint8_t *data, size_t size,
				    struct apo_proxy_header *header)
{
	enum apo_proxy_verdict verdict;
	uint8_t *copy = malloc(size);

	assert(copy);
	memcpy(copy, data, size);
	verdict = apo_proxy_header_parse(copy, size, header);
	free(copy);
	return verdict;
}

static void check_header(const uint8_t *data, size_t size)
{
	struct apo_proxy_header header, part;

	if (parse(data, size, &header) != APO_PROXY_OK)
		return;
	assert(header.len <= size && header.len <= APO_PROXY_HEADER_BYTES_MAX);
	assert(!header.has_client || header.client.family == AF_INET ||
	       header.client.family == AF_INET6);
	assert(parse(data, header.len, &part) == APO_PROXY_OK && part.len == header.len);
	assert(parse(data, header.len - 1, &part) == APO_PROXY_INCOMPLETE);
}

static void check_request(const char *bytes, size_t len)
{
	struct apo_config config = {.trusted_proxy_count = 1};
	struct apo_http_request request;
	struct rudp_addr client;

	assert(apo_network_read(config.trusted_proxies, "10.0.0.0/8"));
	if (apo_http_parse(bytes, len, 0, &request) == APO_HTTP_OK &&
	    apo_forwarded_client(&config, &request, &client) == APO_PROXY_OK)
		assert(client.family == AF_INET || client.family == AF_INET6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 4096)
		return 0;
	check_header(data, size);
	check_request((const char *)data, size);
	return 0;
}
