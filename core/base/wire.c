/* SPDX-License-Identifier: MIT */
#include "base/wire.h"

#include <assert.h>
#include <string.h>

/* The two top bits of the first byte of a varint are the binary logarithm of its size. */
#define VARINT_SIZE_SHIFT 6
#define VARINT_VALUE_MASK 0x3f

const uint8_t *rudp_read_bytes(struct rudp_reader *r, size_t len)
{
	const uint8_t *bytes = r->next;

	if (!r->ok || len > rudp_reader_left(r)) {
		r->ok = false;
		return NULL;
	}
	r->next += len;
	return bytes;
}

static uint64_t read_uint(struct rudp_reader *r, size_t size)
{
	const uint8_t *bytes = rudp_read_bytes(r, size);
	uint64_t value = 0;

	if (!bytes)
		return 0;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint8_t rudp_read_u8(struct rudp_reader *r)
{
	return (uint8_t)read_uint(r, sizeof(uint8_t));
}

uint16_t rudp_read_u16(struct rudp_reader *r)
{
	return (uint16_t)read_uint(r, sizeof(uint16_t));
}

uint32_t rudp_read_u32(struct rudp_reader *r)
{
	return (uint32_t)read_uint(r, sizeof(uint32_t));
}

uint64_t rudp_read_u64(struct rudp_reader *r)
{
	return read_uint(r, sizeof(uint64_t));
}

uint64_t rudp_read_varint(struct rudp_reader *r)
{
	uint64_t first = rudp_read_u8(r);
	size_t rest_size = ((size_t)1 << (first >> VARINT_SIZE_SHIFT)) - 1;
	uint64_t rest = read_uint(r, rest_size);

	if (!r->ok)
		return 0;
	return (first & VARINT_VALUE_MASK) << (8 * rest_size) | rest;
}

/* Returns a pointer to len bytes to write and skips them, or NULL. */
static uint8_t *take_room(struct rudp_writer *w, size_t len)
{
	uint8_t *bytes = w->next;

	if (!w->ok || len > rudp_writer_room(w)) {
		w->ok = false;
		return NULL;
	}
	w->next += len;
	return bytes;
}

static void write_uint(struct rudp_writer *w, uint64_t value, size_t size)
{
	uint8_t *bytes = take_room(w, size);

	if (!bytes)
		return;
	for (size_t i = size; i > 0; i--, value >>= 8)
		bytes[i - 1] = (uint8_t)value;
}

void rudp_write_u8(struct rudp_writer *w, uint8_t value)
{
	write_uint(w, value, sizeof value);
}

void rudp_write_u16(struct rudp_writer *w, uint16_t value)
{
	write_uint(w, value, sizeof value);
}

void rudp_write_u32(struct rudp_writer *w, uint32_t value)
{
	write_uint(w, value, sizeof value);
}

void rudp_write_u64(struct rudp_writer *w, uint64_t value)
{
	write_uint(w, value, sizeof value);
}

void rudp_write_varint(struct rudp_writer *w, uint64_t value)
{
	size_t size;
	uint64_t size_log2;

	if (value > RUDP_VARINT_MAX) {
		w->ok = false;
		return;
	}
	size = rudp_varint_size(value);
	size_log2 = (uint64_t)__builtin_ctzll(size);
	write_uint(w, value | size_log2 << (8 * size - 2), size);
}

void rudp_write_bytes(struct rudp_writer *w, const void *data, size_t len)
{
	uint8_t *bytes = take_room(w, len);

	if (bytes && len)
		memcpy(bytes, data, len);
}

void rudp_write_zeros(struct rudp_writer *w, size_t len)
{
	uint8_t *bytes = take_room(w, len);

	if (bytes && len)
		memset(bytes, 0, len);
}

size_t rudp_varint_size(uint64_t value)
{
	assert(value <= RUDP_VARINT_MAX);
	if (value < UINT64_C(1) << 6)
		return 1;
	if (value < UINT64_C(1) << 14)
		return 2;
	if (value < UINT64_C(1) << 30)
		return 4;
	return 8;
}
