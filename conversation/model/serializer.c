/* SPDX-License-Identifier: MIT */
#include "conversation/model/serializer.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "conversation/irc/utf8.h"

#define SECOND_MAX INT64_C(253402300799) /* the last of the year 9999 */
#define FIRST_BYTES ((size_t)4096)

void apo_carry_to(struct apo_carry *carry)
{
	*carry = (struct apo_carry){.ok = true};
}

void apo_carry_from(struct apo_carry *carry, const void *bytes, size_t len)
{
	*carry = (struct apo_carry){.is_reading = true,
				    .ok = len <= APO_CARRY_BYTES_MAX,
				    .reader = rudp_reader(bytes, len)};
}

void apo_carry_fini(struct apo_carry *carry)
{
	if (carry->bytes)
		explicit_bzero(carry->bytes, carry->len);
	free(carry->bytes);
	*carry = (struct apo_carry){0};
}

/* realloc would leave what was a secret in memory that is free. */
static bool grow(struct apo_carry *carry, size_t more)
{
	size_t capacity = carry->capacity ? carry->capacity : FIRST_BYTES;
	uint8_t *bytes;

	while (capacity - carry->len < more && capacity < APO_CARRY_BYTES_MAX)
		capacity *= 2;
	bytes = capacity - carry->len < more ? NULL : malloc(capacity);
	if (!bytes)
		return false;
	if (carry->bytes) {
		memcpy(bytes, carry->bytes, carry->len);
		explicit_bzero(carry->bytes, carry->len);
	}
	free(carry->bytes);
	carry->bytes = bytes;
	carry->capacity = capacity;
	return true;
}

static uint8_t *reserve(struct apo_carry *carry, size_t len)
{
	uint8_t *at;

	if (!carry->ok || (carry->capacity - carry->len < len && !grow(carry, len))) {
		carry->ok = false;
		return NULL;
	}
	at = carry->bytes + carry->len;
	carry->len += len;
	return at;
}

void apo_carry_bytes(struct apo_carry *carry, void *bytes, size_t len)
{
	const uint8_t *from;
	uint8_t *to;

	if (len == 0)
		return;
	if (!carry->is_reading) {
		if ((to = reserve(carry, len)))
			memcpy(to, bytes, len);
		return;
	}
	from = carry->ok ? rudp_read_bytes(&carry->reader, len) : NULL;
	if (from)
		memcpy(bytes, from, len);
	else
		memset(bytes, 0, len);
	carry->ok = from != NULL;
}

static uint64_t integer(struct apo_carry *carry, uint64_t value, size_t len)
{
	uint8_t bytes[8];
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)(value >> 8 * (len - 1 - i));
	apo_carry_bytes(carry, bytes, len);
	for (value = 0, i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

void apo_carry_u8(struct apo_carry *carry, uint8_t *value)
{
	*value = (uint8_t)integer(carry, *value, 1);
}

void apo_carry_u16(struct apo_carry *carry, uint16_t *value)
{
	*value = (uint16_t)integer(carry, *value, 2);
}

void apo_carry_u32(struct apo_carry *carry, uint32_t *value)
{
	*value = (uint32_t)integer(carry, *value, 4);
}

void apo_carry_u64(struct apo_carry *carry, uint64_t *value)
{
	*value = integer(carry, *value, 8);
}

void apo_carry_i64(struct apo_carry *carry, int64_t *value)
{
	*value = (int64_t)integer(carry, (uint64_t)*value, 8);
}

/* What is added to it fits. */
void apo_carry_instant(struct apo_carry *carry, int64_t *at_ns)
{
	apo_carry_i64(carry, at_ns);
	apo_carry_expect(carry, (*at_ns >= 0 && *at_ns < INT64_MAX / 4) || *at_ns == RUDP_NEVER);
	*at_ns = carry->ok ? *at_ns : 0;
}

void apo_carry_second(struct apo_carry *carry, int64_t *second)
{
	apo_carry_i64(carry, second);
	apo_carry_expect(carry, *second >= 0 && *second <= SECOND_MAX);
	*second = carry->ok ? *second : 0;
}

void apo_carry_flag(struct apo_carry *carry, bool *value)
{
	uint8_t byte = carry->is_reading ? 0 : *value; /* which may be anything before */

	apo_carry_u8(carry, &byte);
	apo_carry_expect(carry, byte <= 1);
	*value = byte == 1;
}

void apo_carry_count(struct apo_carry *carry, uint32_t *count, size_t item_bytes_min)
{
	apo_carry_u32(carry, count);
	if (carry->is_reading && *count > rudp_reader_left(&carry->reader) / item_bytes_min) {
		carry->ok = false;
		*count = 0;
	}
}

static bool is_line(const char *text, size_t len)
{
	return !memchr(text, '\0', len) && !memchr(text, '\r', len) && !memchr(text, '\n', len) &&
	       apo_utf8_is_valid(text, len);
}

void apo_carry_string(struct apo_carry *carry, char *text, size_t size)
{
	uint32_t len = carry->is_reading ? 0 : (uint32_t)strlen(text);

	apo_carry_u32(carry, &len);
	apo_carry_expect(carry, len < size);
	if (!carry->ok)
		len = 0;
	apo_carry_bytes(carry, text, len);
	if (!carry->is_reading)
		return;
	apo_carry_expect(carry, is_line(text, len));
	text[carry->ok ? len : 0] = '\0';
}

void apo_carry_text(struct apo_carry *carry, char **text, size_t max)
{
	bool is_there = !carry->is_reading && *text;
	uint32_t len = is_there ? (uint32_t)strlen(*text) : 0;

	if (carry->is_reading)
		*text = NULL;
	apo_carry_flag(carry, &is_there);
	if (!is_there)
		return;
	apo_carry_u32(carry, &len);
	apo_carry_expect(carry, len <= max);
	if (carry->ok && carry->is_reading && !(*text = calloc(1, (size_t)len + 1)))
		carry->ok = false;
	if (!carry->ok)
		return;
	apo_carry_bytes(carry, *text, len);
	if (carry->is_reading)
		apo_carry_expect(carry, is_line(*text, len));
}

void apo_carry_counters(struct apo_carry *carry, const char *const *names, uint32_t count,
			uint64_t *values)
{
	uint32_t theirs = count, i, j;
	uint64_t value = 0;
	char name[64];

	apo_carry_u32(carry, &theirs);
	apo_carry_expect(carry, theirs <= APO_CARRY_COUNTERS_MAX);
	for (i = 0; i < theirs && carry->ok; i++) {
		if (!carry->is_reading) {
			strcpy(name, names[i]);
			value = values[i];
		}
		apo_carry_string(carry, name, sizeof name);
		apo_carry_u64(carry, &value);
		for (j = 0; j < count && carry->ok; j++)
			if (strcmp(names[j], name) == 0)
				values[j] = value;
	}
}

void apo_carry_expect(struct apo_carry *carry, bool is_right)
{
	carry->ok = carry->ok && is_right;
}

bool apo_carry_is_whole(const struct apo_carry *carry)
{
	return carry->ok && rudp_reader_left(&carry->reader) == 0;
}
