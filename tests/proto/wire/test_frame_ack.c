/* SPDX-License-Identifier: MIT */
/* ACK frames, which have a room of their own: most of what can go wrong in a frame goes wrong here.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"
#include "proto/wire/frame.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])
#define BUFFER_BYTES 2048
#define RANGES_MAX 100

static enum rudp_verdict decode(const uint8_t *bytes, size_t len, struct rudp_ack *ack)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct rudp_reader r = rudp_reader(copy, len);
	struct rudp_frame frame;
	enum rudp_verdict verdict;

	cr_assert(ne(ptr, copy, NULL));
	memcpy(copy, bytes, len);
	verdict = rudp_frame_next(&r, &frame, ack);
	if (verdict == RUDP_VERDICT_OK)
		cr_assert(eq(sz, rudp_reader_left(&r), 0));
	free(copy);
	return verdict;
}

/* The frame holds the newest ranges of the set, as many as it says. */
static void check_newest(const struct rudp_ack *ack, const struct rudp_range_set *set)
{
	cr_assert(all(ge(u32, ack->range_count, 1), le(u32, ack->range_count, set->count)));
	cr_assert(eq(u64, ack->largest, set->ranges[set->count - 1].end - 1));
	for (uint32_t i = 0; i < ack->range_count; i++) {
		const struct rudp_range *range = &set->ranges[set->count - 1 - i];

		cr_assert(all(eq(u64, ack->ranges[i].start, range->start),
			      eq(u64, ack->ranges[i].end, range->end)));
	}
}

/* count disjoint ranges with gaps, ascending; widths up to 2^bits. */
static void fill(struct rudp_range_set *set, struct rudp_range ranges[RANGES_MAX], uint32_t count,
		 unsigned bits, struct random *random)
{
	uint64_t next = random_below(random, 3);

	for (uint32_t i = 0; i < count; i++) {
		ranges[i].start = next;
		ranges[i].end = next + 1 + (random_next(random) >> (64 - bits));
		next = ranges[i].end + 1 + (random_next(random) >> (64 - bits));
	}
	*set = (struct rudp_range_set){.ranges = ranges, .count = count};
}

Test(frame_ack, any_number_of_ranges_comes_back)
{
	struct random random = {23};
	struct rudp_range ranges[RANGES_MAX];
	struct rudp_range_set set;

	for (uint32_t count = 1; count <= RUDP_ACK_RANGES_MAX; count++) {
		for (unsigned bits = 1; bits < 52; bits += 5) {
			uint8_t bytes[BUFFER_BYTES];
			struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
			struct rudp_ack ack;

			fill(&set, ranges, count, bits, &random);
			cr_assert(eq(int, rudp_frame_write_ack(&w, &set, 5000, NULL), true));
			cr_assert(
				eq(int, decode(bytes, rudp_writer_len(&w), &ack), RUDP_VERDICT_OK));
			cr_assert(all(eq(u32, ack.range_count, count), eq(i64, ack.delay_ns, 5000),
				      eq(int, ack.has_ecn, false)));
			check_newest(&ack, &set);
		}
	}
}

Test(frame_ack, more_ranges_than_the_limit_leave_the_oldest_out)
{
	struct random random = {29};
	struct rudp_range ranges[RANGES_MAX];
	struct rudp_range_set set;
	uint8_t bytes[BUFFER_BYTES];
	struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
	struct rudp_ack ack;

	fill(&set, ranges, RANGES_MAX, 3, &random);
	cr_assert(eq(int, rudp_frame_write_ack(&w, &set, 0, NULL), true));
	cr_assert(eq(int, decode(bytes, rudp_writer_len(&w), &ack), RUDP_VERDICT_OK));
	cr_assert(eq(u32, ack.range_count, RUDP_ACK_RANGES_MAX));
	check_newest(&ack, &set);
}

/* With any room: all ranges that fit, or false and the writer untouched. */
static void try_room(const struct rudp_range_set *set, size_t room, const uint64_t ecn[3],
		     uint32_t *count_before)
{
	uint8_t *bytes = malloc(room + 1);
	struct rudp_writer w = rudp_writer(bytes, room + 1);
	struct rudp_ack ack;
	bool written;

	rudp_write_u8(&w, 0xee);
	written = rudp_frame_write_ack(&w, set, 1000, ecn);
	cr_assert(eq(int, w.ok, true));
	if (!written) {
		cr_assert(all(eq(sz, rudp_writer_len(&w), 1), eq(u32, *count_before, 0)));
	} else {
		cr_assert(
			eq(int, decode(bytes + 1, rudp_writer_len(&w) - 1, &ack), RUDP_VERDICT_OK));
		check_newest(&ack, set);
		cr_assert(all(ge(u32, ack.range_count, *count_before),
			      eq(int, ack.has_ecn, ecn != NULL)));
		if (ecn)
			cr_assert(all(eq(u64, ack.ecn_ect0, ecn[0]), eq(u64, ack.ecn_ect1, ecn[1]),
				      eq(u64, ack.ecn_ce, ecn[2])));
		*count_before = ack.range_count;
	}
	free(bytes);
}

Test(frame_ack, the_more_room_the_more_ranges)
{
	static const uint64_t ecn[3] = {70, 0, 20000};
	struct random random = {31};
	struct rudp_range ranges[RANGES_MAX];
	struct rudp_range_set set;

	for (unsigned bits = 1; bits < 20; bits += 6) {
		uint32_t plain = 0, marked = 0;

		fill(&set, ranges, 30, bits, &random);
		for (size_t room = 0; room < 400; room++) {
			try_room(&set, room, NULL, &plain);
			try_room(&set, room, ecn, &marked);
			cr_assert(le(u32, marked, plain));
		}
		cr_assert(all(eq(u32, plain, 30), eq(u32, marked, 30)));
	}
}

Test(frame_ack, delay_is_in_whole_microseconds_and_bounded)
{
	static const struct {
		int64_t in_ns, out_ns;
	} delays[] = {{0, 0},
		      {999, 0},
		      {1000, 1000},
		      {-5000, 0},
		      {INT64_MIN, 0},
		      {25 * RUDP_NS_PER_MS + 999, 25 * RUDP_NS_PER_MS},
		      {INT64_MAX, UINT32_MAX * RUDP_NS_PER_US}};
	struct rudp_range range = {0, 1};
	struct rudp_range_set set = {.ranges = &range, .count = 1};

	for (size_t i = 0; i < LEN(delays); i++) {
		uint8_t bytes[64];
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
		struct rudp_ack ack;

		cr_assert(eq(int, rudp_frame_write_ack(&w, &set, delays[i].in_ns, NULL), true));
		cr_assert(eq(int, decode(bytes, rudp_writer_len(&w), &ack), RUDP_VERDICT_OK));
		cr_assert(eq(i64, ack.delay_ns, delays[i].out_ns));
	}
}

Test(frame_ack, an_endless_delay_stays_within_bounds)
{
	static const uint8_t bytes[] = {2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0};
	struct rudp_ack ack;

	cr_assert(eq(int, decode(bytes, sizeof bytes, &ack), RUDP_VERDICT_OK));
	cr_assert(eq(i64, ack.delay_ns, UINT32_MAX * RUDP_NS_PER_US));
}

Test(frame_ack, the_whole_number_space_is_one_range)
{
	static const uint8_t bytes[] = {2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,
					0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct rudp_range range = {0, RUDP_VARINT_MAX + 1};
	struct rudp_range_set set = {.ranges = &range, .count = 1};
	uint8_t written[sizeof bytes];
	struct rudp_writer w = rudp_writer(written, sizeof written);
	struct rudp_ack ack;

	cr_assert(eq(int, decode(bytes, sizeof bytes, &ack), RUDP_VERDICT_OK));
	check_newest(&ack, &set);
	cr_assert(eq(int, rudp_frame_write_ack(&w, &set, 0, NULL), true));
	cr_assert(eq(int, memcmp(written, bytes, sizeof bytes), 0));
}

Test(frame_ack, ranges_below_zero_are_bad)
{
	static const uint8_t first_too_long[] = {2, 4, 0, 0, 5};
	static const uint8_t first_just_right[] = {2, 4, 0, 0, 4};
	static const uint8_t second_too_low[] = {2, 9, 0, 1, 2, 5, 1}; /* 7..9, then 0 and -1 */
	static const uint8_t second_just_right[] = {2, 9, 0, 1, 2, 5, 0};
	static const uint8_t nothing_below_zero[] = {2, 9, 0, 1, 9, 0, 0};
	static const uint8_t far_gap[] = {2,    9,    0,    1,    2,    0xff, 0xff,
					  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
	struct rudp_ack ack;

	cr_assert(eq(int, decode(first_too_long, sizeof first_too_long, &ack),
		     RUDP_VERDICT_BAD_FRAME));
	cr_assert(
		eq(int, decode(first_just_right, sizeof first_just_right, &ack), RUDP_VERDICT_OK));
	cr_assert(eq(int, decode(second_too_low, sizeof second_too_low, &ack),
		     RUDP_VERDICT_BAD_FRAME));
	cr_assert(eq(int, decode(second_just_right, sizeof second_just_right, &ack),
		     RUDP_VERDICT_OK));
	cr_assert(all(eq(u64, ack.ranges[1].start, 0), eq(u64, ack.ranges[1].end, 1)));
	cr_assert(eq(int, decode(nothing_below_zero, sizeof nothing_below_zero, &ack),
		     RUDP_VERDICT_BAD_FRAME));
	cr_assert(eq(int, decode(far_gap, sizeof far_gap, &ack), RUDP_VERDICT_BAD_FRAME));
}

Test(frame_ack, more_than_64_ranges_are_bad)
{
	uint8_t bytes[BUFFER_BYTES] = {2, 0x43, 0xe8, 0, 63, 0}; /* largest 1000 */
	struct rudp_ack ack;

	cr_assert(eq(int, decode(bytes, 6 + 63 * 2, &ack), RUDP_VERDICT_OK));
	cr_assert(eq(u32, ack.range_count, RUDP_ACK_RANGES_MAX));
	memmove(bytes + 6, bytes + 5, 1);
	bytes[4] = 0x40;
	bytes[5] = 64;
	bytes[6] = 0;
	cr_assert(eq(int, decode(bytes, 7 + 64 * 2, &ack), RUDP_VERDICT_BAD_FRAME));
}

/* A bitmap of received numbers against the frame, over random sets made by the real range set. */
Test(frame_ack, says_of_every_number_what_was_received)
{
	struct random random = {37};

	for (int run = 0; run < 300; run++) {
		bool received[256] = {0};
		struct rudp_range_set set;
		uint8_t bytes[BUFFER_BYTES];
		struct rudp_writer w = rudp_writer(bytes, sizeof bytes);
		struct rudp_ack ack;
		bool said[256] = {0};

		rudp_range_set_init(&set, 256);
		for (uint64_t n = 1 + random_below(&random, 120); n > 0; n--) {
			uint64_t number = random_below(&random, 120);

			received[number] = true;
			cr_assert(eq(int, rudp_range_set_add(&set, number, number + 1), 0));
		}
		cr_assert(eq(int, rudp_frame_write_ack(&w, &set, 0, NULL), true));
		cr_assert(eq(int, decode(bytes, rudp_writer_len(&w), &ack), RUDP_VERDICT_OK));
		for (uint32_t i = 0; i < ack.range_count; i++)
			for (uint64_t n = ack.ranges[i].start; n < ack.ranges[i].end; n++)
				said[n] = true;
		cr_assert(eq(int, memcmp(received, said, sizeof said), 0));
		rudp_range_set_fini(&set);
	}
}
