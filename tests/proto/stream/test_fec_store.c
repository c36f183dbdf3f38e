/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define malloc fault_malloc
#define calloc fault_calloc
#include "proto/stream/fec_store.c"
#undef malloc
#undef calloc

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"
#include "proto/checks.h"

#define STREAM_BYTES (1u << 20) /* the first window */
#define SYMBOL_MAX 1500u
#define NOW (1000 * RUDP_NS_PER_S)

static const struct rudp_budget budget = {.limit_bytes = UINT64_MAX};
static uint8_t stream[STREAM_BYTES];
static struct rudp_ring sent; /* all of it */
static struct rudp_recvbuf buf;
static struct rudp_fec_store store;
static struct random dice;

static void setup(void)
{
	dice.state = 11;
	for (size_t i = 0; i < sizeof stream; i++)
		stream[i] = (uint8_t)random_next(&dice);
	rudp_ring_init(&sent, STREAM_BYTES);
	cr_assert(zero(int, rudp_ring_write(&sent, stream, STREAM_BYTES)));
	rudp_recvbuf_init(&buf, STREAM_BYTES, &budget);
	buf.history_bytes = RUDP_FEC_BLOCK_BYTES_MAX;
	rudp_fec_store_init(&store);
}

static void expect_sound(void)
{
	uint64_t bytes = 0;
	unsigned sums = 0;

	cr_assert(rudp_recvbuf_check(&buf));
	for (unsigned i = 0; i < store.group_count; i++) {
		cr_assert(ge(uint, store.groups[i]->count, 1));
		sums += store.groups[i]->count;
		bytes += sizeof *store.groups[i] +
			 (uint64_t)store.groups[i]->count * store.groups[i]->block.symbol_bytes;
	}
	cr_assert(all(eq(uint, store.symbol_count, sums), eq(u64, store.bytes, bytes)));
	cr_assert(all(le(uint, store.group_count, RUDP_FEC_BLOCKS_MAX),
		      le(uint, store.symbol_count, RUDP_FEC_SYMBOLS_MAX)));
}

static void teardown(void)
{
	fault_arm(0);
	expect_sound();
	rudp_fec_store_clear(&store);
	cr_assert(all(zero(u64, store.bytes), zero(uint, store.symbol_count),
		      zero(uint, store.group_count)));
	rudp_recvbuf_fini(&buf);
	rudp_ring_fini(&sent);
}

TestSuite(fec_store, .init = setup, .fini = teardown);

static void arrive(uint64_t start, uint64_t end)
{
	size_t len = (size_t)(end - start);

	cr_assert(eq(int, rudp_recvbuf_take(&buf, start, stream + start, len, false, NOW),
		     RUDP_VERDICT_OK));
	rudp_fec_store_on_bytes(&store, start, end);
}

static void read_some(size_t n)
{
	rudp_recvbuf_consume(&buf, n, 20 * RUDP_NS_PER_MS, NOW);
}

static int add(const struct rudp_fec_block *block, uint8_t row)
{
	uint8_t sum[65536];
	int err;

	rudp_fec_symbol(&sent, block, row, sum);
	err = rudp_fec_store_add(&store, &buf, block, row, sum);
	expect_sound();
	return err;
}

static unsigned given;       /* calls */
static unsigned stops_after; /* number of calls; 0: never */
static bool clears;          /* clears the store then, like the end of a connection */

static bool take_back(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
	cr_assert(eq(ptr, context, &given));
	cr_assert(ge(sz, len, 1));
	if (memcmp(bytes, stream + offset, len) != 0)
		cr_fatal("%zu bytes at %llu are not right", len, (unsigned long long)offset);
	cr_assert(
		eq(int, rudp_recvbuf_take(&buf, offset, bytes, len, false, NOW), RUDP_VERDICT_OK));
	rudp_fec_store_on_bytes(&store, offset, offset + len);
	if (++given == stops_after && clears)
		rudp_fec_store_clear(&store);
	return given != stops_after;
}

static void solve(void)
{
	rudp_fec_store_solve(&store, &buf, UINT64_MAX, take_back, &given);
	expect_sound();
}

/* A block of ten symbols of 100 bytes, of which all bytes but [from, to) are present. */
static const struct rudp_fec_block ten = {1000, 10, 100};

static void arrive_without(uint64_t from, uint64_t to)
{
	arrive(0, from);
	arrive(to, 2000);
}

Test(fec_store, one_repair_symbol_recovers_one_packet)
{
	arrive_without(1250, 1350); /* across a border of symbols: two pieces */
	cr_assert(zero(int, add(&ten, 7)));
	cr_assert(eq(u64, store.bytes, sizeof(struct rudp_fec_group) + 100));
	solve();
	cr_assert(eq(uint, given, 2));
	cr_assert(eq(u64, store.repaired_bytes, 100));
	cr_assert(eq(u64, buf.ring.tail, 2000));
	cr_assert(zero(u64, store.bytes));
}

Test(fec_store, a_longer_packet_needs_two)
{
	arrive_without(1250, 1351);
	cr_assert(zero(int, add(&ten, 7)));
	solve();
	cr_assert(zero(uint, given));
	cr_assert(zero(int, add(&ten, 0)));
	solve();
	cr_assert(eq(u64, store.repaired_bytes, 101));
	cr_assert(eq(u64, buf.ring.tail, 2000));
}

Test(fec_store, a_repair_symbol_of_a_complete_block_is_not_kept)
{
	arrive(0, 1500);
	arrive(1500, 2000);
	cr_assert(zero(int, add(&ten, 0)));
	cr_assert(zero(u64, store.bytes));
	solve();
	cr_assert(zero(uint, given));
}

Test(fec_store, a_block_that_lies_complete_behind_a_gap_is_complete)
{
	arrive(900, 2100);
	cr_assert(zero(int, add(&ten, 0)));
	cr_assert(zero(u64, store.bytes));
}

Test(fec_store, a_block_that_becomes_complete_is_dropped)
{
	arrive_without(1100, 1500);
	cr_assert(zero(int, add(&ten, 0)));
	arrive(1100, 1500);
	solve();
	cr_assert(all(zero(uint, given), zero(u64, store.bytes)));
}

Test(fec_store, the_same_row_counts_once)
{
	arrive_without(1100, 1300);
	cr_assert(zero(int, add(&ten, 3)));
	cr_assert(zero(int, add(&ten, 3)));
	cr_assert(eq(uint, store.symbol_count, 1));
	solve();
	cr_assert(zero(uint, given));
	cr_assert(zero(int, add(&ten, 4)));
	solve();
	cr_assert(eq(u64, buf.ring.tail, 2000));
}

Test(fec_store, a_block_of_another_shape_at_the_same_place_is_refused)
{
	static const struct rudp_fec_block others[] = {{1000, 9, 100}, {1000, 10, 99}};

	arrive_without(1100, 1300);
	cr_assert(zero(int, add(&ten, 3)));
	for (size_t i = 0; i < 2; i++)
		cr_assert(eq(int, add(&others[i], 4), -ERANGE));
	cr_assert(eq(uint, store.symbol_count, 1));
}

Test(fec_store, a_block_whose_bytes_are_overwritten_is_refused_and_dropped)
{
	buf.history_bytes = 0;
	arrive(0, 4096);
	read_some(4096);
	arrive(4096, 5000);
	cr_assert(eq(sz, buf.ring.capacity_bytes, 4096));
	cr_assert(eq(u64, rudp_ring_kept(&buf.ring), 904));
	cr_assert(eq(int, add(&(struct rudp_fec_block){903, 42, 100}, 0), -ERANGE));
	cr_assert(zero(int, add(&(struct rudp_fec_block){904, 42, 100}, 0)));
	solve();
	cr_assert(eq(uint, store.group_count, 1));
	read_some(904);
	arrive(5000, 5001);
	solve();
	cr_assert(all(zero(uint, given), zero(u64, store.bytes)));
}

Test(fec_store, read_bytes_are_used_while_they_are_kept)
{
	arrive(0, 4096);
	read_some(4096);
	arrive(4096, 6000);
	read_some(1904);
	arrive(7000, 9000);
	cr_assert(zero(int, add(&(struct rudp_fec_block){0, 9, 1000}, 5)));
	solve();
	cr_assert(eq(u64, buf.ring.tail, 9000));
}

Test(fec_store, a_discarding_receiver_keeps_no_repair_symbols)
{
	arrive_without(1100, 1300);
	cr_assert(zero(int, add(&ten, 3)));
	rudp_recvbuf_discard(&buf);
	cr_assert(eq(int, add(&ten, 4), -ERANGE));
	solve();
	cr_assert(all(zero(uint, given), zero(u64, store.bytes)));
}

Test(fec_store, blocks_are_bounded)
{
	struct rudp_fec_block block = {.count = 2, .symbol_bytes = 10};

	for (unsigned i = 0; i < RUDP_FEC_BLOCKS_MAX; i++) {
		block.start = i * 20;
		cr_assert(zero(int, add(&block, 0)));
	}
	block.start += 20;
	cr_assert(eq(int, add(&block, 0), -ENOSPC));
	block.start = 0;
	cr_assert(zero(int, add(&block, 1))); /* there is room for repair symbols */
	solve();
	cr_assert(eq(u64, buf.ring.tail, 20));
	cr_assert(eq(uint, store.group_count, RUDP_FEC_BLOCKS_MAX - 1));
}

Test(fec_store, repair_symbols_of_a_block_are_bounded)
{
	static const struct rudp_fec_block block = {0, 128, 10};

	for (unsigned i = 0; i < RUDP_FEC_SOLVE_MAX; i++)
		cr_assert(zero(int, add(&block, (uint8_t)(127 - i))));
	cr_assert(eq(int, add(&block, 0), -ENOSPC));
	cr_assert(zero(int, add(&block, 127))); /* this symbol is present */
	solve();
	cr_assert(zero(uint, given));
	arrive(0, 960);
	solve();
	cr_assert(eq(u64, buf.ring.tail, 1280));
}

Test(fec_store, repair_symbols_of_all_blocks_are_bounded)
{
	struct rudp_fec_block block = {.count = 100, .symbol_bytes = 10};

	for (unsigned i = 0; i < RUDP_FEC_SYMBOLS_MAX; i++) {
		block.start = i / 20 * 1000;
		cr_assert(zero(int, add(&block, (uint8_t)(i % 20))));
	}
	block.start = 15000;
	cr_assert(eq(int, add(&block, 0), -ENOSPC));
	arrive(0, 1000);
	solve();
	cr_assert(eq(uint, store.symbol_count, RUDP_FEC_SYMBOLS_MAX - 20));
	cr_assert(zero(int, add(&block, 0)));
}

/* Every other symbol is present. */
static void arrive_torn(const struct rudp_fec_block *block)
{
	for (uint32_t i = 0; i < block->count; i++)
		if (i % 2)
			arrive(block->start + i * block->symbol_bytes,
			       block->start + (i + 1) * block->symbol_bytes);
}

Test(fec_store, more_missing_symbols_than_solvable_are_waited_for)
{
	static const struct rudp_fec_block block = {0, 128, 10};

	arrive_torn(&block);
	for (unsigned i = 0; i < RUDP_FEC_SOLVE_MAX; i++)
		cr_assert(zero(int, add(&block, (uint8_t)i)));
	solve();
	cr_assert(zero(uint, given));
	for (uint64_t at = 0; at < 32; at++)
		arrive(at * 20, at * 20 + 10);
	solve();
	cr_assert(eq(u64, buf.ring.tail, 1280));
}

Test(fec_store, more_gaps_than_the_limit_are_waited_for)
{
	static const struct rudp_fec_block block = {0, 1, 400};

	for (unsigned i = 0; i <= HOLES_MAX; i++)
		arrive(i * 4 + 2, i * 4 + 4);
	cr_assert(zero(int, add(&block, 0)));
	solve();
	cr_assert(zero(uint, given));
	arrive(0, 8); /* one fewer, and the end */
	solve();
	cr_assert(eq(u64, buf.ring.tail, 400));
}

/* Of 32 symbols of 130 bytes only single bytes are present: each column has its own equations. */
Test(fec_store, too_many_tiny_pieces_are_not_solved)
{
	static const struct rudp_fec_block block = {0, 32, 130};

	for (unsigned i = 1; i < HOLES_MAX; i++) {
		uint64_t at = (uint64_t)(i / 2) * 130 + 2 * i;

		arrive(at, at + 1);
	}
	for (unsigned i = 0; i < RUDP_FEC_SOLVE_MAX; i++)
		cr_assert(zero(int, add(&block, (uint8_t)i)));
	solve();
	cr_assert(zero(uint, given));
	arrive(0, 130 * 25); /* few enough are missing */
	solve();
	cr_assert(eq(u64, buf.ring.tail, 130 * 32));
}

/* The remains after a heavy loss of packets that are a little shorter than symbols. */
Test(fec_store, packets_that_lie_across_symbols_are_solved_however_many)
{
	static const struct rudp_fec_block block = {0, 128, 1200};
	uint64_t end = UINT64_C(128) * 1200;

	for (unsigned i = 0; i * UINT64_C(1190) < end; i++) {
		uint64_t at = i * UINT64_C(1190);

		if (i % 5 != 2)
			arrive(at, at + 1190 < end ? at + 1190 : end);
	}
	for (unsigned i = 0; i < RUDP_FEC_SOLVE_MAX; i++)
		cr_assert(zero(int, add(&block, (uint8_t)i)));
	solve();
	cr_assert(eq(u64, buf.ring.tail, end));
}

Test(fec_store, without_memory_a_repair_symbol_is_not_kept)
{
	unsigned nth = 0;
	int err;

	arrive_without(1100, 1200);
	do {
		cr_assert(zero(u64, store.bytes));
		fault_arm(++nth);
		err = add(&ten, 3);
		cr_assert(eq(int, err, fault_count() < nth ? 0 : -ENOMEM));
	} while (err);
	cr_assert(eq(uint, nth, 3));
	fault_arm(1);
	cr_assert(eq(int, add(&ten, 4), -ENOMEM));
	cr_assert(eq(uint, store.symbol_count, 1));
}

Test(fec_store, without_memory_nothing_is_recovered_and_the_block_is_dropped)
{
	arrive_without(1100, 1200);
	cr_assert(zero(int, add(&ten, 3)));
	fault_arm(1);
	solve();
	cr_assert(all(zero(uint, given), zero(u64, store.bytes)));
}

/* Two blocks, each with two pieces to recover. */
static void have_two_to_solve(void)
{
	static const struct rudp_fec_block second = {2000, 10, 100};

	arrive(0, 1250);
	arrive(1350, 2250);
	arrive(2350, 3000);
	cr_assert(zero(int, add(&ten, 3)));
	cr_assert(zero(int, add(&second, 3)));
}

Test(fec_store, the_callback_may_stop)
{
	have_two_to_solve();
	stops_after = 1;
	solve();
	cr_assert(eq(uint, given, 3)); /* one piece of the first, both of the second */
	cr_assert(zero(u64, store.bytes));
}

Test(fec_store, the_callback_may_clear_the_store)
{
	for (stops_after = 1; stops_after <= 4; stops_after++) {
		rudp_recvbuf_fini(&buf);
		rudp_recvbuf_init(&buf, STREAM_BYTES, &budget);
		have_two_to_solve();
		given = 0;
		clears = true;
		solve();
		cr_assert(eq(uint, given, stops_after));
		cr_assert(zero(u64, store.bytes));
	}
}

Test(fec_store, a_cleared_store_can_be_used)
{
	have_two_to_solve();
	rudp_fec_store_clear(&store);
	expect_sound();
	have_two_to_solve();
	solve();
	cr_assert(eq(u64, buf.ring.tail, 3000));
}
