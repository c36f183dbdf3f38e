/* SPDX-License-Identifier: MIT */
/*
 * serializer - values to bytes and back, by one description for both directions: a function that carries
 * a struct says each member once, and what is written is what is read.
 *
 * Model    writing grows a buffer; reading is over bytes of somebody whom nobody trusts. The cursor
 *          is sticky: after the first thing that does not fit ok is false, every later read gives 0
 *          or NULL, every later write does nothing. Integers are in network byte order.
 * Limits   APO_SERIALIZER_BYTES_MAX, both ways.
 * Threads  none: one owner at a time.
 */
#ifndef APO_SERIALIZER_H
#define APO_SERIALIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"

#define APO_SERIALIZER_BYTES_MAX ((size_t)1 << 30)

struct apo_serializer {
	bool is_reading, ok;
	uint8_t *bytes; /* writing; the serializer's */
	size_t len, capacity;
	struct rudp_reader reader;
};

void apo_serializer_to(struct apo_serializer *serializer);
/* bytes stay the caller's. */
void apo_serializer_from(struct apo_serializer *serializer, const void *bytes, size_t len);
/* Passwords may have been in it: it is wiped. */
void apo_serializer_fini(struct apo_serializer *serializer);

void apo_serializer_u8(struct apo_serializer *serializer, uint8_t *value);
void apo_serializer_u16(struct apo_serializer *serializer, uint16_t *value);
void apo_serializer_u32(struct apo_serializer *serializer, uint32_t *value);
void apo_serializer_u64(struct apo_serializer *serializer, uint64_t *value);
void apo_serializer_i64(struct apo_serializer *serializer, int64_t *value);
/* An instant of the monotonic clock, or RUDP_NEVER; and a second of the wall clock, of four digits
 * of a year. */
void apo_serializer_instant(struct apo_serializer *serializer, int64_t *at_ns);
void apo_serializer_second(struct apo_serializer *serializer, int64_t *second);
void apo_serializer_flag(struct apo_serializer *serializer, bool *value);
void apo_serializer_bytes(struct apo_serializer *serializer, void *bytes, size_t len);

/* A number of things that follow, each of which takes item_bytes_min or more: a count that cannot
 * be true is not ok before anything is allocated for it. */
void apo_serializer_count(struct apo_serializer *serializer, uint32_t *count,
			  size_t item_bytes_min);

/* A string in a buffer of size. Read, it is a part of a line: UTF-8, and no NUL, CR or LF is in it.
 */
void apo_serializer_string(struct apo_serializer *serializer, char *text, size_t size);
/* A string of at most max bytes that was allocated, or NULL. Read, it is allocated, too. */
void apo_serializer_text(struct apo_serializer *serializer, char **text, size_t max);

#define APO_SERIALIZER_COUNTERS_MAX 64
/* Counters by name: what another version does not know stays as it is. */
void apo_serializer_counters(struct apo_serializer *serializer, const char *const *names,
			     uint32_t count, uint64_t *values);

/* If a value that was read is not right, the whole state is refused. */
void apo_serializer_expect(struct apo_serializer *serializer, bool is_right);
/* All has been read, and all was right. */
bool apo_serializer_is_whole(const struct apo_serializer *serializer);

#endif
