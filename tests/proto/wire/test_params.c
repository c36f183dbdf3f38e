/* SPDX-License-Identifier: MIT */
#include "proto/wire/frame.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"

#define BUFFER_BYTES 256

static const struct rudp_params sample = {
	.source_id = UINT64_C(0xfedcba9876543210),
	.window_bytes = 524288,
	.datagram_max_bytes = 65507,
	.ack_delay_max_ns = 25 * RUDP_NS_PER_MS,
	.reset_token = "0123456789abcde",
};

static size_t write_sample(uint8_t bytes[BUFFER_BYTES])
{
	struct rudp_writer w = rudp_writer(bytes, BUFFER_BYTES);

	cr_assert(eq(int, rudp_params_write(&w, &sample), true));
	return rudp_writer_len(&w);
}

/*
 * Puts the data into memory of exactly its size, so that AddressSanitizer detects any access
 * outside.
 */
static enum rudp_verdict parse(const uint8_t *bytes, size_t len, struct rudp_params *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum rudp_verdict verdict;

	cr_assert(ne(ptr, copy, NULL));
	memcpy(copy, bytes, len);
	verdict = rudp_params_parse(copy, len, out);
	free(copy);
	return verdict;
}

static void check_equal(const struct rudp_params *a, const struct rudp_params *b)
{
	cr_assert(all(eq(u64, a->source_id, b->source_id),
		      eq(u64, a->window_bytes, b->window_bytes),
		      eq(u64, a->datagram_max_bytes, b->datagram_max_bytes),
		      eq(i64, a->ack_delay_max_ns, b->ack_delay_max_ns),
		      eq(int, memcmp(a->reset_token, b->reset_token, RUDP_RESET_TOKEN_BYTES), 0)));
}

Test(params, are_laid_out_as_specified)
{
	static const uint8_t expected[] = {
		1,   8,   0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10, /* source id */
		2,   4,   0x80, 0x08, 0x00, 0x00,                         /* window */
		3,   4,   0x80, 0x00, 0xff, 0xe3,                         /* datagram */
		4,   4,   0x80, 0x00, 0x61, 0xa8,                         /* 25000 us */
		5,   16,  '0',  '1',  '2',  '3',  '4',  '5',  '6',  '7',  /* token */
		'8', '9', 'a',  'b',  'c',  'd',  'e',  0,
	};
	uint8_t bytes[BUFFER_BYTES];

	cr_assert(eq(sz, write_sample(bytes), sizeof expected));
	cr_assert(eq(int, memcmp(bytes, expected, sizeof expected), 0));
}

Test(params, come_back_as_they_were_written)
{
	struct random random = {3};

	for (int i = 0; i < 5000; i++) {
		struct rudp_params in = {
			.source_id = random_next(&random) | 1,
			.window_bytes = random_next(&random) >> (2 + random_below(&random, 62)),
			.datagram_max_bytes =
				1200 + (random_next(&random) >> (3 + random_below(&random, 61))),
			.ack_delay_max_ns = (int64_t)random_below(&random, 1000001) * 1000,
		};
		struct rudp_params out;
		uint8_t bytes[BUFFER_BYTES];
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);

		for (size_t at = 0; at < sizeof in.reset_token; at++)
			in.reset_token[at] = (uint8_t)random_next(&random);
		cr_assert(eq(int, rudp_params_write(&w, &in), true));
		cr_assert(eq(int, parse(bytes, rudp_writer_len(&w), &out), RUDP_VERDICT_OK));
		check_equal(&in, &out);
	}
}

Test(params, zeros_behind_them_are_padding)
{
	uint8_t bytes[BUFFER_BYTES] = {0};
	struct rudp_params out;
	size_t len = write_sample(bytes);

	for (size_t padded = len; padded <= sizeof bytes; padded++)
		cr_assert(eq(int, parse(bytes, padded, &out), RUDP_VERDICT_OK));
	check_equal(&sample, &out);
	bytes[sizeof bytes - 1] = 1;
	cr_assert(eq(int, parse(bytes, sizeof bytes, &out), RUDP_VERDICT_BAD_PARAM));
}

Test(params, cut_off_anywhere_are_bad)
{
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_params out;
	size_t len = write_sample(bytes);

	for (size_t cut = 0; cut < len; cut++)
		cr_assert(eq(int, parse(bytes, cut, &out), RUDP_VERDICT_BAD_PARAM));
}

/* The start of each parameter of the sample; the last entry is the end. */
static const size_t starts[] = {0, 10, 16, 22, 28, 46};

Test(params, each_is_needed_once)
{
	uint8_t bytes[BUFFER_BYTES];
	size_t len = write_sample(bytes);

	cr_assert(eq(sz, len, starts[5]));
	for (int i = 0; i < 5; i++) {
		uint8_t changed[2 * BUFFER_BYTES];
		size_t size = starts[i + 1] - starts[i];
		struct rudp_params out;

		memcpy(changed, bytes, starts[i]);
		memcpy(changed + starts[i], bytes + starts[i + 1], len - starts[i + 1]);
		cr_assert(eq(int, parse(changed, len - size, &out), RUDP_VERDICT_BAD_PARAM));
		memcpy(changed, bytes, len);
		memcpy(changed + len, bytes + starts[i], size);
		cr_assert(eq(int, parse(changed, len + size, &out), RUDP_VERDICT_BAD_PARAM));
	}
}

Test(params, unknown_ones_are_skipped_wherever_they_stand)
{
	static const uint8_t unknown[] = {0x40, 0x77, 3, 0xff, 0x01, 0x00};
	uint8_t bytes[BUFFER_BYTES];
	size_t len = write_sample(bytes);

	for (int i = 0; i <= 5; i++) {
		uint8_t changed[BUFFER_BYTES + 2 * sizeof unknown];
		struct rudp_params out;

		memcpy(changed, bytes, starts[i]);
		memcpy(changed + starts[i], unknown, sizeof unknown);
		memcpy(changed + starts[i] + sizeof unknown, unknown, sizeof unknown);
		memcpy(changed + starts[i] + 2 * sizeof unknown, bytes + starts[i],
		       len - starts[i]);
		cr_assert(eq(int, parse(changed, len + 2 * sizeof unknown, &out), RUDP_VERDICT_OK));
		check_equal(&sample, &out);
	}
}

Test(params, order_does_not_matter)
{
	uint8_t bytes[BUFFER_BYTES], turned[BUFFER_BYTES];
	size_t len = write_sample(bytes), at = 0;
	struct rudp_params out;

	for (int i = 4; i >= 0; i--) {
		memcpy(turned + at, bytes + starts[i], starts[i + 1] - starts[i]);
		at += starts[i + 1] - starts[i];
	}
	cr_assert(eq(int, parse(turned, len, &out), RUDP_VERDICT_OK));
	check_equal(&sample, &out);
}

static enum rudp_verdict verdict_of(const struct rudp_params *params)
{
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	struct rudp_params out;

	cr_assert(eq(int, rudp_params_write(&w, params), true));
	return parse(bytes, rudp_writer_len(&w), &out);
}

Test(params, values_have_their_ranges)
{
	struct rudp_params p = sample;

	p.datagram_max_bytes = 1200;
	p.window_bytes = 0;
	p.ack_delay_max_ns = RUDP_PARAM_ACK_DELAY_MAX_NS;
	cr_assert(eq(int, verdict_of(&p), RUDP_VERDICT_OK));
	p.datagram_max_bytes = 1199;
	cr_assert(eq(int, verdict_of(&p), RUDP_VERDICT_BAD_PARAM));
	p = sample;
	p.ack_delay_max_ns = RUDP_PARAM_ACK_DELAY_MAX_NS + 1;
	cr_assert(eq(int, verdict_of(&p), RUDP_VERDICT_BAD_PARAM));
	p = sample;
	p.source_id = 0;
	cr_assert(eq(int, verdict_of(&p), RUDP_VERDICT_BAD_PARAM));
}

Test(params, a_value_fills_its_length_exactly)
{
	struct rudp_params out;

	for (int i = 0; i < 5; i++) {
		uint8_t bytes[BUFFER_BYTES], changed[BUFFER_BYTES];
		size_t len = write_sample(bytes), end = starts[i + 1];

		memcpy(changed, bytes, end);
		changed[starts[i] + 1]++;
		changed[end] = 0;
		memcpy(changed + end + 1, bytes + end, len - end);
		cr_assert(eq(int, parse(changed, len + 1, &out), RUDP_VERDICT_BAD_PARAM));
		memcpy(changed, bytes, end);
		changed[starts[i] + 1]--;
		memcpy(changed + end - 1, bytes + end, len - end);
		cr_assert(eq(int, parse(changed, len - 1, &out), RUDP_VERDICT_BAD_PARAM));
	}
}

Test(params, type_zero_in_two_bytes_is_no_padding)
{
	uint8_t bytes[BUFFER_BYTES];
	size_t len = write_sample(bytes);
	struct rudp_params out;

	bytes[len] = 0x40;
	bytes[len + 1] = 0;
	bytes[len + 2] = 0;
	cr_assert(eq(int, parse(bytes, len + 3, &out), RUDP_VERDICT_BAD_PARAM));
}

Test(params, delay_is_rounded_up_to_a_microsecond)
{
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	struct rudp_params p = sample, out;

	p.ack_delay_max_ns = 1001;
	cr_assert(eq(int, rudp_params_write(&w, &p), true));
	cr_assert(eq(int, parse(bytes, rudp_writer_len(&w), &out), RUDP_VERDICT_OK));
	cr_assert(eq(i64, out.ack_delay_max_ns, 2000));
}

Test(params, that_do_not_fit_leave_the_writer)
{
	uint8_t bytes[BUFFER_BYTES];
	size_t len = write_sample(bytes);

	for (size_t room = 0; room < len; room++) {
		struct rudp_writer w = rudp_writer(bytes, room + 1);

		rudp_write_u8(&w, 0xee);
		cr_assert(eq(int, rudp_params_write(&w, &sample), false));
		cr_assert(all(eq(sz, rudp_writer_len(&w), 1), eq(int, w.ok, true)));
	}
}

Test(params, window_beyond_the_varint_is_not_written)
{
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	struct rudp_params p = sample;

	p.window_bytes = RUDP_VARINT_MAX + 1;
	cr_assert(eq(int, rudp_params_write(&w, &p), false));
	cr_assert(eq(sz, rudp_writer_len(&w), 0));
}

Test(params, damaged_bytes_are_never_read_outside)
{
	struct random random = {5};
	uint8_t good[BUFFER_BYTES];
	size_t len = write_sample(good);
	struct rudp_params out;
	unsigned taken = 0;

	for (int i = 0; i < 50000; i++) {
		uint8_t bytes[BUFFER_BYTES];

		memcpy(bytes, good, len);
		for (uint64_t n = 1 + random_below(&random, 3); n > 0; n--)
			bytes[random_below(&random, len)] = (uint8_t)random_next(&random);
		taken += parse(bytes, len, &out) == RUDP_VERDICT_OK;
	}
	cr_assert(ge(uint, taken, 1001));
}

Test(params, an_association_is_requested_or_offered)
{
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_params in = sample, out;

	for (int offered = 0; offered < 2; offered++) {
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
		size_t plain = write_sample(bytes);

		in.wants_association = !offered;
		in.association_id = offered ? UINT64_C(0x0123456789abcdef) : 0;
		cr_assert(rudp_params_write(&w, &in));
		cr_assert(eq(sz, rudp_writer_len(&w), plain + (offered ? 10 : 2)));
		cr_assert(eq(int, parse(bytes, rudp_writer_len(&w), &out), RUDP_VERDICT_OK));
		check_equal(&in, &out);
		cr_assert(all(eq(int, out.wants_association, !offered),
			      eq(u64, out.association_id, in.association_id)));
		cr_assert(all(eq(int, rudp_params_fit(&out, true), !offered),
			      eq(int, rudp_params_fit(&out, false), offered)));
		/* A duplicate is malformed. */
		memcpy(bytes + rudp_writer_len(&w), bytes + plain, rudp_writer_len(&w) - plain);
		cr_assert(eq(int, parse(bytes, 2 * rudp_writer_len(&w) - plain, &out),
			     RUDP_VERDICT_BAD_PARAM));
	}
}

Test(params, an_association_of_another_length_or_without_id_is_malformed)
{
	static const uint8_t wrong[][12] = {
		{6, 1, 1}, {6, 7, 1, 1, 1, 1, 1, 1, 1}, {6, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {6, 8}};
	static const size_t lens[] = {3, 9, 11, 10};
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_params out;

	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		size_t len = write_sample(bytes);

		memcpy(bytes + len, wrong[i], lens[i]);
		cr_assert(eq(int, parse(bytes, len + lens[i], &out), RUDP_VERDICT_BAD_PARAM),
			  "case %zu", i);
	}
}

/* A parameter without a value. */
static void expect_ability(uint8_t type, const struct rudp_params *in, const bool *in_out,
			   struct rudp_params *out)
{
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	size_t plain = write_sample(bytes);

	cr_assert(eq(int, parse(bytes, plain, out), RUDP_VERDICT_OK));
	cr_assert(eq(int, *in_out, 0));
	cr_assert(rudp_params_write(&w, in));
	cr_assert(eq(sz, rudp_writer_len(&w), plain + 2));
	cr_assert(all(eq(u8, bytes[plain], type), eq(u8, bytes[plain + 1], 0)));
	cr_assert(eq(int, parse(bytes, plain + 2, out), RUDP_VERDICT_OK));
	check_equal(in, out);
	cr_assert(eq(int, *in_out, 1));
	/* A duplicate is malformed, and so is any value. */
	memcpy(bytes + plain + 2, bytes + plain, 2);
	cr_assert(eq(int, parse(bytes, plain + 4, out), RUDP_VERDICT_BAD_PARAM));
	memcpy(bytes + plain, (const uint8_t[]){type, 1, 1}, 3);
	cr_assert(eq(int, parse(bytes, plain + 3, out), RUDP_VERDICT_BAD_PARAM));
	memcpy(bytes + plain, (const uint8_t[]){type, 1, 0}, 3);
	cr_assert(eq(int, parse(bytes, plain + 3, out), RUDP_VERDICT_BAD_PARAM));
	cr_assert(eq(int, parse(bytes, plain + 1, out), RUDP_VERDICT_BAD_PARAM));
}

Test(params, an_ability_takes_two_bytes)
{
	struct rudp_params in = sample, out = {0};

	in.takes_repairs = true;
	expect_ability(10, &in, &out.takes_repairs, &out);
	in.takes_repairs = false;
	in.takes_short_ids = true;
	expect_ability(11, &in, &out.takes_short_ids, &out);
	in.takes_short_ids = false;
	in.takes_key_shares = true;
	expect_ability(12, &in, &out.takes_key_shares, &out);
	in.takes_key_shares = false;
	in.takes_spare_ids = true;
	expect_ability(14, &in, &out.takes_spare_ids, &out);
}
