/* SPDX-License-Identifier: MIT */
#include "conversation/model/serializer.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "conversation/irc/utf8.h"

#define SECOND_MAX INT64_C(253402300799) /* the last second of the year 9999 */
#define FIRST_BYTES ((size_t)4096)

void apo_serializer_to(struct apo_serializer *serializer)
{
	*serializer = (struct apo_serializer){.ok = true};
}

void apo_serializer_from(struct apo_serializer *serializer, const void *bytes, size_t len)
{
	*serializer = (struct apo_serializer){.is_reading = true,
					      .ok = len <= APO_SERIALIZER_BYTES_MAX,
					      .reader = rudp_reader(bytes, len)};
}

void apo_serializer_fini(struct apo_serializer *serializer)
{
	if (serializer->bytes)
		explicit_bzero(serializer->bytes, serializer->len);
	free(serializer->bytes);
	*serializer = (struct apo_serializer){0};
}

/* realloc would leave secrets behind in freed memory. */
static bool grow(struct apo_serializer *serializer, size_t more)
{
	size_t capacity = serializer->capacity ? serializer->capacity : FIRST_BYTES;
	uint8_t *bytes;

	while (capacity - serializer->len < more && capacity < APO_SERIALIZER_BYTES_MAX)
		capacity *= 2;
	bytes = capacity - serializer->len < more ? NULL : malloc(capacity);
	if (!bytes)
		return false;
	if (serializer->bytes) {
		memcpy(bytes, serializer->bytes, serializer->len);
		explicit_bzero(serializer->bytes, serializer->len);
	}
	free(serializer->bytes);
	serializer->bytes = bytes;
	serializer->capacity = capacity;
	return true;
}

static uint8_t *reserve(struct apo_serializer *serializer, size_t len)
{
	uint8_t *at;

	if (!serializer->ok ||
	    (serializer->capacity - serializer->len < len && !grow(serializer, len))) {
		serializer->ok = false;
		return NULL;
	}
	at = serializer->bytes + serializer->len;
	serializer->len += len;
	return at;
}

void apo_serializer_bytes(struct apo_serializer *serializer, void *bytes, size_t len)
{
	const uint8_t *from;
	uint8_t *to;

	if (len == 0)
		return;
	if (!serializer->is_reading) {
		if ((to = reserve(serializer, len)))
			memcpy(to, bytes, len);
		return;
	}
	from = serializer->ok ? rudp_read_bytes(&serializer->reader, len) : NULL;
	if (from)
		memcpy(bytes, from, len);
	else
		memset(bytes, 0, len);
	serializer->ok = from != NULL;
}

static uint64_t integer(struct apo_serializer *serializer, uint64_t value, size_t len)
{
	uint8_t bytes[8];
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)(value >> 8 * (len - 1 - i));
	apo_serializer_bytes(serializer, bytes, len);
	for (value = 0, i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

void apo_serializer_u8(struct apo_serializer *serializer, uint8_t *value)
{
	*value = (uint8_t)integer(serializer, *value, 1);
}

void apo_serializer_u16(struct apo_serializer *serializer, uint16_t *value)
{
	*value = (uint16_t)integer(serializer, *value, 2);
}

void apo_serializer_u32(struct apo_serializer *serializer, uint32_t *value)
{
	*value = (uint32_t)integer(serializer, *value, 4);
}

void apo_serializer_u64(struct apo_serializer *serializer, uint64_t *value)
{
	*value = integer(serializer, *value, 8);
}

void apo_serializer_i64(struct apo_serializer *serializer, int64_t *value)
{
	*value = (int64_t)integer(serializer, (uint64_t)*value, 8);
}

/* The bound leaves room in 64 bits for the spans that are added to a time. */
void apo_serializer_instant(struct apo_serializer *serializer, int64_t *at_ns)
{
	apo_serializer_i64(serializer, at_ns);
	apo_serializer_expect(serializer,
			      (*at_ns >= 0 && *at_ns < INT64_MAX / 4) || *at_ns == RUDP_NEVER);
	*at_ns = serializer->ok ? *at_ns : 0;
}

void apo_serializer_second(struct apo_serializer *serializer, int64_t *second)
{
	apo_serializer_i64(serializer, second);
	apo_serializer_expect(serializer, *second >= 0 && *second <= SECOND_MAX);
	*second = serializer->ok ? *second : 0;
}

void apo_serializer_flag(struct apo_serializer *serializer, bool *value)
{
	uint8_t byte =
		serializer->is_reading ? 0 : *value; /* reading: *value may be uninitialized */

	apo_serializer_u8(serializer, &byte);
	apo_serializer_expect(serializer, byte <= 1);
	*value = byte == 1;
}

void apo_serializer_count(struct apo_serializer *serializer, uint32_t *count, size_t item_bytes_min)
{
	apo_serializer_u32(serializer, count);
	if (serializer->is_reading &&
	    *count > rudp_reader_left(&serializer->reader) / item_bytes_min) {
		serializer->ok = false;
		*count = 0;
	}
}

static bool is_line(const char *text, size_t len)
{
	return !memchr(text, '\0', len) && !memchr(text, '\r', len) && !memchr(text, '\n', len) &&
	       apo_utf8_is_valid(text, len);
}

void apo_serializer_string(struct apo_serializer *serializer, char *text, size_t size)
{
	uint32_t len = serializer->is_reading ? 0 : (uint32_t)strlen(text);

	apo_serializer_u32(serializer, &len);
	apo_serializer_expect(serializer, len < size);
	if (!serializer->ok)
		len = 0;
	apo_serializer_bytes(serializer, text, len);
	if (!serializer->is_reading)
		return;
	apo_serializer_expect(serializer, is_line(text, len));
	text[serializer->ok ? len : 0] = '\0';
}

void apo_serializer_text(struct apo_serializer *serializer, char **text, size_t max)
{
	bool is_there = !serializer->is_reading && *text;
	uint32_t len = is_there ? (uint32_t)strlen(*text) : 0;

	if (serializer->is_reading)
		*text = NULL;
	apo_serializer_flag(serializer, &is_there);
	if (!is_there)
		return;
	apo_serializer_u32(serializer, &len);
	apo_serializer_expect(serializer, len <= max);
	if (serializer->ok && serializer->is_reading && !(*text = calloc(1, (size_t)len + 1)))
		serializer->ok = false;
	if (!serializer->ok)
		return;
	apo_serializer_bytes(serializer, *text, len);
	if (serializer->is_reading)
		apo_serializer_expect(serializer, is_line(*text, len));
}

void apo_serializer_counters(struct apo_serializer *serializer, const char *const *names,
			     uint32_t count, uint64_t *values)
{
	uint32_t theirs = count, i, j;
	uint64_t value = 0;
	char name[64];

	apo_serializer_u32(serializer, &theirs);
	apo_serializer_expect(serializer, theirs <= APO_SERIALIZER_COUNTERS_MAX);
	for (i = 0; i < theirs && serializer->ok; i++) {
		if (!serializer->is_reading) {
			strcpy(name, names[i]);
			value = values[i];
		}
		apo_serializer_string(serializer, name, sizeof name);
		apo_serializer_u64(serializer, &value);
		for (j = 0; j < count && serializer->ok; j++)
			if (strcmp(names[j], name) == 0)
				values[j] = value;
	}
}

void apo_serializer_expect(struct apo_serializer *serializer, bool is_right)
{
	serializer->ok = serializer->ok && is_right;
}

bool apo_serializer_is_whole(const struct apo_serializer *serializer)
{
	return serializer->ok && rudp_reader_left(&serializer->reader) == 0;
}
