/* SPDX-License-Identifier: MIT */
#include "engine/config/authorized_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "engine/config/authorized_private.h"

#define KEYS_AT_FIRST 16

static const char *const texts[] = {
#define TEXT(name, text) text,
	RUDP_AUTHORIZATIONS(TEXT)
#undef TEXT
};

const char *rudp_authorization_text(enum rudp_authorization authorization)
{
	return texts[authorization];
}

static bool add(struct rudp_authorized_keys *keys, const struct rudp_authorized_key *key,
		const char *path, char *text)
{
	bool is_full = keys->count == RUDP_AUTHORIZED_KEYS_MAX;

	if (is_full || !RUDP_GROW(keys->list, keys->count, keys->capacity, KEYS_AT_FIRST))
		return rudp_key_fault_at(text, path, key->line, 1,
					 is_full ? "there are more than 4096 keys"
						 : "there is no memory for this key",
					 "expected a shorter file");
	keys->list[keys->count++] = *key;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct rudp_authorized_key *left = a, *right = b;
	int order = memcmp(left->public_key, right->public_key, sizeof left->public_key);

	return order ? order : (left->line > right->line) - (left->line < right->line);
}

bool rudp_authorized_keys_parse(struct rudp_authorized_keys *keys, const char *content, size_t len,
				const char *path, char text[RUDP_KEY_TEXT_SIZE])
{
	struct rudp_key_line line = {.number = 0};
	const char *at = content, *end = content + len;
	struct rudp_authorized_key key;
	bool ok = true;

	*keys = (struct rudp_authorized_keys){.count = 0};
	while (ok && rudp_key_line_next(&at, end, &line))
		ok = rudp_authorized_key_read(&key, &line, path, text) &&
		     add(keys, &key, path, text);
	if (!ok)
		rudp_authorized_keys_fini(keys);
	else if (keys->count > 0)
		qsort(keys->list, keys->count, sizeof keys->list[0], compare);
	return ok;
}

bool rudp_authorized_keys_load(struct rudp_authorized_keys *keys, const char *path,
			       char text[RUDP_KEY_TEXT_SIZE])
{
	char *content;
	size_t len;
	bool ok;

	*keys = (struct rudp_authorized_keys){.count = 0};
	if (rudp_key_content_read(&content, &len, path, RUDP_KEY_FILE_PUBLIC,
				  RUDP_AUTHORIZED_KEYS_BYTES_MAX, NULL, text) < 0)
		return false;
	ok = rudp_authorized_keys_parse(keys, content, len, path, text);
	rudp_key_content_free(content, len);
	return ok;
}

void rudp_authorized_keys_fini(struct rudp_authorized_keys *keys)
{
	free(keys->list);
	*keys = (struct rudp_authorized_keys){.count = 0};
}

/* The lines of a key; *end points after the last one. */
static const struct rudp_authorized_key *lines_of(const struct rudp_authorized_keys *keys,
						  const uint8_t public_key[RUDP_IDENTITY_BYTES],
						  const struct rudp_authorized_key **end)
{
	unsigned low = 0, high = keys ? keys->count : 0, after;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (memcmp(keys->list[middle].public_key, public_key, RUDP_IDENTITY_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (after = low;
	     keys && after < keys->count &&
	     memcmp(keys->list[after].public_key, public_key, RUDP_IDENTITY_BYTES) == 0;)
		after++;
	*end = keys && keys->list ? keys->list + after : NULL;
	return keys && keys->list ? keys->list + low : NULL;
}

static bool has_port(const struct rudp_authorized_key *key, uint16_t port)
{
	for (unsigned i = 0; i < key->port_count; i++)
		if (port >= key->ports[i].min && port <= key->ports[i].max)
			return true;
	return key->port_count == 0;
}

static bool has_address(const struct rudp_authorized_key *key, const struct rudp_addr *from)
{
	for (unsigned i = 0; i < key->network_count; i++)
		if (rudp_policy_network_has(&key->networks[i], from))
			return true;
	return key->network_count == 0;
}

static bool has_group(const struct rudp_authorized_key *key, const char *group, size_t len)
{
	for (unsigned i = 0; i < key->group_count; i++)
		if (strlen(key->groups[i]) == len && memcmp(key->groups[i], group, len) == 0)
			return true;
	return false;
}

/* who: names and groups, separated by commas; NULL: everybody. */
static bool is_one_of(const struct rudp_authorized_key *key, const char *who)
{
	while (who) {
		size_t len = strcspn(who, ",");
		bool is_this = who[0] == '@' ? has_group(key, who + 1, len - 1)
					     : strlen(key->name) == len &&
						       memcmp(key->name, who, len) == 0;

		if (is_this)
			return true;
		if (!who[len])
			return false;
		who += len + 1;
	}
	return true;
}

static enum rudp_authorization check_line(const struct rudp_authorized_key *key, uint16_t port,
					  const struct rudp_addr *from, int64_t now_s,
					  const char *who)
{
	if (key->is_revoked)
		return RUDP_AUTHORIZATION_REVOKED;
	if (now_s >= key->expires_s)
		return RUDP_AUTHORIZATION_EXPIRED;
	if (!has_port(key, port))
		return RUDP_AUTHORIZATION_WRONG_PORT;
	if (!has_address(key, from))
		return RUDP_AUTHORIZATION_WRONG_ADDRESS;
	return is_one_of(key, who) ? RUDP_AUTHORIZATION_OK : RUDP_AUTHORIZATION_NOT_MEMBER;
}

enum rudp_authorization rudp_authorized_keys_check(const struct rudp_authorized_keys *keys,
						   const uint8_t public_key[RUDP_IDENTITY_BYTES],
						   uint16_t listen_port,
						   const struct rudp_addr *from, int64_t now_s,
						   const char *who, const char **name)
{
	const struct rudp_authorized_key *end, *first = lines_of(keys, public_key, &end);
	enum rudp_authorization found = RUDP_AUTHORIZATION_UNKNOWN;
	const char *by = NULL;

	for (const struct rudp_authorized_key *at = first; at < end; at++) {
		enum rudp_authorization now = check_line(at, listen_port, from, now_s, who);

		if (now != RUDP_AUTHORIZATION_REVOKED && found == RUDP_AUTHORIZATION_OK)
			continue;
		found = now;
		by = at->name[0] ? at->name : by;
		if (now == RUDP_AUTHORIZATION_REVOKED)
			break;
	}
	if (name)
		*name = by;
	return found;
}

bool rudp_authorized_keys_is_revoked(const struct rudp_authorized_keys *keys,
				     const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	const struct rudp_authorized_key *end, *at = lines_of(keys, public_key, &end);

	for (; at < end; at++)
		if (at->is_revoked)
			return true;
	return false;
}

const char *rudp_authorized_keys_name(const struct rudp_authorized_keys *keys,
				      const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	const struct rudp_authorized_key *end, *at = lines_of(keys, public_key, &end);

	for (; at < end; at++)
		if (at->name[0])
			return at->name;
	return NULL;
}

bool rudp_authorized_keys_line(const struct rudp_authorized_keys *keys, unsigned index,
			       struct rudp_authorized_line *line)
{
	const struct rudp_authorized_key *key;

	if (index >= keys->count)
		return false;
	key = &keys->list[index];
	*line = (struct rudp_authorized_line){key->line, key->name, key->public_key, key->expires_s,
					      key->is_revoked};
	return true;
}
