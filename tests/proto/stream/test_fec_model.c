/* SPDX-License-Identifier: MIT */
/* Streams that lose packets, and the bytes that repair symbols recover. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/fault.h"
#include "base/random.h"
#include "proto/checks.h"
#include "proto/stream/fec_store.h"

#define STREAM_BYTES (1u << 20) /* the first window */
#define PACKETS_MAX 4096u
#define SYMBOL_MAX 1500u
#define NOW (1000 * RUDP_NS_PER_S)

static const struct rudp_budget budget = {.limit_bytes = UINT64_MAX};
static uint8_t stream[STREAM_BYTES];
static struct rudp_ring sent; /* all of it */
static struct rudp_recvbuf buf;
static struct rudp_fec_store store;
static struct random dice;
static uint64_t given_bytes;

static void renew(void)
{
	rudp_fec_store_clear(&store);
	rudp_recvbuf_fini(&buf);
	rudp_recvbuf_init(&buf, STREAM_BYTES, &budget);
	buf.history_bytes = RUDP_FEC_BLOCK_BYTES_MAX;
}

static void setup(void)
{
	dice.state = 5;
	for (size_t i = 0; i < sizeof stream; i++)
		stream[i] = (uint8_t)random_next(&dice);
	rudp_ring_init(&sent, STREAM_BYTES);
	cr_assert(zero(int, rudp_ring_write(&sent, stream, STREAM_BYTES)));
	rudp_recvbuf_init(&buf, STREAM_BYTES, &budget);
	rudp_fec_store_init(&store);
	renew();
}

static void teardown(void)
{
	fault_arm(0);
	renew();
	cr_assert(all(zero(u64, store.bytes), zero(uint, store.symbol_count)));
	rudp_recvbuf_fini(&buf);
	rudp_ring_fini(&sent);
}

TestSuite(fec_model, .init = setup, .fini = teardown, .timeout = 120);

static uint32_t roll(uint32_t n)
{
	return (uint32_t)random_below(&dice, n);
}

struct packet {
	uint64_t start, end;
	bool lost;
};

static struct packet packets[PACKETS_MAX + 1];
static unsigned packet_count;

/* Sends [from, to) in packets of at most this size, most of them of exactly it. */
static void cut(uint64_t from, uint64_t to, uint32_t most)
{
	for (packet_count = 0; from < to; packet_count++) {
		uint64_t len = roll(4) ? most : 1 + roll(most);

		cr_assert(lt(uint, packet_count, PACKETS_MAX));
		if (len > to - from)
			len = to - from;
		packets[packet_count] = (struct packet){from, from + len, false};
		from += len;
	}
}

/* False if there was no memory. */
static bool arrive(uint64_t start, uint64_t end)
{
	enum rudp_verdict verdict =
		rudp_recvbuf_take(&buf, start, stream + start, (size_t)(end - start), false, NOW);

	if (verdict != RUDP_VERDICT_OK)
		cr_assert(
			all(eq(int, verdict, RUDP_VERDICT_NO_MEMORY), ge(uint, fault_count(), 1)));
	rudp_fec_store_on_bytes(&store, start, end);
	return verdict == RUDP_VERDICT_OK;
}

/* The program reads, and gets the bytes that were sent. */
static void read_some(size_t n)
{
	uint64_t offset = buf.ring.head;
	struct iovec iov[2];
	int pieces = rudp_ring_readable(&buf.ring, offset, n, iov);

	for (int i = 0; i < pieces; i++) {
		cr_assert(zero(int, memcmp(iov[i].iov_base, stream + offset, iov[i].iov_len)));
		offset += iov[i].iov_len;
	}
	rudp_recvbuf_consume(&buf, n, 20 * RUDP_NS_PER_MS, NOW);
}

static bool take_back(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
	(void)context;
	if (memcmp(bytes, stream + offset, len) != 0)
		cr_fatal("%zu bytes at %llu are not right", len, (unsigned long long)offset);
	given_bytes += len;
	rudp_fec_store_on_bytes(&store, offset, offset + len);
	return rudp_recvbuf_take(&buf, offset, bytes, len, false, NOW) == RUDP_VERDICT_OK;
}

static void solve(void)
{
	rudp_fec_store_solve(&store, &buf, UINT64_MAX, take_back, NULL);
	cr_assert(rudp_recvbuf_check(&buf));
	cr_assert(le(uint, store.group_count, store.symbol_count));
	cr_assert(eq(int, store.bytes == 0, store.group_count == 0));
}

static void add(const struct rudp_fec_block *block, uint8_t row)
{
	uint8_t sum[SYMBOL_MAX];

	rudp_fec_symbol(&sent, block, row, sum);
	(void)rudp_fec_store_add(&store, &buf, block, row, sum);
	cr_assert(le(uint, store.symbol_count, RUDP_FEC_SYMBOLS_MAX));
}

static struct rudp_fec_block any_block(uint32_t start_below)
{
	return (struct rudp_fec_block){
		.start = roll(start_below),
		.count = 1 + roll(RUDP_FEC_COUNT_MAX),
		.symbol_bytes = 1 + roll(roll(4) ? SYMBOL_MAX : 40),
	};
}

static void shuffle(unsigned from, unsigned count)
{
	for (; count > 1; from++, count--) {
		unsigned other = from + roll(count);
		struct packet swapped = packets[from];

		packets[from] = packets[other];
		packets[other] = swapped;
	}
}

/* Chooses n packets that touch the block, or lie inside it. Returns their number. */
static unsigned lose(const struct rudp_fec_block *block, unsigned n, bool inside)
{
	uint64_t end = rudp_fec_end(block);
	unsigned lost = 0;

	for (unsigned i = 0; i < packet_count && lost < n; i++) {
		struct packet *packet = &packets[i];

		packet->lost = inside ? packet->start >= block->start && packet->end <= end
				      : packet->end > block->start && packet->start < end;
		lost += packet->lost;
	}
	return lost;
}

static void arrive_all_but_lost(void)
{
	for (unsigned i = 0; i < packet_count; i++)
		if (!packets[i].lost)
			cr_assert(arrive(packets[i].start, packets[i].end));
}

/* Adds this many repair symbols of random rows. */
static void add_sums(const struct rudp_fec_block *block, unsigned n)
{
	uint8_t row = (uint8_t)roll(RUDP_FEC_ROWS_MAX);

	for (unsigned i = 0; i < n; i++, row = (uint8_t)((row + 37) % RUDP_FEC_ROWS_MAX))
		add(block, row);
}

static bool is_there(const struct rudp_fec_block *block)
{
	uint64_t end = rudp_fec_end(block), tail = buf.ring.tail;

	return tail >= end ||
	       rudp_range_set_covers(&buf.pending, tail > block->start ? tail : block->start, end);
}

/* Packets of at most this many symbols; in the end all but n packets of the block are present. */
static unsigned arrive_around(const struct rudp_fec_block *block, uint32_t times, unsigned n)
{
	uint32_t margin = 3 * block->symbol_bytes;
	uint64_t from = block->start > margin ? block->start - roll(margin) : 0;

	renew();
	if (from > 0)
		cr_assert(arrive(0, from));
	cut(from, rudp_fec_end(block) + roll(margin), times * block->symbol_bytes);
	shuffle(0, packet_count);
	n = lose(block, n, false);
	arrive_all_but_lost();
	return n;
}

/* Each missing packet may start and end a piece: solving is not promised above the limit. */
static bool is_promised(const struct rudp_fec_block *block, unsigned lost, unsigned sums)
{
	return (2 * lost + 1) * sums <= 2 * (block->symbol_bytes + 32);
}

Test(fec_model, as_many_repair_symbols_as_missing_ones_recover_all)
{
	unsigned promised = 0;

	for (int trial = 0; trial < 600; trial++) {
		struct rudp_fec_block block = any_block(100000);
		uint32_t times = 1 + roll(3);
		unsigned n = arrive_around(&block, times, 1 + roll(RUDP_FEC_SOLVE_MAX / times));

		read_some(roll((uint32_t)rudp_ring_used(&buf.ring) + 1));
		cr_assert(le(uint, n * times, RUDP_FEC_SOLVE_MAX));
		add_sums(&block, n * times);
		solve();
		if (!is_promised(&block, n, n * times))
			continue;
		promised++;
		cr_assert(all(is_there(&block), zero(u64, store.bytes)), "trial %d", trial);
	}
	cr_assert(ge(uint, promised, 200));
	cr_assert(ge(u64, given_bytes, 1000000));
}

/* Packets of exactly one symbol each, with their own borders. */
static unsigned lose_whole_ones(const struct rudp_fec_block *block)
{
	uint64_t from = block->start - roll(block->symbol_bytes), end = rudp_fec_end(block);
	unsigned n;

	renew();
	if (from > 0)
		cr_assert(arrive(0, from));
	for (packet_count = 0; from < end; packet_count++, from += block->symbol_bytes)
		packets[packet_count] = (struct packet){from, from + block->symbol_bytes, false};
	shuffle(0, packet_count);
	n = lose(block, 1 + roll(RUDP_FEC_SOLVE_MAX), true);
	arrive_all_but_lost();
	return n;
}

Test(fec_model, with_one_repair_symbol_less_one_more_packet_is_needed)
{
	for (int trial = 0; trial < 400; trial++) {
		struct rudp_fec_block block = any_block(100000);
		unsigned n, i = 0;

		block.start += block.symbol_bytes;
		n = lose_whole_ones(&block);
		if (n < 2)
			continue;
		add_sums(&block, n - 1);
		given_bytes = 0;
		solve();
		cr_assert(all(zero(u64, given_bytes), eq(uint, store.group_count, 1)));
		while (!packets[i].lost)
			i++;
		cr_assert(arrive(packets[i].start, packets[i].end));
		solve();
		cr_assert(all(is_there(&block), zero(u64, store.bytes)), "trial %d", trial);
		cr_assert(eq(u64, given_bytes, (n - 1) * (uint64_t)block.symbol_bytes));
	}
}

/* Some repair symbols of a block, or a packet, or a read by the program. */
static void anything_happens(unsigned *next, unsigned loss_percent)
{
	struct rudp_fec_block block = any_block(STREAM_BYTES / 4);
	struct packet *packet = &packets[*next];

	switch (roll(8)) {
	case 0:
		add_sums(&block, 1 + roll(RUDP_FEC_SOLVE_MAX));
		break;
	case 1:
		read_some(roll((uint32_t)rudp_ring_used(&buf.ring) + 1));
		break;
	default:
		packet->lost = roll(100) < loss_percent || !arrive(packet->start, packet->end);
		++*next;
	}
}

/* Lost packets are retransmitted, and then no block remains. */
static void end_of_it(void)
{
	for (unsigned i = 0; i < packet_count; i++) {
		if (packets[i].lost)
			cr_assert(arrive(packets[i].start, packets[i].end));
		solve();
	}
	cr_assert(all(zero(u64, store.bytes), zero(uint, store.group_count)));
	cr_assert(eq(u64, buf.ring.tail, packets[packet_count].end));
	read_some(rudp_ring_used(&buf.ring));
}

static void run(unsigned loss_percent, unsigned faults_percent)
{
	uint64_t end = STREAM_BYTES / 4 + (RUDP_FEC_COUNT_MAX + 1) * SYMBOL_MAX;
	unsigned next = 0;

	renew();
	cut(0, end, 300 + roll(1200));
	for (unsigned from = 0; from + 20 < packet_count; from += 20)
		shuffle(from, 20);
	packets[packet_count].end = end;
	while (next < packet_count) {
		fault_arm(roll(100) < faults_percent ? 1 + roll(2) : 0);
		anything_happens(&next, loss_percent);
		solve();
	}
	fault_arm(0);
	end_of_it();
}

Test(fec_model, recovered_bytes_are_right)
{
	static const unsigned percents[] = {0, 1, 5, 20, 50, 100};

	for (int trial = 0; trial < 18; trial++)
		run(percents[trial % 6], 0);
	cr_assert(ge(u64, given_bytes, 100000));
}

Test(fec_model, recovered_bytes_are_right_without_memory)
{
	for (int trial = 0; trial < 12; trial++)
		run(1 + roll(40), 1 + roll(50));
	cr_assert(ge(u64, given_bytes, 100000));
}
