/* SPDX-License-Identifier: MIT */
#include "conversation/server/config_values.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/time.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

struct unit {
	const char *name;
	int64_t size;
};

/* A number followed by one of the units. */
static bool number_and_unit(const char *text, const struct unit *units, size_t count,
			    uint64_t *number)
{
	unsigned long long value;
	char *end;
	size_t i;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	for (i = 0; i < count; i++)
		if (strcmp(end, units[i].name) == 0) {
			*number = value * (uint64_t)units[i].size;
			return value <= INT64_MAX / (uint64_t)units[i].size;
		}
	return false;
}

const char *apo_value_number(const char *text, uint64_t *number)
{
	static const struct unit units[] = {
		{"", 1}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};

	return number_and_unit(text, units, COUNT_OF(units), number)
		       ? NULL
		       : "must be a whole number, optionally followed by k, M or G";
}

const char *apo_value_span(const char *text, int64_t *span_ns)
{
	static const struct unit units[] = {
		{"", RUDP_NS_PER_S},         {"ms", RUDP_NS_PER_MS},
		{"s", RUDP_NS_PER_S},        {"m", 60 * RUDP_NS_PER_S},
		{"h", 3600 * RUDP_NS_PER_S}, {"d", 86400 * RUDP_NS_PER_S},
	};
	uint64_t value;

	if (!number_and_unit(text, units, COUNT_OF(units), &value))
		return "must be a time: a whole number followed by ms, s, m, h or d";
	*span_ns = (int64_t)value;
	return NULL;
}

const char *apo_value_bool(const char *text, bool *is)
{
	static const char *const yes[] = {"yes", "on", "true"}, *const no[] = {"no", "off",
									       "false"};
	size_t i;

	for (i = 0; i < COUNT_OF(yes); i++) {
		*is = strcasecmp(text, yes[i]) == 0;
		if (*is || strcasecmp(text, no[i]) == 0)
			return NULL;
	}
	return "must be yes or no";
}

const char *apo_value_address(const char *text, struct rudp_addr *address)
{
	char whole[RUDP_ADDR_TEXT_SIZE];
	bool has_host = strchr(text, ':') != NULL;

	if (strncmp(text, "*:", 2) == 0)
		snprintf(whole, sizeof whole, "[::]:%s", text + 2);
	else
		snprintf(whole, sizeof whole, has_host ? "%s" : "[::]:%s", text);
	if (strlen(text) + 6 > sizeof whole || rudp_addr_parse(address, whole) < 0 ||
	    rudp_addr_port(address) == 0)
		return "must be an address and a port: 127.0.0.1:6667, [::1]:6667, or a port alone";
	return NULL;
}

const char *apo_value_hex(const char *text, uint8_t *key, size_t bytes)
{
	size_t len = 0;
	bool is_hex = sodium_hex2bin(key, bytes, text, strlen(text), NULL, &len, NULL) == 0;

	return is_hex && len == bytes ? NULL : "must be 64 hexadecimal digits";
}

const char *apo_value_hash(const char *text)
{
	return crypto_pwhash_str_needs_rehash(text, crypto_pwhash_OPSLIMIT_INTERACTIVE,
					      crypto_pwhash_MEMLIMIT_INTERACTIVE) < 0
		       ? "must be a hash, made by apollonion --hash-password"
		       : NULL;
}
