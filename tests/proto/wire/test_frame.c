/* SPDX-License-Identifier: MIT */
#include "proto/wire/frame.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define BUFFER_BYTES 2048

static const uint8_t eight[8] = {1, 2, 3, 4, 5, 6, 7, 8};

/* Writes one frame of each kind with fixed content. False if it does not fit. */
typedef bool write_fn(struct rudp_writer *w);

static bool put_padding(struct rudp_writer *w)
{
	rudp_write_zeros(w, 1);
	return w->ok;
}

static bool put_window(struct rudp_writer *w)
{
	return rudp_frame_write_value(w, RUDP_FRAME_WINDOW, 0x1234);
}

static bool put_blocked(struct rudp_writer *w)
{
	return rudp_frame_write_value(w, RUDP_FRAME_BLOCKED, 0x12345678);
}

static bool put_reset(struct rudp_writer *w)
{
	return rudp_frame_write_value(w, RUDP_FRAME_RESET, RUDP_RESET_PROTOCOL);
}

static bool put_challenge(struct rudp_writer *w)
{
	return rudp_frame_write_path(w, false, eight);
}

static bool put_response(struct rudp_writer *w)
{
	return rudp_frame_write_path(w, true, eight);
}

static bool put_urgent(struct rudp_writer *w)
{
	return rudp_frame_write_value(w, RUDP_FRAME_URGENT, RUDP_VARINT_MAX);
}

static bool put_repair_head(struct rudp_writer *w)
{
	return rudp_frame_write_repair_head(w, 64, 128, 127);
}

static bool put_key_share(struct rudp_writer *w)
{
	static const uint8_t public_key[RUDP_KEY_SHARE_BYTES] = {1, 2, [31] = 32};

	return rudp_frame_write_key_share(w, 64, public_key);
}

static const struct rudp_spare_id spare_id = {
	.number = 65,
	.id = UINT64_C(0x0102030405060708),
	.reset_token = {0x21, [15] = 0x22},
	.number_offset = 0xfffffff0,
};

static bool put_spare_id(struct rudp_writer *w)
{
	return rudp_frame_write_spare_id(w, &spare_id);
}

static bool put_stream_head(struct rudp_writer *w)
{
	return rudp_frame_write_stream_head(w, 5, 0, false);
}

static bool put_fin_head(struct rudp_writer *w)
{
	return rudp_frame_write_stream_head(w, 64, 0, true);
}

static bool put_ack_of(struct rudp_writer *w, const uint64_t ecn[3])
{
	struct rudp_range ranges[] = {{1, 3}, {5, 6}, {8, 11}};
	struct rudp_range_set set = {.ranges = ranges, .count = LEN(ranges)};

	return rudp_frame_write_ack(w, &set, 70 * RUDP_NS_PER_US, ecn);
}

static bool put_ack(struct rudp_writer *w)
{
	return put_ack_of(w, NULL);
}

static bool put_ack_ecn(struct rudp_writer *w)
{
	return put_ack_of(w, (const uint64_t[]){1, 64, 2});
}

static const struct {
	write_fn *write;
	uint8_t type;
	size_t len;
	uint8_t bytes[40];
} samples[] = {
	{put_padding, RUDP_FRAME_PADDING, 1, {0}},
	{rudp_frame_write_ping, RUDP_FRAME_PING, 1, {1}},
	{put_ack, RUDP_FRAME_ACK, 10, {2, 10, 0x40, 70, 2, 2, 1, 0, 1, 1}},
	{put_ack_ecn, RUDP_FRAME_ACK_ECN, 14, {3, 10, 0x40, 70, 2, 2, 1, 0, 1, 1, 1, 0x40, 64, 2}},
	{put_stream_head, RUDP_FRAME_STREAM, 4, {4, 5, 0, 0}},
	{put_fin_head, RUDP_FRAME_STREAM_FIN, 5, {5, 0x40, 64, 0, 0}},
	{put_window, RUDP_FRAME_WINDOW, 3, {6, 0x52, 0x34}},
	{put_blocked, RUDP_FRAME_BLOCKED, 5, {7, 0x92, 0x34, 0x56, 0x78}},
	{put_reset, RUDP_FRAME_RESET, 2, {8, 2}},
	{put_challenge, RUDP_FRAME_PATH_CHALLENGE, 9, {9, 1, 2, 3, 4, 5, 6, 7, 8}},
	{put_response, RUDP_FRAME_PATH_RESPONSE, 9, {10, 1, 2, 3, 4, 5, 6, 7, 8}},
	{put_urgent, RUDP_FRAME_URGENT, 9, {11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
	{put_repair_head, RUDP_FRAME_REPAIR, 5, {12, 0x40, 64, 128, 127}},
	{put_key_share, RUDP_FRAME_KEY_SHARE, 35, {14, 0x40, 64, 1, 2, [34] = 32}},
	{put_spare_id,
	 RUDP_FRAME_SPARE_ID,
	 31,
	 {16, 0x40, 65, 1, 2, 3, 4, 5, 6, 7, 8, 0x21, [26] = 0x22, 0xff, 0xff, 0xff, 0xf0}},
};

/* Decodes one frame from memory of exactly its size. *left is the number of bytes after it. */
static enum rudp_verdict decode(const uint8_t *bytes, size_t len, struct rudp_frame *frame,
				struct rudp_ack *ack, size_t *left)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct rudp_reader r = rudp_reader(copy, len);
	enum rudp_verdict verdict;

	cr_assert(ne(ptr, copy, NULL));
	memcpy(copy, bytes, len);
	verdict = rudp_frame_next(&r, frame, ack);
	*left = rudp_reader_left(&r);
	free(copy);
	return verdict;
}

static enum rudp_verdict verdict_of(const uint8_t *bytes, size_t len)
{
	struct rudp_frame frame;
	struct rudp_ack ack;
	size_t left;

	return decode(bytes, len, &frame, &ack, &left);
}

Test(frame, each_is_laid_out_as_specified)
{
	for (size_t i = 0; i < LEN(samples); i++) {
		uint8_t bytes[BUFFER_BYTES];
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

		cr_assert(eq(int, samples[i].write(&w), true));
		cr_assert(eq(sz, rudp_writer_len(&w), samples[i].len), "sample %zu", i);
		cr_assert(eq(int, memcmp(bytes, samples[i].bytes, samples[i].len), 0), "sample %zu",
			  i);
	}
}

Test(frame, each_is_decoded_to_its_end)
{
	for (size_t i = 0; i < LEN(samples); i++) {
		uint8_t bytes[sizeof samples[i].bytes + 1];
		struct rudp_frame frame;
		struct rudp_ack ack;
		size_t left;

		memcpy(bytes, samples[i].bytes, samples[i].len);
		bytes[samples[i].len] = RUDP_FRAME_PING;
		cr_assert(eq(int, decode(bytes, samples[i].len + 1, &frame, &ack, &left),
			     RUDP_VERDICT_OK));
		/* A REPAIR frame extends to the end of the packet. */
		cr_assert(all(eq(u8, frame.type, samples[i].type),
			      eq(sz, left, samples[i].type != RUDP_FRAME_REPAIR)),
			  "sample %zu", i);
	}
}

Test(frame, each_cut_off_anywhere_is_bad)
{
	for (size_t i = 0; i < LEN(samples); i++)
		for (size_t len = 0; len < samples[i].len; len++)
			cr_assert(
				eq(int, verdict_of(samples[i].bytes, len), RUDP_VERDICT_BAD_FRAME),
				"sample %zu cut to %zu", i, len);
}

Test(frame, that_does_not_fit_leaves_the_writer)
{
	for (size_t i = 1; i < LEN(samples); i++) {
		size_t least = samples[i].type == RUDP_FRAME_ACK ? 6 : samples[i].len;

		if (samples[i].type == RUDP_FRAME_ACK_ECN)
			least = 10;
		for (size_t room = 0; room < least; room++) {
			uint8_t *bytes = malloc(room + 1);
			struct rudp_writer w = rudp_writer(bytes, room + 1);

			rudp_write_u8(&w, 0xee);
			cr_assert(eq(int, samples[i].write(&w), false), "sample %zu", i);
			cr_assert(all(eq(sz, rudp_writer_len(&w), 1), eq(int, w.ok, true)));
			free(bytes);
		}
	}
}

Test(frame, values_come_back)
{
	struct rudp_frame frame;
	struct rudp_ack ack;
	size_t left;

	decode(samples[6].bytes, samples[6].len, &frame, &ack, &left);
	cr_assert(eq(u64, frame.offset, 0x1234));
	decode(samples[8].bytes, samples[8].len, &frame, &ack, &left);
	cr_assert(eq(u64, frame.reason, RUDP_RESET_PROTOCOL));
	decode(samples[10].bytes, samples[10].len, &frame, &ack, &left);
	cr_assert(eq(int, memcmp(frame.path, eight, sizeof eight), 0));
	decode(samples[11].bytes, samples[11].len, &frame, &ack, &left);
	cr_assert(eq(u64, frame.offset, RUDP_VARINT_MAX));
	decode(samples[13].bytes, samples[13].len, &frame, &ack, &left);
	cr_assert(eq(u64, frame.share.number, 64));
	cr_assert(zero(
		int, memcmp(frame.share.public_key, samples[13].bytes + 3, RUDP_KEY_SHARE_BYTES)));
	decode(samples[14].bytes, samples[14].len, &frame, &ack, &left);
	cr_assert(all(eq(u64, frame.spare.number, spare_id.number),
		      eq(u64, frame.spare.id, spare_id.id),
		      eq(u32, frame.spare.number_offset, spare_id.number_offset)));
	cr_assert(zero(int, memcmp(frame.spare.reset_token, spare_id.reset_token,
				   RUDP_RESET_TOKEN_BYTES)));
}

Test(frame, spare_id_of_number_or_id_0_is_bad)
{
	uint8_t bytes[30] = {16, 1, [9] = 1};

	cr_assert(eq(int, verdict_of(bytes, sizeof bytes), RUDP_VERDICT_OK));
	bytes[1] = 0;
	cr_assert(eq(int, verdict_of(bytes, sizeof bytes), RUDP_VERDICT_BAD_FRAME));
	bytes[1] = 1;
	bytes[9] = 0;
	cr_assert(eq(int, verdict_of(bytes, sizeof bytes), RUDP_VERDICT_BAD_FRAME));
}

Test(frame, too_large_a_value_is_not_written)
{
	uint8_t bytes[64];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	cr_assert(
		eq(int, rudp_frame_write_value(&w, RUDP_FRAME_WINDOW, RUDP_VARINT_MAX + 1), false));
	cr_assert(eq(int, rudp_frame_write_stream_head(&w, RUDP_VARINT_MAX + 1, 0, false), false));
	cr_assert(eq(int, rudp_frame_write_stream_head(&w, 0, 65536, false), false));
	cr_assert(eq(int, rudp_frame_write_repair_head(&w, RUDP_VARINT_MAX + 1, 1, 0), false));
	cr_assert(all(eq(sz, rudp_writer_len(&w), 0), eq(int, w.ok, true)));
}

static bool is_known(unsigned type)
{
#define IS_THIS(name, value, eliciting) || type == (value)
	return false RUDP_FRAMES(IS_THIS);
#undef IS_THIS
}

Test(frame, unknown_types_are_bad_and_reported)
{
	for (unsigned type = 0; type <= UINT8_MAX; type++) {
		uint8_t bytes[64] = {(uint8_t)type};
		struct rudp_frame frame;
		struct rudp_ack ack;
		size_t left;

		if (is_known(type))
			continue;
		cr_assert(eq(int, decode(bytes, sizeof bytes, &frame, &ack, &left),
			     RUDP_VERDICT_BAD_FRAME));
		cr_assert(eq(u8, frame.type, type));
	}
}

Test(frame, only_padding_and_acks_expect_no_answer)
{
	for (unsigned type = 0; type <= UINT8_MAX; type++) {
		bool needs_none = type == RUDP_FRAME_PADDING || type == RUDP_FRAME_ACK ||
				  type == RUDP_FRAME_ACK_ECN;

		cr_assert(eq(int, rudp_frame_is_ack_eliciting((uint8_t)type),
			     is_known(type) && !needs_none));
	}
}

Test(frame, a_run_of_padding_is_one_frame)
{
	uint8_t bytes[100] = {0};
	struct rudp_frame frame;
	struct rudp_ack ack;
	size_t left;

	bytes[sizeof bytes - 1] = RUDP_FRAME_PING;
	cr_assert(eq(int, decode(bytes, sizeof bytes, &frame, &ack, &left), RUDP_VERDICT_OK));
	cr_assert(all(eq(u8, frame.type, RUDP_FRAME_PADDING), eq(sz, left, 1)));
	cr_assert(eq(int, decode(bytes, sizeof bytes - 1, &frame, &ack, &left), RUDP_VERDICT_OK));
	cr_assert(eq(sz, left, 0));
}

static void round_trip_stream(uint64_t offset, size_t len, bool fin)
{
	uint8_t *bytes = malloc(65536 + 16);
	struct rudp_writer w = rudp_writer(bytes, 65536 + 16);
	struct rudp_reader r;
	struct rudp_frame frame;
	struct rudp_ack ack;

	cr_assert(eq(int, rudp_frame_write_stream_head(&w, offset, len, fin), true));
	cr_assert(eq(sz, rudp_writer_len(&w), rudp_frame_stream_head_bytes(offset)));
	rudp_write_zeros(&w, len);
	r = rudp_reader(bytes, rudp_writer_len(&w));
	cr_assert(eq(int, rudp_frame_next(&r, &frame, &ack), RUDP_VERDICT_OK));
	cr_assert(all(eq(u8, frame.type, fin ? RUDP_FRAME_STREAM_FIN : RUDP_FRAME_STREAM),
		      eq(u64, frame.stream.offset, offset), eq(sz, frame.stream.len, len),
		      eq(int, frame.stream.fin, fin)));
	cr_assert(eq(ptr, (void *)(uintptr_t)frame.stream.bytes,
		     bytes + rudp_frame_stream_head_bytes(offset)));
	cr_assert(eq(sz, rudp_reader_left(&r), 0));
	r = rudp_reader(bytes, rudp_writer_len(&w) - 1);
	cr_assert(eq(int, rudp_frame_next(&r, &frame, &ack), RUDP_VERDICT_BAD_FRAME));
	free(bytes);
}

Test(frame, stream_comes_back_whatever_its_size)
{
	static const uint64_t offsets[] = {
		0, 63, 64, 16383, 16384, (1u << 30) - 1, 1u << 30, RUDP_VARINT_MAX - 65535};
	static const size_t sizes[] = {0, 1, 63, 64, 1160, 16383, 16384, 65535};

	for (size_t i = 0; i < LEN(offsets); i++)
		for (size_t k = 0; k < LEN(sizes); k++)
			round_trip_stream(offsets[i], sizes[k], (i + k) % 2);
}

Test(frame, stream_head_size_depends_on_the_offset_only)
{
	cr_assert(eq(sz, rudp_frame_stream_head_bytes(0), 4));
	cr_assert(eq(sz, rudp_frame_stream_head_bytes(64), 5));
	cr_assert(eq(sz, rudp_frame_stream_head_bytes(RUDP_VARINT_MAX), 11));
}

Test(frame, stream_beyond_the_last_offset_is_bad)
{
	uint8_t bytes[32] = {0};
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

	rudp_frame_write_stream_head(&w, RUDP_VARINT_MAX - 1, 1, false);
	cr_assert(eq(int, verdict_of(bytes, sizeof bytes), RUDP_VERDICT_OK));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_stream_head(&w, RUDP_VARINT_MAX, 1, false);
	cr_assert(eq(int, verdict_of(bytes, sizeof bytes), RUDP_VERDICT_BAD_FRAME));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_stream_head(&w, RUDP_VARINT_MAX, 0, true);
	cr_assert(eq(int, verdict_of(bytes, sizeof bytes), RUDP_VERDICT_OK));
}

static void round_trip_repair(uint64_t offset, uint8_t count, uint8_t row, size_t len)
{
	uint8_t *bytes = malloc(65536 + 16);
	struct rudp_writer w = rudp_writer(bytes, 65536 + 16);
	struct rudp_reader r;
	struct rudp_frame frame;
	struct rudp_ack ack;

	cr_assert(eq(int, rudp_frame_write_repair_head(&w, offset, count, row), true));
	cr_assert(eq(sz, rudp_writer_len(&w), rudp_frame_repair_head_bytes(offset)));
	rudp_write_zeros(&w, len);
	r = rudp_reader(bytes, rudp_writer_len(&w));
	cr_assert(eq(int, rudp_frame_next(&r, &frame, &ack), RUDP_VERDICT_OK));
	cr_assert(all(eq(u8, frame.type, RUDP_FRAME_REPAIR), eq(u64, frame.repair.offset, offset),
		      eq(u8, frame.repair.count, count), eq(u8, frame.repair.row, row),
		      eq(sz, frame.repair.len, len), zero(sz, rudp_reader_left(&r))));
	cr_assert(eq(ptr, (void *)(uintptr_t)frame.repair.bytes,
		     bytes + rudp_frame_repair_head_bytes(offset)));
	free(bytes);
}

Test(frame, repair_comes_back_whatever_its_size)
{
	static const uint64_t offsets[] = {0, 63, 64, 16383, 16384, 1u << 30};
	static const size_t sizes[] = {0, 1, 1160, 65535};

	for (size_t i = 0; i < LEN(offsets); i++)
		for (size_t k = 0; k < LEN(sizes); k++)
			round_trip_repair(offsets[i], (uint8_t)(1 + 127 * (k % 2)),
					  (uint8_t)(127 * (i % 2)), sizes[k]);
}

Test(frame, repair_of_no_symbol_or_too_many_or_of_another_row_is_bad)
{
	static const struct {
		uint8_t count, row;
		bool is_bad;
	} cases[] = {
		{0, 0, true},   {1, 0, false},  {128, 127, false}, {129, 0, true},
		{255, 0, true}, {1, 128, true}, {1, 255, true},
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		uint8_t bytes[] = {RUDP_FRAME_REPAIR, 5, cases[i].count, cases[i].row, 1, 2, 3};

		cr_assert(eq(int, verdict_of(bytes, sizeof bytes) == RUDP_VERDICT_BAD_FRAME,
			     cases[i].is_bad),
			  "case %zu", i);
	}
}

Test(frame, repair_beyond_the_last_offset_is_bad)
{
	uint8_t bytes[32] = {0};
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	size_t head = rudp_frame_repair_head_bytes(RUDP_VARINT_MAX);

	rudp_frame_write_repair_head(&w, RUDP_VARINT_MAX - 9, 3, 0);
	cr_assert(eq(int, verdict_of(bytes, head + 3), RUDP_VERDICT_OK));
	cr_assert(eq(int, verdict_of(bytes, head + 4), RUDP_VERDICT_BAD_FRAME));
	w = rudp_writer(bytes, sizeof bytes);
	rudp_frame_write_repair_head(&w, RUDP_VARINT_MAX, 128, 0);
	cr_assert(eq(int, verdict_of(bytes, head), RUDP_VERDICT_OK));
	cr_assert(eq(int, verdict_of(bytes, head + 1), RUDP_VERDICT_BAD_FRAME));
}

Test(frame, random_bytes_are_never_read_outside)
{
	struct random random = {17};
	unsigned taken = 0;

	for (int i = 0; i < 40000; i++) {
		size_t len = random_below(&random, 200);
		uint8_t *bytes = malloc(len ? len : 1);
		struct rudp_reader r = rudp_reader(bytes, len);
		struct rudp_frame frame;
		struct rudp_ack ack;

		for (size_t at = 0; at < len; at++)
			bytes[at] = random_below(&random, 3) ? (uint8_t)random_below(&random, 13)
							     : (uint8_t)random_next(&random);
		while (rudp_reader_left(&r) > 0 &&
		       rudp_frame_next(&r, &frame, &ack) == RUDP_VERDICT_OK) {
			taken++;
			if (frame.type == RUDP_FRAME_STREAM || frame.type == RUDP_FRAME_STREAM_FIN)
				cr_assert(eq(sz, (size_t)(r.next - frame.stream.bytes),
					     frame.stream.len));
			if (frame.type == RUDP_FRAME_REPAIR)
				cr_assert(eq(sz, (size_t)(r.end - frame.repair.bytes),
					     frame.repair.len));
			cr_assert(le(sz, rudp_reader_left(&r), len));
		}
		free(bytes);
	}
	cr_assert(ge(uint, taken, 10001));
}
