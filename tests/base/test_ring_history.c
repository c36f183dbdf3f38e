/* SPDX-License-Identifier: MIT */
/* Tests the history: the consumed bytes that a ring keeps. */
#include "base/ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "fault.h"
#include "random.h"

#define CAPACITY_MAX ((size_t)65536)
#define STREAM_LEN ((size_t)8 << 20)

static uint8_t stream[STREAM_LEN]; /* the byte written at this offset */
static struct rudp_ring ring;

static void setup(void)
{
	struct random random = {7};

	for (size_t i = 0; i < sizeof stream; i++)
		stream[i] = (uint8_t)random_next(&random);
	rudp_ring_init(&ring, CAPACITY_MAX);
}

static void teardown(void)
{
	fault_arm(0);
	rudp_ring_fini(&ring);
}

TestSuite(ring_history, .init = setup, .fini = teardown);

static int append(size_t len)
{
	return rudp_ring_write(&ring, stream + ring.tail, len);
}

static void pass(size_t len)
{
	cr_assert(zero(int, append(len)));
	rudp_ring_consume(&ring, rudp_ring_used(&ring));
}

/* All bytes from kept on, which must exist, are those written. */
static void expect_kept(uint64_t kept)
{
	struct iovec iov[2];
	uint64_t offset = kept;
	int pieces;

	cr_assert(eq(u64, rudp_ring_kept(&ring), kept));
	while (offset < ring.extent) {
		pieces = rudp_ring_look(&ring, offset, (size_t)(ring.extent - offset), iov);
		for (int i = 0; i < pieces; i++) {
			cr_assert(zero(int,
				       memcmp(iov[i].iov_base, stream + offset, iov[i].iov_len)));
			offset += iov[i].iov_len;
		}
	}
}

Test(ring_history, of_a_ring_without_memory_is_empty)
{
	struct iovec iov[2];

	cr_assert(zero(u64, rudp_ring_kept(&ring)));
	cr_assert(zero(int, rudp_ring_look(&ring, 0, 0, iov)));
}

Test(ring_history, is_readable_until_it_is_overwritten)
{
	pass(3000);
	expect_kept(0);
	pass(1096);
	expect_kept(0);
	pass(1000);
	cr_assert(eq(sz, ring.capacity_bytes, 4096));
	expect_kept(1000); /* and wraps */
	cr_assert(zero(int, append(4096)));
	expect_kept(5096);
}

Test(ring_history, is_overwritten_by_out_of_order_bytes_too)
{
	pass(4000);
	cr_assert(zero(int, rudp_ring_write_at(&ring, 5000, stream + 5000, 100)));
	cr_assert(eq(u64, rudp_ring_kept(&ring), 5100 - 4096));
}

Test(ring_history, is_lost_when_memory_grows_without_keep_bytes)
{
	pass(3000);
	cr_assert(zero(int, append(5000)));
	expect_kept(3000);
	rudp_ring_consume(&ring, 5000);
	expect_kept(3000);
}

Test(ring_history, with_keep_bytes_makes_memory_grow)
{
	ring.keep_bytes = 10000;
	for (int i = 0; i < 4; i++)
		pass(4000);
	expect_kept(0);
	cr_assert(eq(sz, ring.capacity_bytes, 16384));
	for (int i = 0; i < 20; i++)
		pass(4000);
	cr_assert(eq(sz, ring.capacity_bytes, 16384));
	expect_kept(24 * 4000 - 16384);
}

Test(ring_history, gives_way_to_unread_bytes)
{
	ring.keep_bytes = CAPACITY_MAX;
	pass(CAPACITY_MAX / 2);
	cr_assert(zero(int, append(CAPACITY_MAX / 2 + 100)));
	cr_assert(eq(sz, ring.capacity_bytes, CAPACITY_MAX));
	expect_kept(100);
	cr_assert(zero(int, append(CAPACITY_MAX / 2 - 100)));
	expect_kept(CAPACITY_MAX / 2);
	cr_assert(eq(int, append(1), -ENOBUFS));
	cr_assert(eq(int, rudp_ring_reserve(&ring, ring.tail + 1), -ENOBUFS));
	expect_kept(CAPACITY_MAX / 2);
}

Test(ring_history, at_maximum_capacity_uses_the_free_space)
{
	ring.keep_bytes = 3 * CAPACITY_MAX;
	for (int i = 0; i < 10; i++)
		pass(20000);
	expect_kept(200000 - CAPACITY_MAX);
}

Test(ring_history, kept_bytes_count_as_growth)
{
	pass(4096);
	cr_assert(zero(sz, rudp_ring_growth(&ring, 5096)));
	ring.keep_bytes = 4096;
	cr_assert(eq(sz, rudp_ring_growth(&ring, 5096), 4096));
	cr_assert(zero(sz, rudp_ring_growth(&ring, 4096)));
	cr_assert(zero(sz, rudp_ring_growth(&ring, 4096 + CAPACITY_MAX + 1)));
	cr_assert(eq(sz, rudp_ring_growth(&ring, 4096 + CAPACITY_MAX), CAPACITY_MAX - 4096));
	ring.keep_bytes = 1000; /* 4096 bytes of memory have room for 3096 more */
	cr_assert(zero(sz, rudp_ring_growth(&ring, 4096 + 3096)));
	cr_assert(eq(sz, rudp_ring_growth(&ring, 4096 + 3097), 4096));
}

Test(ring_history, with_keep_bytes_set_later_is_what_still_exists)
{
	pass(5000);
	pass(5000);
	pass(5000);
	cr_assert(eq(sz, ring.capacity_bytes, 8192));
	ring.keep_bytes = 14000;
	expect_kept(15000 - 8192);
	pass(1000);
	expect_kept(15000 - 8192);
}

Test(ring_history, is_freed_when_an_empty_ring_is_trimmed)
{
	ring.keep_bytes = 10000;
	pass(5000);
	rudp_ring_trim(&ring);
	expect_kept(5000);
	cr_assert(zero(sz, ring.capacity_bytes));
	pass(100);
	expect_kept(5000);
}

Test(ring_history, is_lost_when_memory_shrinks)
{
	ring.keep_bytes = CAPACITY_MAX;
	pass(40000);
	cr_assert(zero(int, append(100)));
	expect_kept(0);
	rudp_ring_shrink(&ring);
	cr_assert(eq(sz, ring.capacity_bytes, 4096));
	expect_kept(40000);
	cr_assert(zero(int, append(4096)));
	expect_kept(40000);
}

Test(ring_history, stays_where_a_trim_needs_no_other_memory)
{
	pass(4000);
	cr_assert(zero(int, append(50)));
	rudp_ring_trim(&ring);
	rudp_ring_shrink(&ring);
	expect_kept(0);
}

Test(ring_history, stays_where_there_is_no_memory_to_trim_into)
{
	ring.keep_bytes = CAPACITY_MAX;
	pass(40000);
	cr_assert(zero(int, append(100)));
	fault_arm(1);
	rudp_ring_trim(&ring);
	cr_assert(eq(uint, fault_count(), 1));
	expect_kept(0);
}

Test(ring_history, is_given_up_before_unread_bytes)
{
	ring.keep_bytes = 8192;
	pass(4096);
	fault_arm(1);
	cr_assert(zero(int, append(1096)));
	cr_assert(eq(uint, fault_count(), 1));
	cr_assert(eq(sz, ring.capacity_bytes, 4096));
	expect_kept(1096);
}

Test(ring_history, given_up_still_fails_without_memory_for_new_bytes)
{
	ring.keep_bytes = 8192;
	pass(4096);
	fault_arm(1);
	cr_assert(eq(int, append(4097), -ENOMEM));
	cr_assert(all(eq(u64, ring.tail, 4096), eq(u64, ring.extent, 4096)));
	expect_kept(0);
}

Test(ring_history, is_lost_where_writable_space_was_given)
{
	struct iovec iov[2];

	pass(4096);
	cr_assert(eq(int, rudp_ring_writable(&ring, 1000, iov), 1));
	memset(iov[0].iov_base, 0, iov[0].iov_len);
	expect_kept(1000);
	memcpy(iov[0].iov_base, stream + 4096, 10);
	rudp_ring_commit(&ring, 10);
	expect_kept(1000);
}

/* The reference implementation: the stream, and one bool per byte of it that was written. */
struct model {
	struct random random;
	bool written[STREAM_LEN];
	uint64_t reached;  /* one past the highest offset ever reserved */
	uint64_t given_up; /* lost for lack of memory or by a trim, or not kept at that time */
};

static void note_reached(struct model *model, uint64_t end)
{
	if (end - ring.head <= ring.capacity_max_bytes && model->reached < end)
		model->reached = end;
}

static void step_write_at(struct model *model, size_t len)
{
	uint64_t offset = ring.head + random_below(&model->random, ring.capacity_max_bytes);

	note_reached(model, offset + len);
	if (rudp_ring_write_at(&ring, offset, stream + offset, len) == 0)
		memset(&model->written[offset], true, len);
}

/* Not all bytes written are committed. */
static void step_writable(struct model *model, size_t want)
{
	uint64_t offset = ring.tail;
	struct iovec iov[2];
	int pieces;
	size_t n;

	note_reached(model, offset + (want < rudp_ring_room(&ring) ? want : rudp_ring_room(&ring)));
	pieces = rudp_ring_writable(&ring, want, iov);
	for (int i = 0; i < pieces; i++) {
		/* Out-of-order bytes are already present, and do not change. */
		memcpy(iov[i].iov_base, stream + offset, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	n = (size_t)random_below(&model->random, offset - ring.tail + 1);
	memset(&model->written[ring.tail], true, n);
	rudp_ring_commit(&ring, n);
}

static void step_commit(const struct model *model)
{
	uint64_t tail = ring.tail;

	while (model->written[tail])
		tail++;
	rudp_ring_commit(&ring, (size_t)(tail - ring.tail));
}

static void step_once(struct model *model, size_t len_max)
{
	size_t len = (size_t)random_below(&model->random, len_max);

	switch (random_below(&model->random, 8)) {
	case 0:
	case 1:
		step_write_at(model, len);
		break;
	case 2:
	case 3:
		step_writable(model, len);
		break;
	case 4:
	case 5:
		step_commit(model);
		break;
	default:
		rudp_ring_consume(&ring,
				  (size_t)random_below(&model->random, rudp_ring_used(&ring) + 1));
	}
}

/* Sometimes an allocation fails, or an operation discards the history. */
static void disturb(struct model *model)
{
	switch (random_below(&model->random, 3)) {
	case 0:
		rudp_ring_trim(&ring);
		break;
	case 1:
		rudp_ring_shrink(&ring);
		break;
	default:
		ring.keep_bytes = (size_t)random_below(&model->random, 2 * ring.capacity_max_bytes);
	}
	model->given_up = rudp_ring_kept(&ring);
}

static uint64_t below(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Checks the pieces from offset on. Returns their length. */
static size_t expect_written(const struct model *model, uint64_t offset)
{
	struct iovec iov[2];
	int pieces = rudp_ring_look(&ring, offset, (size_t)(ring.extent - offset), iov);
	uint64_t at = offset;

	for (int i = 0; i < pieces; i++)
		for (size_t n = 0; n < iov[i].iov_len; n++, at++)
			if ((at < ring.head || model->written[at]) &&
			    ((uint8_t *)iov[i].iov_base)[n] != stream[at])
				cr_fatal("offset %llu", (unsigned long long)at);
	return (size_t)(at - offset);
}

static void expect_sound(const struct model *model)
{
	uint64_t kept = rudp_ring_kept(&ring);

	cr_assert(le(u64, kept, ring.head));
	cr_assert(le(u64, ring.extent - kept, ring.capacity_bytes));
	if (kept > model->given_up && kept > below(ring.head, ring.keep_bytes) &&
	    kept > below(model->reached, ring.capacity_max_bytes))
		cr_fatal("at %llu only what is from %llu on", (unsigned long long)ring.head,
			 (unsigned long long)kept);
	for (uint64_t offset = kept; offset < ring.extent;)
		offset += expect_written(model, offset);
}

static void run_model(uint64_t seed, size_t capacity_max_bytes, size_t len_max, unsigned disturbed)
{
	struct model *model = calloc(1, sizeof *model);

	cr_assert(ne(ptr, model, NULL));
	model->random.state = seed;
	rudp_ring_init(&ring, capacity_max_bytes);
	ring.keep_bytes = capacity_max_bytes / 3;
	for (int step = 0; step < 3000; step++) {
		if (ring.head + 2 * capacity_max_bytes + len_max > STREAM_LEN)
			break;
		fault_arm(disturbed && random_below(&model->random, disturbed) == 0);
		step_once(model, len_max);
		if (disturbed && fault_count() > 0)
			model->given_up = rudp_ring_kept(&ring);
		if (disturbed && random_below(&model->random, 10 * disturbed) == 0)
			disturb(model);
		expect_sound(model);
	}
	cr_assert(lt(u64, 4 * capacity_max_bytes, ring.head)); /* the ring has wrapped many times */
	rudp_ring_fini(&ring);
	free(model);
}

Test(ring_history, has_the_bytes_written)
{
	run_model(1, 64, 40, 0);
	run_model(2, 8192, 3000, 0);
	run_model(3, 32768, 9000, 0);
	run_model(4, 65536, 20000, 0);
	run_model(10, 8 * RUDP_RING_BLOCK_BYTES, 150000, 0);
}

Test(ring_history, behaves_like_a_plain_array)
{
	run_model(5, 64, 40, 5);
	run_model(6, 8192, 3000, 5);
	run_model(7, 32768, 9000, 5);
	run_model(8, 65536, 20000, 5);
	run_model(9, 8 * RUDP_RING_BLOCK_BYTES, 150000, 5);
}
