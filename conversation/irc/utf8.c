/* SPDX-License-Identifier: MIT */
#include "conversation/irc/utf8.h"

#include <stdint.h>
#include <string.h>

#define CONTINUATIONS_MAX 3

/* A range of lead bytes, the number of continuation bytes that follow, and the valid range of the
 * first of them (RFC 3629, section 4). */
struct lead {
	uint8_t from, to, following, second_from, second_to;
};

static const struct lead leads[] = {
	{0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
	{0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
	{0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

static const struct lead *lead_of(uint8_t byte)
{
	size_t i;

	for (i = 0; i < sizeof leads / sizeof *leads; i++)
		if (byte >= leads[i].from && byte <= leads[i].to)
			return leads + i;
	return NULL;
}

static bool is_continuation(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the ASCII prefix. Most text is ASCII, so eight bytes are checked at once. */
static size_t ascii_prefix(const uint8_t *bytes, size_t len)
{
	uint64_t word;
	size_t i = 0;

	for (; i + sizeof word <= len; i += sizeof word) {
		memcpy(&word, bytes + i, sizeof word);
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < len && bytes[i] < 0x80)
		i++;
	return i;
}

static bool is_sequence(const struct lead *lead, const uint8_t *bytes, size_t len)
{
	size_t i;

	if (!lead || len < 1u + lead->following)
		return false;
	if (bytes[1] < lead->second_from || bytes[1] > lead->second_to)
		return false;
	for (i = 2; i <= lead->following; i++)
		if (!is_continuation(bytes[i]))
			return false;
	return true;
}

bool apo_utf8_is_valid(const char *bytes, size_t len)
{
	const uint8_t *b = (const uint8_t *)bytes;
	const struct lead *lead;
	size_t i = 0;

	while ((i += ascii_prefix(b + i, len - i)) < len) {
		lead = lead_of(b[i]);
		if (!is_sequence(lead, b + i, len - i))
			return false;
		i += 1u + lead->following;
	}
	return true;
}

size_t apo_utf8_cut(const char *bytes, size_t len, size_t max)
{
	size_t back = 0;

	if (len <= max)
		return len;
	while (back < CONTINUATIONS_MAX && back < max &&
	       is_continuation((uint8_t)bytes[max - back]))
		back++;
	return max - back;
}
