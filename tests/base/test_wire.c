/* SPDX-License-Identifier: MIT */
#include "base/wire.h"

#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "random.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])

Test(wire, integers_are_in_network_byte_order)
{
	static const uint8_t expected[] = {
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
		0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
	};
	uint8_t bytes[sizeof expected];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	struct rudp_reader r = rudp_reader(bytes, sizeof bytes);

	rudp_write_u8(&w, 0x01);
	rudp_write_u16(&w, 0x0203);
	rudp_write_u32(&w, 0x04050607);
	rudp_write_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
	cr_assert(eq(int, w.ok, true));
	cr_assert(eq(sz, rudp_writer_len(&w), sizeof expected));
	cr_assert(eq(sz, rudp_writer_room(&w), 0));
	cr_assert(eq(int, memcmp(bytes, expected, sizeof bytes), 0));
	cr_assert(eq(u8, rudp_read_u8(&r), 0x01));
	cr_assert(eq(u16, rudp_read_u16(&r), 0x0203));
	cr_assert(eq(u32, rudp_read_u32(&r), 0x04050607));
	cr_assert(eq(u64, rudp_read_u64(&r), UINT64_C(0x08090a0b0c0d0e0f)));
	cr_assert(eq(int, r.ok, true));
	cr_assert(eq(sz, rudp_reader_left(&r), 0));
}

/* RFC 9000, appendix A.1. */
Test(wire, varint_samples_of_the_rfc)
{
	static const struct {
		uint8_t bytes[8];
		size_t len;
		uint64_t value;
	} samples[] = {
		{{0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, 8, UINT64_C(151288809941952652)},
		{{0x9d, 0x7f, 0x3e, 0x7d}, 4, 494878333},
		{{0x7b, 0xbd}, 2, 15293},
		{{0x25}, 1, 37},
	};

	for (size_t i = 0; i < LEN(samples); i++) {
		uint8_t bytes[8];
		struct rudp_reader r = rudp_reader(samples[i].bytes, samples[i].len);
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

		cr_assert(eq(u64, rudp_read_varint(&r), samples[i].value));
		cr_assert(eq(int, r.ok, true));
		cr_assert(eq(sz, rudp_reader_left(&r), 0));
		rudp_write_varint(&w, samples[i].value);
		cr_assert(eq(sz, rudp_writer_len(&w), samples[i].len));
		cr_assert(eq(int, memcmp(bytes, samples[i].bytes, samples[i].len), 0));
	}
}

Test(wire, varint_longer_than_needed_is_read)
{
	static const uint8_t bytes[] = {0x40, 0x25};
	struct rudp_reader r = rudp_reader(bytes, sizeof bytes);

	cr_assert(eq(u64, rudp_read_varint(&r), 37));
	cr_assert(eq(int, r.ok, true));
}

Test(wire, varint_size_changes_at_the_limits)
{
	static const struct {
		uint64_t value;
		size_t size;
	} limits[] = {
		{0, 1},        {63, 1},
		{64, 2},       {16383, 2},
		{16384, 4},    {(1u << 30) - 1, 4},
		{1u << 30, 8}, {RUDP_VARINT_MAX, 8},
	};

	for (size_t i = 0; i < LEN(limits); i++) {
		uint8_t bytes[8];
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
		struct rudp_reader r = rudp_reader(bytes, limits[i].size);

		cr_assert(eq(sz, rudp_varint_size(limits[i].value), limits[i].size));
		rudp_write_varint(&w, limits[i].value);
		cr_assert(eq(sz, rudp_writer_len(&w), limits[i].size));
		cr_assert(eq(u64, rudp_read_varint(&r), limits[i].value));
		cr_assert(eq(int, r.ok, true));
	}
}

Test(wire, varint_above_the_maximum_is_not_written)
{
	uint8_t bytes[8];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	rudp_write_varint(&w, RUDP_VARINT_MAX + 1);
	cr_assert(eq(int, w.ok, false));
	cr_assert(eq(sz, rudp_writer_len(&w), 0));
}

Test(wire, varint_cut_anywhere_is_not_read)
{
	uint8_t bytes[8];

	for (unsigned size_log2 = 0; size_log2 < 4; size_log2++) {
		size_t size = (size_t)1 << size_log2;

		memset(bytes, 0xff, sizeof bytes);
		bytes[0] = (uint8_t)(size_log2 << 6 | 0x3f);
		for (size_t len = 0; len < size; len++) {
			struct rudp_reader r = rudp_reader(bytes, len);

			cr_assert(eq(u64, rudp_read_varint(&r), 0));
			cr_assert(eq(int, r.ok, false));
		}
	}
}

Test(wire, reader_stays_failed)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct rudp_reader r = rudp_reader(bytes, sizeof bytes);

	cr_assert(eq(u32, rudp_read_u32(&r), 0));
	cr_assert(eq(int, r.ok, false));
	cr_assert(eq(u8, rudp_read_u8(&r), 0));
	cr_assert(eq(u16, rudp_read_u16(&r), 0));
	cr_assert(eq(u64, rudp_read_u64(&r), 0));
	cr_assert(eq(u64, rudp_read_varint(&r), 0));
	cr_assert(eq(ptr, (void *)rudp_read_bytes(&r, 0), NULL));
	cr_assert(eq(int, r.ok, false));
	cr_assert(eq(sz, rudp_reader_left(&r), 3));
}

Test(wire, writer_stays_failed)
{
	uint8_t bytes[3] = {7, 7, 7};
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	rudp_write_u32(&w, 0);
	cr_assert(eq(int, w.ok, false));
	rudp_write_u8(&w, 1);
	rudp_write_u16(&w, 1);
	rudp_write_u64(&w, 1);
	rudp_write_varint(&w, 1);
	rudp_write_bytes(&w, "x", 1);
	rudp_write_zeros(&w, 1);
	cr_assert(eq(int, w.ok, false));
	cr_assert(eq(sz, rudp_writer_len(&w), 0));
	cr_assert(eq(int, memcmp(bytes, "\7\7\7", 3), 0));
}

Test(wire, bytes_are_read_in_place)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct rudp_reader r = rudp_reader(bytes, sizeof bytes);

	cr_assert(eq(ptr, (void *)rudp_read_bytes(&r, 2), (void *)bytes));
	cr_assert(eq(ptr, (void *)rudp_read_bytes(&r, SIZE_MAX), NULL));
	cr_assert(eq(int, r.ok, false));
}

Test(wire, bytes_and_zeros_are_written)
{
	uint8_t bytes[6];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	memset(bytes, 0xee, sizeof bytes);
	rudp_write_bytes(&w, "abc", 3);
	rudp_write_bytes(&w, NULL, 0);
	rudp_write_zeros(&w, 2);
	cr_assert(eq(int, w.ok, true));
	cr_assert(eq(int, memcmp(bytes, "abc\0\0\xee", 6), 0));
	rudp_write_zeros(&w, SIZE_MAX);
	cr_assert(eq(int, w.ok, false));
}

/*
 * Any byte string is either read completely or refused; what was read and written again reads the
 * same.
 */
Test(wire, random_varints_survive_a_round_trip)
{
	struct random random = {1};

	for (int i = 0; i < 20000; i++) {
		uint64_t value = random_next(&random) >> (2 + random_below(&random, 62));
		uint8_t bytes[8];
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
		struct rudp_reader r = rudp_reader(bytes, rudp_varint_size(value));

		rudp_write_varint(&w, value);
		cr_assert(eq(sz, rudp_writer_len(&w), rudp_varint_size(value)));
		cr_assert(eq(u64, rudp_read_varint(&r), value));
		cr_assert(eq(int, r.ok, true));
	}
}
