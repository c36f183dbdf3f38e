/* SPDX-License-Identifier: MIT */
/* Parses the words of a policy that carry a value: addresses, ports, patterns, durations. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "engine/config/policy_private.h"

#define NUMBER_DIGITS_MAX 9
#define MAPPED_PREFIX_BITS 96
#define GOOD (-1)

#define say(...) snprintf(error, RUDP_POLICY_TEXT_SIZE, __VA_ARGS__)

char *rudp_policy_quote(const char *word, size_t len, char text[RUDP_POLICY_QUOTE_SIZE])
{
	size_t room = RUDP_POLICY_QUOTE_SIZE - sizeof "''...", shown = len < room ? len : room;
	char *out = text;

	*out++ = '\'';
	for (size_t i = 0; i < shown; i++)
		*out++ = word[i] > ' ' && word[i] <= '~' ? word[i] : '?';
	if (shown < len)
		out = stpcpy(out, "...");
	strcpy(out, "'");
	return text;
}

/* Reads leading digits and returns their count. *number is undefined above NUMBER_DIGITS_MAX. */
static size_t read_digits(const char *word, size_t len, uint32_t *number)
{
	size_t digits = 0;

	*number = 0;
	while (digits < len && word[digits] >= '0' && word[digits] <= '9') {
		if (digits < NUMBER_DIGITS_MAX)
			*number = *number * 10 + (uint32_t)(word[digits] - '0');
		digits++;
	}
	return digits;
}

static bool read_number(const char *word, size_t len, uint32_t max, uint32_t *number)
{
	size_t digits = read_digits(word, len, number);

	return digits > 0 && digits == len && digits <= NUMBER_DIGITS_MAX && *number <= max;
}

static bool read_address(struct rudp_policy_network *network, const char *word, size_t len)
{
	char text[INET6_ADDRSTRLEN];

	if (len == 0 || len >= sizeof text || memchr(word, 0, len))
		return false;
	memcpy(text, word, len);
	text[len] = 0;
	network->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(network->family, text, network->bytes) == 1;
}

/* Sets all bits beyond the prefix to 0. Returns false if one of them was 1. */
static bool clear_host_bits(struct rudp_policy_network *network, unsigned bits)
{
	bool clear = true;

	for (unsigned i = network->prefix_bits; i < bits; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		clear = clear && !(network->bytes[i / 8] & bit);
		network->bytes[i / 8] &= (uint8_t)~bit;
	}
	return clear;
}

/*
 * Turns a v4-mapped IPv6 network into its IPv4 network. A program can reach the same peer by
 * ::ffff:10.0.0.0/104 and by 10.0.0.0/8, so both must match the same connections.
 */
static void unmap(struct rudp_policy_network *network)
{
	static const uint8_t mapped[12] = {[10] = 0xff, 0xff};

	if (network->family != AF_INET6 || network->prefix_bits < MAPPED_PREFIX_BITS ||
	    memcmp(network->bytes, mapped, sizeof mapped) != 0)
		return;
	network->family = AF_INET;
	network->prefix_bits -= MAPPED_PREFIX_BITS;
	memmove(network->bytes, network->bytes + sizeof mapped, 4);
	memset(network->bytes + 4, 0, sizeof network->bytes - 4);
}

int rudp_policy_read_network(struct rudp_policy_network *network, const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE])
{
	const char *slash = memchr(word, '/', len);
	size_t host_len = slash ? (size_t)(slash - word) : len;
	char quote[RUDP_POLICY_QUOTE_SIZE], right[INET6_ADDRSTRLEN];
	unsigned bits;

	memset(network, 0, sizeof *network);
	if (!read_address(network, word, host_len)) {
		say("%s is not an IPv4 or IPv6 address (host names are not allowed)",
		    rudp_policy_quote(word, host_len, quote));
		return 0;
	}
	network->prefix_bits = bits = network->family == AF_INET ? 32 : 128;
	if (slash && !read_number(slash + 1, len - host_len - 1, bits, &network->prefix_bits)) {
		say("%s is not a prefix length from 0 to %u",
		    rudp_policy_quote(slash + 1, len - host_len - 1, quote), bits);
		return (int)host_len + 1;
	}
	if (!clear_host_bits(network, bits)) {
		say("%s has bits beyond its prefix; the network is %s/%u",
		    rudp_policy_quote(word, len, quote),
		    inet_ntop(network->family, network->bytes, right, sizeof right),
		    network->prefix_bits);
		return 0;
	}
	unmap(network);
	return GOOD;
}

int rudp_policy_read_ports(uint16_t *min, uint16_t *max, const char *word, size_t len,
			   char error[RUDP_POLICY_TEXT_SIZE])
{
	const char *dash = memchr(word, '-', len);
	size_t first_len = dash ? (size_t)(dash - word) : len;
	size_t last_at = dash ? first_len + 1 : 0;
	char quote[RUDP_POLICY_QUOTE_SIZE];
	uint32_t first, last;

	if (!read_number(word, first_len, UINT16_MAX, &first) || !first) {
		say("%s is not a port from 1 to 65535", rudp_policy_quote(word, first_len, quote));
		return 0;
	}
	if (!read_number(word + last_at, len - last_at, UINT16_MAX, &last) || !last) {
		say("%s is not a port from 1 to 65535",
		    rudp_policy_quote(word + last_at, len - last_at, quote));
		return (int)last_at;
	}
	if (first > last) {
		say("the range %s ends before it begins", rudp_policy_quote(word, len, quote));
		return 0;
	}
	*min = (uint16_t)first;
	*max = (uint16_t)last;
	return GOOD;
}

/* Copies a word. Returns GOOD, or the index of a wrong character. */
static int copy_word(char *out, size_t size, const char *word, size_t len, char *error)
{
	const char *nul = memchr(word, 0, len);
	char quote[RUDP_POLICY_QUOTE_SIZE];

	if (nul) {
		say("%s: invalid character", rudp_policy_quote(word, len, quote));
		return (int)(nul - word);
	}
	if (len >= size) {
		say("%s is longer than %zu characters", rudp_policy_quote(word, len, quote),
		    size - 1);
		return 0;
	}
	memcpy(out, word, len);
	out[len] = 0;
	return GOOD;
}

int rudp_policy_read_program(char program[RUDP_POLICY_PROGRAM_SIZE], const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE])
{
	const char *slash = memchr(word, '/', len);
	char quote[RUDP_POLICY_QUOTE_SIZE];

	if (slash) {
		say("%s: a program is named without its directory",
		    rudp_policy_quote(word, len, quote));
		return (int)(slash - word);
	}
	return copy_word(program, RUDP_POLICY_PROGRAM_SIZE, word, len, error);
}

int rudp_policy_read_peer(char who[RUDP_POLICY_WHO_SIZE], const char *word, size_t len,
			  char error[RUDP_POLICY_TEXT_SIZE])
{
	char quote[RUDP_POLICY_QUOTE_SIZE];
	int index = copy_word(who, RUDP_POLICY_WHO_SIZE, word, len, error);

	if (index != GOOD || rudp_known_hosts_is_host(who))
		return index;
	say("%s is not a host as the file of known hosts has it: a name or an address, and perhaps "
	    "a port",
	    rudp_policy_quote(word, len, quote));
	return 0;
}

int rudp_policy_read_allowed(char who[RUDP_POLICY_WHO_SIZE], const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE])
{
	char quote[RUDP_POLICY_QUOTE_SIZE];
	int index = copy_word(who, RUDP_POLICY_WHO_SIZE, word, len, error);

	for (size_t at = 0; index == GOOD && at <= len; at++) {
		size_t one_len = rudp_key_until(word + at, len - at, ',');

		if (one_len != len && one_len == sizeof RUDP_POLICY_ANYONE - 1 &&
		    memcmp(word + at, RUDP_POLICY_ANYONE, one_len) == 0) {
			say("'" RUDP_POLICY_ANYONE "' does not go with other names");
			index = (int)at;
		} else if (!rudp_authorized_is_name(word + at, one_len)) {
			say("%s is not a name of authorized keys, and not a group such as @admins",
			    rudp_policy_quote(word + at, one_len, quote));
			index = (int)at;
		}
		at += one_len;
	}
	return index;
}

int rudp_policy_read_path(char path[RUDP_POLICY_PATH_SIZE], const char *word, size_t len,
			  char error[RUDP_POLICY_TEXT_SIZE])
{
	char quote[RUDP_POLICY_QUOTE_SIZE];
	int index = copy_word(path, RUDP_POLICY_PATH_SIZE, word, len, error);

	if (index != GOOD || path[0] == '/' || strncmp(path, "~/", 2) == 0)
		return index;
	say("%s is not a whole path (/...) and does not begin with ~/",
	    rudp_policy_quote(word, len, quote));
	return 0;
}

#define MS (1U << 0)
#define S (1U << 1)
#define MIN (1U << 2)
#define H (1U << 3)
#define WORDS (1U << 4) /* a word instead of a number; its value is its index */

static const struct {
	const char *name;
	int64_t ns;
} units[] = {{"ms", RUDP_NS_PER_MS},
	     {"s", RUDP_NS_PER_S},
	     {"min", 60 * RUDP_NS_PER_S},
	     {"h", 3600 * RUDP_NS_PER_S}};

#define WORDS_MAX 4

static const struct {
	const char *name;
	unsigned units; /* bits of the units that it accepts; none: a plain number */
	int64_t min, max;
	const char *expected;
	const char *words[WORDS_MAX];
} settings[RUDP_POLICY_SETTINGS_COUNT] = {
	[RUDP_POLICY_HEAD_START] = {"head-start",
				    MS | S,
				    0,
				    10 * RUDP_NS_PER_S,
				    "a duration from 0ms to 10s (as in 250ms, 2s)",
				    {NULL}},
	[RUDP_POLICY_REMEMBER] = {"remember",
				  S | MIN | H,
				  0,
				  24 * 3600 * RUDP_NS_PER_S,
				  "a duration up to 24h (as in 30s, 10min, 1h; 0 for none)",
				  {NULL}},
	[RUDP_POLICY_UDP_PORT] = {"udp-port", 0, 1, UINT16_MAX, "a port from 1 to 65535", {NULL}},
	[RUDP_POLICY_RESUME] = {"resume", WORDS, 0, 1, "on or off", {"off", "on"}},
	[RUDP_POLICY_TAIL] = {"tail", WORDS, 0, 1, "on or off", {"off", "on"}},
	[RUDP_POLICY_EARLY] = {"early", WORDS, 0, 1, "on or off", {"off", "on"}},
	[RUDP_POLICY_FIRST_CONTACT] = {"first-contact",
				       WORDS,
				       RUDP_CONTACT_OFF,
				       RUDP_CONTACT_REFUSE,
				       "off, take, ask or refuse",
				       {[RUDP_CONTACT_OFF] = "off",
					[RUDP_CONTACT_TAKE] = "take",
					[RUDP_CONTACT_ASK] = "ask",
					[RUDP_CONTACT_REFUSE] = "refuse"}},
	[RUDP_POLICY_REMOVED_PEERS] =
		{"removed-peers",
		 WORDS,
		 RUDP_REMOVED_KEEP,
		 RUDP_REMOVED_RESET,
		 "keep or reset",
		 {[RUDP_REMOVED_KEEP] = "keep", [RUDP_REMOVED_RESET] = "reset"}},
};

enum rudp_policy_setting rudp_policy_setting_find(const char *word, size_t len)
{
	enum rudp_policy_setting setting = 0;

	while (setting < RUDP_POLICY_SETTINGS_COUNT &&
	       (strlen(settings[setting].name) != len ||
		memcmp(settings[setting].name, word, len) != 0))
		setting++;
	return setting;
}

/*
 * Returns the unit in nanoseconds, or 0 if the setting does not accept this unit. The number 0
 * needs no unit.
 */
static int64_t read_unit(unsigned allowed, const char *word, size_t len, uint32_t number)
{
	if (len == 0)
		return !allowed || number == 0;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (allowed & 1U << i && strlen(units[i].name) == len &&
		    memcmp(units[i].name, word, len) == 0)
			return units[i].ns;
	return 0;
}

/* The index of a word of the setting; -1: it is none of them. */
static int find_word(enum rudp_policy_setting setting, const char *word, size_t len)
{
	for (int i = 0; i < WORDS_MAX && settings[setting].words[i]; i++)
		if (strlen(settings[setting].words[i]) == len &&
		    memcmp(settings[setting].words[i], word, len) == 0)
			return i;
	return -1;
}

int rudp_policy_read_value(enum rudp_policy_setting setting, int64_t *value, const char *word,
			   size_t len, char error[RUDP_POLICY_TEXT_SIZE])
{
	uint32_t number;
	size_t digits = read_digits(word, len, &number);
	int64_t unit = read_unit(settings[setting].units, word + digits, len - digits, number);
	int index = find_word(setting, word, len);
	char quote[RUDP_POLICY_QUOTE_SIZE];

	if (index >= 0) {
		*value = index;
		return GOOD;
	}
	if (!(settings[setting].units & WORDS) && digits > 0 && digits <= NUMBER_DIGITS_MAX &&
	    unit && number <= settings[setting].max / unit &&
	    number * unit >= settings[setting].min) {
		*value = number * unit;
		return GOOD;
	}
	say("%s is not %s", rudp_policy_quote(word, len, quote), settings[setting].expected);
	return 0;
}
