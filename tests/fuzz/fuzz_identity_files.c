/* SPDX-License-Identifier: MIT */
/*
 * Files of identities: a text is accepted or refused as a whole. A refusal names the file, the line
 * and the column, or the byte of a file that is no text. What is accepted answers questions about
 * its own keys. The first byte chooses the file.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/config/authorized_keys.h"
#include "engine/config/known_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text[RUDP_KEY_TEXT_SIZE];

static void expect_place(void)
{
	unsigned line = 0, column = 0;

	if (sscanf(text, "f:%u:%u: ", &line, &column) == 2 && line > 0 && column > 0)
		return;
	if (strncmp(text, "f: is not a text file: byte ", 28) == 0)
		return;
	fprintf(stderr, "no place in: %s\n", text);
	assert(false);
}

static void identity(const char *content, size_t len)
{
	struct rudp_identity identity;
	uint8_t key[RUDP_IDENTITY_BYTES];
	char again[RUDP_IDENTITY_TEXT_SIZE];

	if (rudp_identity_parse(&identity, content, len, "f", text)) {
		rudp_identity_format(&identity, again);
		assert(rudp_identity_parse(&identity, again, strlen(again), "f", text));
	} else {
		expect_place();
	}
	if (!rudp_public_key_parse(key, content, len, "f", text))
		expect_place();
}

static void hosts(const char *content, size_t len)
{
	struct rudp_known_hosts hosts = {.entries = NULL};
	uint8_t key[RUDP_IDENTITY_BYTES];
	unsigned line;

	if (!rudp_known_hosts_parse(&hosts, content, len, "f", text)) {
		expect_place();
		assert(hosts.count == 0 && !hosts.entries);
		return;
	}
	for (unsigned i = 0; i < hosts.count; i++) {
		const struct rudp_known_host_entry *entry = &hosts.entries[i];
		enum rudp_known_host found = RUDP_HOST_KNOWN;

		if (entry->kind == RUDP_HOST_ADDRESS) {
			struct rudp_addr addr = {.family = AF_INET};

			assert(rudp_known_hosts_is_host(entry->host));
			found = rudp_known_hosts_find_name(&hosts, entry->host, key, &line);
			(void)rudp_known_hosts_find(&hosts, &addr, key, &line);
		} else if (entry->kind == RUDP_HOST_REVOKED_KEY) {
			assert(rudp_known_hosts_is_revoked(&hosts, entry->public_key));
			assert(!rudp_known_hosts_find_key(&hosts, entry->public_key));
		} else {
			found = rudp_known_hosts_find_name(&hosts, entry->host, key, &line);
		}
		assert(found != RUDP_HOST_UNKNOWN);
	}
	rudp_known_hosts_fini(&hosts);
}

static void authorized(const char *content, size_t len)
{
	struct rudp_authorized_keys keys = {.list = NULL};
	struct rudp_authorized_line line;
	struct rudp_addr from;

	if (!rudp_authorized_keys_parse(&keys, content, len, "f", text)) {
		expect_place();
		assert(keys.count == 0 && !keys.list);
		return;
	}
	assert(rudp_addr_parse(&from, "10.1.2.3:4") == 0);
	for (unsigned i = 0; rudp_authorized_keys_line(&keys, i, &line); i++) {
		enum rudp_authorization found = rudp_authorized_keys_check(
			&keys, line.public_key, 22, &from, 0, NULL, NULL);

		assert(found != RUDP_AUTHORIZATION_UNKNOWN);
		assert(!line.is_revoked || found == RUDP_AUTHORIZATION_REVOKED);
		assert(line.is_revoked || rudp_authorized_keys_name(&keys, line.public_key));
	}
	rudp_authorized_keys_fini(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *content = (const char *)data + 1;

	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		identity(content, size - 1);
	else if (data[0] % 3 == 1)
		hosts(content, size - 1);
	else
		authorized(content, size - 1);
	return 0;
}
