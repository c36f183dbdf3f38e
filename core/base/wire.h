/* SPDX-License-Identifier: MIT */
/*
 * wire - bounds-checked reading and writing of integers in network byte order.
 *
 * Errors are sticky: the first access that does not fit sets ok to false. Later reads return 0 and
 * later writes do nothing, so a decoder checks ok once at the end of a step. Variable-length
 * integers are those of RFC 9000 section 16 (1, 2, 4 or 8 bytes; at most 2^62 - 1).
 */
#ifndef RUDP_BASE_WIRE_H
#define RUDP_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUDP_VARINT_MAX ((UINT64_C(1) << 62) - 1)

struct rudp_reader {
	const uint8_t *next;
	const uint8_t *end;
	bool ok;
};

struct rudp_writer {
	uint8_t *start;
	uint8_t *next;
	uint8_t *end;
	bool ok;
};

static inline struct rudp_reader rudp_reader(const void *data, size_t len)
{
	return (struct rudp_reader){data, (const uint8_t *)data + len, true};
}

static inline struct rudp_writer rudp_writer(void *data, size_t cap)
{
	return (struct rudp_writer){data, data, (uint8_t *)data + cap, true};
}

static inline size_t rudp_reader_left(const struct rudp_reader *r)
{
	return (size_t)(r->end - r->next);
}

static inline size_t rudp_writer_len(const struct rudp_writer *w)
{
	return (size_t)(w->next - w->start);
}

static inline size_t rudp_writer_room(const struct rudp_writer *w)
{
	return (size_t)(w->end - w->next);
}

uint8_t rudp_read_u8(struct rudp_reader *r);
uint16_t rudp_read_u16(struct rudp_reader *r);
uint32_t rudp_read_u32(struct rudp_reader *r);
uint64_t rudp_read_u64(struct rudp_reader *r);
uint64_t rudp_read_varint(struct rudp_reader *r);
/* Returns a pointer to the next len bytes and skips them, or NULL. */
const uint8_t *rudp_read_bytes(struct rudp_reader *r, size_t len);

void rudp_write_u8(struct rudp_writer *w, uint8_t value);
void rudp_write_u16(struct rudp_writer *w, uint16_t value);
void rudp_write_u32(struct rudp_writer *w, uint32_t value);
void rudp_write_u64(struct rudp_writer *w, uint64_t value);
/* a value above RUDP_VARINT_MAX fails */
void rudp_write_varint(struct rudp_writer *w, uint64_t value);
void rudp_write_bytes(struct rudp_writer *w, const void *data, size_t len);
void rudp_write_zeros(struct rudp_writer *w, size_t len);

/* Encoded size of value, 1, 2, 4 or 8. */
size_t rudp_varint_size(uint64_t value);

#endif
