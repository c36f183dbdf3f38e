/* SPDX-License-Identifier: MIT */
/*
 * serializer - converts values to bytes and back with one description for both directions: a
 * function that serializes a struct names each member once, so reading and writing cannot differ.
 *
 * Model    Writing grows a buffer. Reading is from an untrusted source. Errors are sticky: after
 *          the first value that does not fit, ok is false, every later read gives 0 or NULL, and
 *          every later write does nothing. Integers are in network byte order.
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
	uint8_t *bytes; /* of a writer, which owns them */
	size_t len, capacity;
	struct rudp_reader reader;
};

void apo_serializer_to(struct apo_serializer *serializer);
/* The caller keeps bytes and frees them later. */
void apo_serializer_from(struct apo_serializer *serializer, const void *bytes, size_t len);
/* Wipes and frees the buffer: it may contain passwords. */
void apo_serializer_fini(struct apo_serializer *serializer);

void apo_serializer_u8(struct apo_serializer *serializer, uint8_t *value);
void apo_serializer_u16(struct apo_serializer *serializer, uint16_t *value);
void apo_serializer_u32(struct apo_serializer *serializer, uint32_t *value);
void apo_serializer_u64(struct apo_serializer *serializer, uint64_t *value);
void apo_serializer_i64(struct apo_serializer *serializer, int64_t *value);
/* A time of the monotonic clock, or RUDP_NEVER; and a second of the wall clock with a four-digit
 * year. */
void apo_serializer_instant(struct apo_serializer *serializer, int64_t *at_ns);
void apo_serializer_second(struct apo_serializer *serializer, int64_t *second);
void apo_serializer_flag(struct apo_serializer *serializer, bool *value);
void apo_serializer_bytes(struct apo_serializer *serializer, void *bytes, size_t len);

/* The number of items that follow, each of at least item_bytes_min bytes. A count that exceeds the
 * remaining bytes is an error, found before anything is allocated for it. */
void apo_serializer_count(struct apo_serializer *serializer, uint32_t *count,
			  size_t item_bytes_min);

/* A string in a buffer of that size. Reading accepts only what may be part of a line: UTF-8 without
 * NUL, CR or LF. */
void apo_serializer_string(struct apo_serializer *serializer, char *text, size_t size);
/* An allocated string of at most max bytes, or NULL. Reading allocates it. */
void apo_serializer_text(struct apo_serializer *serializer, char **text, size_t max);

#define APO_SERIALIZER_COUNTERS_MAX 64
/* Counters by name: reading leaves those unchanged that the writer does not know. */
void apo_serializer_counters(struct apo_serializer *serializer, const char *const *names,
			     uint32_t count, uint64_t *values);

#define APO_SERIALIZER_NAME(name, help) #name,
/* The same for counters that LIST(X) names, as X(name, help): a struct or an array of uint64_t. */
#define APO_SERIALIZE_COUNTERS(serializer, LIST, counters)                                         \
	do {                                                                                       \
		static const char *const names[] = {LIST(APO_SERIALIZER_NAME)};                    \
		enum { COUNT = sizeof names / sizeof *names };                                     \
		_Static_assert(sizeof(counters) == COUNT * sizeof(uint64_t), "one for each name"); \
		_Static_assert(COUNT <= APO_SERIALIZER_COUNTERS_MAX, "all can be read again");     \
		apo_serializer_counters(serializer, names, COUNT, (uint64_t *)&(counters));        \
	} while (0)

/* Refuses the whole state if is_right is false. */
void apo_serializer_expect(struct apo_serializer *serializer, bool is_right);
/* True if all bytes were read and all values were right. */
bool apo_serializer_is_whole(const struct apo_serializer *serializer);

#endif
