/* SPDX-License-Identifier: MIT */
/*
 * carry - values to bytes and back, by one description for both directions: a function that carries
 * a struct says each member once, and what is written is what is read.
 *
 * Model    writing grows a buffer; reading is over bytes of somebody whom nobody trusts. The cursor
 *          is sticky: after the first thing that does not fit ok is false, every later read gives 0
 *          or NULL, every later write does nothing. Integers are in network byte order.
 * Limits   APO_CARRY_BYTES_MAX, both ways.
 * Threads  none: one owner at a time.
 */
#ifndef APO_CARRY_H
#define APO_CARRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"

#define APO_CARRY_BYTES_MAX ((size_t)1 << 30)

struct apo_carry {
	bool is_reading, ok;
	uint8_t *bytes; /* writing; the carry's */
	size_t len, capacity;
	struct rudp_reader reader;
};

void apo_carry_to(struct apo_carry *carry);
/* bytes stay the caller's. */
void apo_carry_from(struct apo_carry *carry, const void *bytes, size_t len);
/* Passwords may have been in it: it is wiped. */
void apo_carry_fini(struct apo_carry *carry);

void apo_carry_u8(struct apo_carry *carry, uint8_t *value);
void apo_carry_u16(struct apo_carry *carry, uint16_t *value);
void apo_carry_u32(struct apo_carry *carry, uint32_t *value);
void apo_carry_u64(struct apo_carry *carry, uint64_t *value);
void apo_carry_i64(struct apo_carry *carry, int64_t *value);
/* An instant of the monotonic clock, or RUDP_NEVER; and a second of the wall clock, of four digits
 * of a year. */
void apo_carry_instant(struct apo_carry *carry, int64_t *at_ns);
void apo_carry_second(struct apo_carry *carry, int64_t *second);
void apo_carry_flag(struct apo_carry *carry, bool *value);
void apo_carry_bytes(struct apo_carry *carry, void *bytes, size_t len);

/* A number of things that follow, each of which takes item_bytes_min or more: a count that cannot
 * be true is not ok before anything is allocated for it. */
void apo_carry_count(struct apo_carry *carry, uint32_t *count, size_t item_bytes_min);

/* A string in a buffer of size. Read, it is a part of a line: UTF-8, and no NUL, CR or LF is in it.
 */
void apo_carry_string(struct apo_carry *carry, char *text, size_t size);
/* A string of at most max bytes that was allocated, or NULL. Read, it is allocated, too. */
void apo_carry_text(struct apo_carry *carry, char **text, size_t max);

#define APO_CARRY_COUNTERS_MAX 64
/* Counters by name: what another version does not know stays as it is. */
void apo_carry_counters(struct apo_carry *carry, const char *const *names, uint32_t count,
			uint64_t *values);

/* What was read is not what it could be. */
void apo_carry_expect(struct apo_carry *carry, bool is_right);
/* All has been read, and all was right. */
bool apo_carry_is_whole(const struct apo_carry *carry);

#endif
