/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#define malloc fault_malloc
#define calloc fault_calloc
#include "base/ring.c"
#undef calloc
#undef malloc

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "random.h"

#define CAPACITY_MAX ((size_t)65536)
#define WRITE_MAX (8 * CAPACITY_MAX)

/* The expected byte at an offset of the stream, different in each turn of the ring. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static void fill(uint8_t *bytes, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(offset + i);
}

/* Checks the pieces of one call, which are all of a block's length. Returns their length. */
static size_t expect_pieces(const struct rudp_ring *ring, uint64_t offset, size_t len)
{
	struct iovec iov[2];
	int pieces = rudp_ring_readable(ring, offset, len, iov);
	size_t seen = 0;

	for (int i = 0; i < pieces; i++) {
		const uint8_t *bytes = iov[i].iov_base;

		cr_assert(ge(sz, iov[i].iov_len, 1));
		for (size_t n = 0; n < iov[i].iov_len; n++, seen++)
			if (bytes[n] != byte_at(offset + seen))
				cr_fatal("offset %llu", (unsigned long long)(offset + seen));
	}
	cr_assert(all(le(sz, seen, len),
		      ge(sz, seen, len < RUDP_RING_BLOCK_BYTES ? len : RUDP_RING_BLOCK_BYTES)));
	return seen;
}

static void expect_held(const struct rudp_ring *ring, uint64_t offset, size_t len)
{
	while (len > 0) {
		size_t seen = expect_pieces(ring, offset, len);

		offset += seen;
		len -= seen;
	}
}

static int write_tail(struct rudp_ring *ring, size_t len)
{
	static uint8_t bytes[WRITE_MAX];

	fill(bytes, ring->tail, len);
	return rudp_ring_write(ring, bytes, len);
}

static int write_at(struct rudp_ring *ring, uint64_t offset, size_t len)
{
	static uint8_t bytes[WRITE_MAX];

	fill(bytes, offset, len);
	return rudp_ring_write_at(ring, offset, bytes, len);
}

Test(ring, starts_without_memory)
{
	struct rudp_ring ring;
	struct iovec iov[2];

	rudp_ring_init(&ring, CAPACITY_MAX);
	cr_assert(eq(ptr, ring.blocks, NULL));
	cr_assert(eq(sz, rudp_ring_used(&ring), 0));
	cr_assert(eq(sz, rudp_ring_room(&ring), CAPACITY_MAX));
	cr_assert(eq(int, rudp_ring_readable(&ring, 0, 0, iov), 0));
	cr_assert(eq(int, rudp_ring_writable(&ring, 0, iov), 0));
	cr_assert(eq(int, rudp_ring_write(&ring, NULL, 0), 0));
	rudp_ring_consume(&ring, 0);
	rudp_ring_commit(&ring, 0);
	rudp_ring_trim(&ring);
	cr_assert(eq(ptr, ring.blocks, NULL));
	rudp_ring_fini(&ring);
}

Test(ring, rounds_its_maximum_up_to_a_power_of_two)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, 1);
	cr_assert(eq(sz, ring.capacity_max_bytes, 1));
	rudp_ring_init(&ring, 4097);
	cr_assert(eq(sz, ring.capacity_max_bytes, 8192));
	rudp_ring_init(&ring, 8192);
	cr_assert(eq(sz, ring.capacity_max_bytes, 8192));
}

Test(ring, a_maximum_below_a_page_is_kept)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, 16);
	cr_assert(eq(int, write_tail(&ring, 16), 0));
	cr_assert(eq(sz, ring.capacity_bytes, 16));
	cr_assert(eq(int, write_tail(&ring, 1), -ENOBUFS));
	expect_held(&ring, 0, 16);
	rudp_ring_fini(&ring);
}

Test(ring, keeps_its_bytes_when_it_grows_while_wrapped)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	write_tail(&ring, 4000);
	rudp_ring_consume(&ring, 3000);
	write_tail(&ring, 3000);
	cr_assert(eq(sz, ring.capacity_bytes, 4096));
	cr_assert(eq(int, write_tail(&ring, 10000), 0));
	cr_assert(eq(sz, ring.capacity_bytes, 16384));
	expect_held(&ring, 3000, 14000);
	rudp_ring_fini(&ring);
}

Test(ring, out_of_order_bytes_survive_growth)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	write_tail(&ring, 3000);
	rudp_ring_consume(&ring, 3000);
	write_at(&ring, 4000, 2000); /* wraps, after a gap of 1000 */
	cr_assert(eq(u64, ring.tail, 3000));
	cr_assert(eq(u64, ring.extent, 6000));
	write_at(&ring, 20000, 500); /* grows */
	write_at(&ring, 3000, 1000);
	rudp_ring_commit(&ring, 3000);
	expect_held(&ring, 3000, 3000);
	write_at(&ring, 6000, 14000);
	rudp_ring_commit(&ring, 14500);
	expect_held(&ring, 3000, 17500);
	cr_assert(eq(u64, ring.extent, ring.tail));
	rudp_ring_fini(&ring);
}

Test(ring, refuses_beyond_its_maximum_and_changes_nothing)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	write_tail(&ring, CAPACITY_MAX);
	cr_assert(eq(int, write_tail(&ring, 1), -ENOBUFS));
	cr_assert(eq(int, write_at(&ring, CAPACITY_MAX - 1, 2), -ENOBUFS));
	cr_assert(eq(int, rudp_ring_write_at(&ring, UINT64_MAX, "x", 1), -ENOBUFS));
	cr_assert(eq(int, rudp_ring_write_at(&ring, UINT64_MAX - 5, "xxxxxxxxxx", 10), -ENOBUFS));
	cr_assert(eq(int, rudp_ring_reserve(&ring, CAPACITY_MAX + 1), -ENOBUFS));
	cr_assert(eq(int, rudp_ring_reserve(&ring, CAPACITY_MAX), 0));
	cr_assert(eq(sz, rudp_ring_room(&ring), 0));
	expect_held(&ring, 0, CAPACITY_MAX);
	rudp_ring_consume(&ring, 1);
	cr_assert(eq(int, write_tail(&ring, 1), 0));
	expect_held(&ring, 1, CAPACITY_MAX);
	rudp_ring_fini(&ring);
}

Test(ring, trim_frees_unneeded_memory)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	write_tail(&ring, CAPACITY_MAX);
	rudp_ring_consume(&ring, CAPACITY_MAX - 5000);
	rudp_ring_trim(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, 8192));
	expect_held(&ring, CAPACITY_MAX - 5000, 5000);
	rudp_ring_consume(&ring, 5000);
	rudp_ring_trim(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, 0));
	cr_assert(eq(ptr, ring.blocks, NULL));
	cr_assert(eq(int, write_tail(&ring, 10), 0));
	expect_held(&ring, CAPACITY_MAX, 10);
	rudp_ring_fini(&ring);
}

Test(ring, growth_is_the_memory_that_reserve_adds)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	cr_assert(eq(sz, rudp_ring_growth(&ring, 0), 0));
	cr_assert(eq(sz, rudp_ring_growth(&ring, 1), 4096));
	write_tail(&ring, 4096);
	cr_assert(eq(sz, rudp_ring_growth(&ring, 4096), 0));
	cr_assert(eq(sz, rudp_ring_growth(&ring, 8193), 16384 - 4096));
	cr_assert(eq(sz, rudp_ring_growth(&ring, CAPACITY_MAX), CAPACITY_MAX - 4096));
	cr_assert(eq(sz, rudp_ring_growth(&ring, CAPACITY_MAX + 1), 0)); /* it will not */
	rudp_ring_consume(&ring, 4000);
	cr_assert(eq(sz, rudp_ring_growth(&ring, 8096), 0));
	cr_assert(eq(sz, rudp_ring_growth(&ring, 3999), 0)); /* behind it */
	rudp_ring_fini(&ring);
}

Test(ring, shrinks_when_three_quarters_are_not_needed)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	write_tail(&ring, CAPACITY_MAX);
	rudp_ring_consume(&ring, CAPACITY_MAX - CAPACITY_MAX / 4);
	rudp_ring_shrink(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, CAPACITY_MAX));
	rudp_ring_consume(&ring, 1);
	rudp_ring_shrink(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, CAPACITY_MAX / 4));
	expect_held(&ring, CAPACITY_MAX - CAPACITY_MAX / 4 + 1, CAPACITY_MAX / 4 - 1);
	rudp_ring_consume(&ring, CAPACITY_MAX / 4 - 1);
	rudp_ring_shrink(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, 0));
	rudp_ring_shrink(&ring);
	rudp_ring_fini(&ring);
}

Test(ring, trim_keeps_out_of_order_bytes)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	write_at(&ring, 60000, 10);
	rudp_ring_trim(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, CAPACITY_MAX));
	write_at(&ring, 0, 60000);
	rudp_ring_commit(&ring, 60010);
	expect_held(&ring, 0, 60010);
	rudp_ring_fini(&ring);
}

Test(ring, trim_without_memory_keeps_all)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	write_tail(&ring, CAPACITY_MAX);
	rudp_ring_consume(&ring, CAPACITY_MAX - 10);
	fault_arm(1);
	rudp_ring_trim(&ring);
	cr_assert(eq(uint, fault_count(), 1));
	cr_assert(eq(sz, ring.capacity_bytes, CAPACITY_MAX));
	expect_held(&ring, CAPACITY_MAX - 10, 10);
	rudp_ring_fini(&ring);
}

Test(ring, writable_gives_less_when_memory_does_not_grow)
{
	struct rudp_ring ring;
	struct iovec iov[2];

	rudp_ring_init(&ring, CAPACITY_MAX);
	fault_arm(1);
	cr_assert(eq(int, rudp_ring_writable(&ring, 100, iov), 0));
	write_tail(&ring, 4000);
	fault_arm(1);
	cr_assert(eq(int, rudp_ring_writable(&ring, 1000, iov), 1));
	cr_assert(eq(sz, iov[0].iov_len, 96));
	cr_assert(eq(int, rudp_ring_writable(&ring, SIZE_MAX, iov), 1));
	cr_assert(eq(sz, iov[0].iov_len, CAPACITY_MAX - 4000));
	rudp_ring_fini(&ring);
}

Test(ring, without_memory_a_write_changes_nothing)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, CAPACITY_MAX);
	fault_arm(1);
	cr_assert(eq(int, write_tail(&ring, 1), -ENOMEM));
	cr_assert(eq(u64, ring.tail, 0));
	cr_assert(eq(int, write_tail(&ring, 4096), 0));
	fault_arm(1);
	cr_assert(eq(int, write_at(&ring, 5000, 10), -ENOMEM));
	cr_assert(eq(u64, ring.extent, 4096));
	fault_arm(1);
	cr_assert(eq(int, rudp_ring_reserve(&ring, 5000), -ENOMEM));
	expect_held(&ring, 0, 4096);
	rudp_ring_fini(&ring);
}

/* The reference implementation: one bool per byte of the whole stream, true if written. */
#define STREAM_LEN ((size_t)8 << 20)

struct model {
	struct rudp_ring ring;
	struct random random;
	bool written[STREAM_LEN];
};

static void expect_err(const struct model *model, int err, uint64_t end)
{
	if (end - model->ring.head > model->ring.capacity_max_bytes)
		cr_assert(eq(int, err, -ENOBUFS));
	else if (err == -ENOMEM)
		cr_assert(eq(uint, fault_count(), 1));
	else
		cr_assert(eq(int, err, 0));
}

static void step_write_at(struct model *model, size_t len)
{
	uint64_t ahead = random_below(&model->random, model->ring.capacity_max_bytes);
	uint64_t offset = model->ring.head + ahead;
	int err = write_at(&model->ring, offset, len);

	expect_err(model, err, offset + len);
	if (!err)
		memset(&model->written[offset], true, len);
}

static void step_write(struct model *model, size_t len)
{
	uint64_t tail = model->ring.tail;
	int err = write_tail(&model->ring, len);

	expect_err(model, err, tail + len);
	if (!err)
		memset(&model->written[tail], true, len);
	cr_assert(eq(u64, model->ring.tail, err ? tail : tail + len));
}

/* Like the send buffer: writes bytes behind the tail, then commits them. */
static void step_writable(struct model *model, size_t want)
{
	struct rudp_ring *ring = &model->ring;
	uint64_t offset = ring->tail;
	struct iovec iov[2];
	int pieces;

	pieces = rudp_ring_writable(ring, want, iov);
	for (int i = 0; i < pieces; i++) {
		fill(iov[i].iov_base, offset, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	if (fault_count() == 0 && want <= rudp_ring_room(ring))
		cr_assert(ge(u64, offset, ring->tail + rudp_min(want, RUDP_RING_BLOCK_BYTES)));
	cr_assert(le(u64, offset, ring->tail + want));
	memset(&model->written[ring->tail], true, offset - ring->tail);
	rudp_ring_commit(ring, (size_t)(offset - ring->tail));
}

/* Like the receive buffer: the tail moves when the gap is closed. */
static void step_commit(struct model *model)
{
	uint64_t tail = model->ring.tail;

	while (model->written[tail])
		tail++;
	rudp_ring_commit(&model->ring, (size_t)(tail - model->ring.tail));
}

static void step_consume(struct model *model)
{
	size_t used = rudp_ring_used(&model->ring);

	rudp_ring_consume(&model->ring, (size_t)random_below(&model->random, used + 1));
}

static void expect_sound(const struct model *model)
{
	const struct rudp_ring *ring = &model->ring;
	uint64_t extent = ring->tail;

	for (uint64_t i = ring->tail; i < ring->head + ring->capacity_max_bytes; i++)
		if (model->written[i])
			extent = i + 1;
	cr_assert(eq(u64, ring->extent, extent));
	cr_assert(le(u64, ring->extent - ring->head, ring->capacity_bytes));
	cr_assert(le(sz, ring->capacity_bytes, ring->capacity_max_bytes));
	cr_assert(eq(sz, ring->capacity_bytes & (ring->capacity_bytes - 1), 0));
	expect_held(ring, ring->head, rudp_ring_used(ring));
}

static void step_once(struct model *model, size_t len_max)
{
	size_t len = (size_t)random_below(&model->random, len_max);

	fault_arm(random_below(&model->random, 5) == 0);
	switch (random_below(&model->random, 8)) {
	case 0:
	case 1:
		step_write_at(model, len);
		break;
	case 2:
		step_write(model, len);
		break;
	case 3:
		step_writable(model, len);
		break;
	case 4:
	case 5:
		step_commit(model);
		break;
	case 6:
		step_consume(model);
		break;
	default:
		rudp_ring_trim(&model->ring);
	}
}

static void run_model(uint64_t seed, size_t capacity_max_bytes, size_t len_max)
{
	struct model *model = calloc(1, sizeof *model);

	cr_assert(ne(ptr, model, NULL));
	model->random.state = seed;
	rudp_ring_init(&model->ring, capacity_max_bytes);
	for (int step = 0; step < 3000; step++) {
		if (model->ring.head + 2 * capacity_max_bytes + len_max > STREAM_LEN)
			break;
		step_once(model, len_max);
		expect_sound(model);
	}
	/* the ring has wrapped many times */
	cr_assert(lt(u64, 4 * capacity_max_bytes, model->ring.head));
	rudp_ring_fini(&model->ring);
	free(model);
}

Test(ring, behaves_like_a_plain_array)
{
	run_model(1, 64, 40);
	run_model(2, 8192, 3000);
	run_model(3, 32768, 3000);
	run_model(4, 65536, 60000);
	run_model(5, 8 * RUDP_RING_BLOCK_BYTES, 200000);
	run_model(6, 16 * RUDP_RING_BLOCK_BYTES, 500000);
}

/* The addresses of the bytes at [from, end), one of each block's length. */
static unsigned note_places(const struct rudp_ring *ring, uint64_t from, uint64_t end,
			    const void *places[])
{
	struct iovec iov[2];
	unsigned count = 0;

	for (; from < end; from += RUDP_RING_BLOCK_BYTES) {
		rudp_ring_readable(ring, from, 1, iov);
		places[count++] = iov[0].iov_base;
	}
	return count;
}

static unsigned moved_places(const struct rudp_ring *ring, uint64_t from, uint64_t end,
			     const void *before[])
{
	const void *after[64];
	unsigned count = note_places(ring, from, end, after), moved = 0;

	for (unsigned i = 0; i < count; i++)
		moved += after[i] != before[i];
	return moved;
}

/* A packet that makes a ring of megabytes grow must not cost more than another. */
Test(ring, copies_at_most_one_block_when_its_capacity_changes)
{
	const void *places[64];
	struct rudp_ring ring;
	uint64_t from = 1000;

	rudp_ring_init(&ring, 64 * RUDP_RING_BLOCK_BYTES);
	write_tail(&ring, from);
	rudp_ring_consume(&ring, from);
	for (unsigned blocks = 8; blocks < 32; blocks *= 2) {
		write_tail(&ring, blocks * RUDP_RING_BLOCK_BYTES - rudp_ring_used(&ring));
		cr_assert(eq(sz, ring.capacity_bytes, blocks * RUDP_RING_BLOCK_BYTES));
		note_places(&ring, from, ring.tail, places);
		write_tail(&ring, 1);
		cr_assert(eq(sz, ring.capacity_bytes, 2 * blocks * RUDP_RING_BLOCK_BYTES));
		cr_assert(le(uint, moved_places(&ring, from, ring.tail - 1, places), 1));
		expect_held(&ring, from, rudp_ring_used(&ring));
	}
	rudp_ring_consume(&ring, rudp_ring_used(&ring) - 3 * RUDP_RING_BLOCK_BYTES);
	note_places(&ring, ring.head, ring.tail, places);
	rudp_ring_shrink(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, 4 * RUDP_RING_BLOCK_BYTES));
	cr_assert(zero(uint, moved_places(&ring, ring.head, ring.tail, places)));
	expect_held(&ring, ring.head, rudp_ring_used(&ring));
	rudp_ring_fini(&ring);
}

/* A single byte far beyond the tail takes a block, not all memory up to it. */
Test(ring, has_memory_only_where_bytes_are)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, 64 * RUDP_RING_BLOCK_BYTES);
	fault_arm(0);
	write_at(&ring, 40 * RUDP_RING_BLOCK_BYTES, 1);
	cr_assert(eq(uint, fault_count(), 2)); /* the list of blocks, and one block */
	write_at(&ring, 40 * RUDP_RING_BLOCK_BYTES + 1, 1000);
	cr_assert(eq(uint, fault_count(), 2));
	rudp_ring_fini(&ring);
}

/* A stream of megabytes with little unread at a time uses the same few blocks. */
Test(ring, uses_the_blocks_of_consumed_bytes_again)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, 64 * RUDP_RING_BLOCK_BYTES);
	write_tail(&ring, 8 * RUDP_RING_BLOCK_BYTES);
	write_tail(&ring, 8 * RUDP_RING_BLOCK_BYTES);
	rudp_ring_consume(&ring, rudp_ring_used(&ring));
	write_tail(&ring, 8 * RUDP_RING_BLOCK_BYTES); /* the capacity grows */
	fault_arm(0);
	for (int i = 0; i < 200; i++) {
		rudp_ring_consume(&ring, rudp_ring_used(&ring) - 100);
		cr_assert(zero(int, write_tail(&ring, 3 * RUDP_RING_BLOCK_BYTES + 7)));
		expect_held(&ring, ring.head, rudp_ring_used(&ring));
		cr_assert(le(u64, rudp_ring_kept(&ring) + 3 * RUDP_RING_BLOCK_BYTES, ring.head));
	}
	cr_assert(zero(uint, fault_count()));
	rudp_ring_fini(&ring);
}

Test(ring, gives_long_ranges_in_parts)
{
	struct rudp_ring ring;
	struct iovec iov[2];

	rudp_ring_init(&ring, 8 * RUDP_RING_BLOCK_BYTES);
	cr_assert(eq(int, rudp_ring_writable(&ring, 3 * RUDP_RING_BLOCK_BYTES, iov), 2));
	cr_assert(eq(sz, iov[0].iov_len + iov[1].iov_len, 2 * RUDP_RING_BLOCK_BYTES));
	write_tail(&ring, 4 * RUDP_RING_BLOCK_BYTES);
	cr_assert(eq(int, rudp_ring_readable(&ring, 10, 3 * RUDP_RING_BLOCK_BYTES, iov), 2));
	cr_assert(eq(sz, iov[0].iov_len + iov[1].iov_len, 2 * RUDP_RING_BLOCK_BYTES - 10));
	rudp_ring_fini(&ring);
}

Test(ring, reserved_bytes_need_no_memory_when_they_are_written)
{
	struct rudp_ring ring;

	rudp_ring_init(&ring, 8 * RUDP_RING_BLOCK_BYTES);
	write_tail(&ring, 1000);
	cr_assert(zero(int, rudp_ring_reserve(&ring, 1000 + 3 * RUDP_RING_BLOCK_BYTES)));
	fault_arm(1);
	cr_assert(zero(int, write_tail(&ring, 3 * RUDP_RING_BLOCK_BYTES)));
	cr_assert(zero(uint, fault_count()));
	expect_held(&ring, 0, rudp_ring_used(&ring));
	rudp_ring_fini(&ring);
}

/* The second block has no memory: only the first piece is given. */
Test(ring, writable_gives_the_pieces_that_have_memory)
{
	struct rudp_ring ring;
	struct iovec iov[2];

	rudp_ring_init(&ring, 8 * RUDP_RING_BLOCK_BYTES);
	fault_arm(3);
	cr_assert(eq(int, rudp_ring_writable(&ring, 2 * RUDP_RING_BLOCK_BYTES, iov), 1));
	cr_assert(eq(sz, iov[0].iov_len, RUDP_RING_BLOCK_BYTES));
	rudp_ring_fini(&ring);
}
