/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/fault.h"
#include "base/random.h"
#include "proto/checks.h"
#include "proto/stream/recvbuf.h"

#define MS RUDP_NS_PER_MS
#define RTT (20 * MS)
#define CAPACITY_BYTES (4u << 20)
#define WINDOW RUDP_RECVBUF_INITIAL_WINDOW_BYTES
#define UNKNOWN UINT64_MAX

static const struct rudp_budget budget = {.limit_bytes = UINT64_MAX};
static struct rudp_recvbuf buf;
static int64_t now_at_ns = 1000 * RUDP_NS_PER_S;

static void setup(void)
{
	rudp_recvbuf_init(&buf, CAPACITY_BYTES, &budget);
}

static void teardown(void)
{
	cr_assert(eq(int, rudp_recvbuf_check(&buf), 1));
	rudp_recvbuf_fini(&buf);
}

TestSuite(recvbuf, .init = setup, .fini = teardown);

/* The expected byte at offset. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 7);
}

static enum rudp_verdict take(uint64_t offset, size_t len, bool fin)
{
	static uint8_t bytes[CAPACITY_BYTES];

	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(offset + i);
	return rudp_recvbuf_take(&buf, offset, bytes, len, fin, now_at_ns);
}

/* Reads n bytes and checks them. */
static void drain(size_t n)
{
	uint64_t offset = buf.ring.head;
	uint64_t end = offset + n;
	struct iovec iov[2];

	cr_assert(le(sz, n, rudp_recvbuf_available(&buf)));
	while (offset < end) {
		rudp_ring_readable(&buf.ring, offset, (size_t)(end - offset), iov);
		for (size_t j = 0; j < iov[0].iov_len; j++, offset++)
			if (((uint8_t *)iov[0].iov_base)[j] != byte_at(offset))
				cr_fatal("wrong byte");
	}
	rudp_recvbuf_consume(&buf, n, RTT, now_at_ns);
}

static void promise(void)
{
	rudp_recvbuf_on_window_sent(&buf, rudp_recvbuf_window_end(&buf));
}

Test(recvbuf, bytes_in_order_can_be_read_at_once)
{
	cr_assert(eq(int, take(0, 1000, false), RUDP_VERDICT_OK));
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 1000));
	drain(400);
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 600));
	drain(600);
}

Test(recvbuf, bytes_out_of_order_wait_for_the_gap_to_close)
{
	take(1000, 1000, false);
	take(3000, 1000, false);
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 0));
	take(0, 1000, false);
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 2000));
	take(1500, 1600, false);
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 4000));
	cr_assert(eq(u32, buf.pending.count, 0));
	drain(4000);
}

Test(recvbuf, one_frame_may_close_several_gaps)
{
	take(100, 100, false);
	take(300, 100, false);
	take(500, 100, false);
	take(0, 550, false);
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 600));
	cr_assert(eq(u64, buf.duplicate_bytes, 250));
	drain(600);
}

Test(recvbuf, duplicates_are_counted_and_dropped)
{
	take(0, 100, false);
	take(0, 100, false);
	take(50, 100, false);
	cr_assert(eq(u64, buf.duplicate_bytes, 150));
	drain(150);
	take(0, 150, false);
	cr_assert(eq(u64, buf.duplicate_bytes, 300));
	take(200, 100, false);
	take(200, 100, false);
	cr_assert(eq(u64, buf.duplicate_bytes, 400));
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 0));
}

Test(recvbuf, bytes_beyond_the_window_are_refused)
{
	cr_assert(eq(int, take(WINDOW - 10, 10, false), RUDP_VERDICT_OK));
	cr_assert(eq(int, take(WINDOW - 10, 11, false), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(int, take(WINDOW, 0, false), RUDP_VERDICT_OK));
	cr_assert(eq(int, take(UINT64_MAX - 4, 10, false), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(u64, buf.pending.count, 1));
}

Test(recvbuf, end_is_known_with_the_fin)
{
	cr_assert(eq(int, take(100, 100, true), RUDP_VERDICT_OK));
	cr_assert(eq(u64, buf.final_size, 200));
	cr_assert(eq(int, rudp_recvbuf_is_complete(&buf), 0));
	take(0, 100, false);
	cr_assert(eq(int, rudp_recvbuf_is_complete(&buf), 1));
	cr_assert(eq(int, rudp_recvbuf_is_drained(&buf), 0));
	drain(200);
	cr_assert(eq(int, rudp_recvbuf_is_drained(&buf), 1));
	cr_assert(eq(int, take(100, 100, true), RUDP_VERDICT_OK)); /* a duplicate */
}

Test(recvbuf, empty_stream_ends_at_once)
{
	cr_assert(eq(int, rudp_recvbuf_is_complete(&buf), 0));
	take(0, 0, true);
	cr_assert(eq(int, rudp_recvbuf_is_complete(&buf), 1));
	cr_assert(eq(int, rudp_recvbuf_is_drained(&buf), 1));
}

Test(recvbuf, end_never_moves)
{
	take(0, 200, true);
	cr_assert(eq(int, take(200, 1, false), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(int, take(0, 100, true), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(int, take(0, 300, true), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(u64, buf.final_size, 200));
}

Test(recvbuf, fin_below_received_bytes_is_refused)
{
	take(500, 100, false);
	cr_assert(eq(int, take(0, 599, true), RUDP_VERDICT_BAD_STREAM));
	cr_assert(eq(u64, buf.final_size, UNKNOWN));
	cr_assert(eq(int, take(600, 0, true), RUDP_VERDICT_OK));
}

Test(recvbuf, window_frame_is_due_after_a_quarter)
{
	take(0, WINDOW / 2, false);
	drain(WINDOW / 4 - 1);
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 0));
	drain(1);
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 1));
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), WINDOW + WINDOW / 4));
	promise();
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 0));
	cr_assert(eq(int, take(WINDOW + WINDOW / 4 - 1, 1, false), RUDP_VERDICT_OK));
}

Test(recvbuf, window_frame_is_not_due_after_the_end)
{
	take(0, WINDOW / 2, true);
	drain(WINDOW / 2);
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 0));
}

/* The program reads a whole window in each round trip. */
static void flow(int64_t span_ns, int windows)
{
	for (int i = 0; i < windows; i++) {
		for (int part = 0; part < 8; part++) {
			uint64_t room = buf.window_end - buf.ring.tail;

			now_at_ns += span_ns / 8;
			take(buf.ring.tail, room < WINDOW / 8 ? (size_t)room : WINDOW / 8, false);
			drain(rudp_recvbuf_available(&buf));
			promise();
		}
	}
}

Test(recvbuf, window_doubles_for_a_program_that_drains_it_fast)
{
	flow(RTT, 3);
	cr_assert(ge(u64, buf.window_bytes, 2 * WINDOW));
}

Test(recvbuf, window_does_not_grow_for_a_slow_program)
{
	flow(100 * RTT, 20);
	cr_assert(eq(u64, buf.window_bytes, WINDOW));
}

Test(recvbuf, window_does_not_grow_for_occasional_large_reads)
{
	for (int i = 0; i < 10; i++) {
		now_at_ns += 100 * RTT;
		take(buf.ring.tail, WINDOW, false);
		drain(WINDOW);
		promise();
	}
	cr_assert(eq(u64, buf.window_bytes, WINDOW));
}

Test(recvbuf, window_follows_what_arrives_behind_a_gap)
{
	take(0, 1000, false);
	drain(1000);
	now_at_ns += 2 * RTT; /* earlier arrivals no longer count */
	for (uint64_t i = 1; i <= 4; i++)
		take(i * 15000, 15000, false);
	cr_assert(eq(u64, buf.window_bytes, 32 * 60000));
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 1));
	/* The same amount in each of the next round trips does not raise the window. */
	for (uint64_t round = 1; round <= 4; round++) {
		now_at_ns += 2 * RTT;
		for (uint64_t i = 1; i <= 4; i++)
			take((round * 4 + i) * 15000, 15000, false);
	}
	cr_assert(eq(u64, buf.window_bytes, 32 * 60000));
	/* Up to 2 MiB by that rule; above it eight times the arrivals must be more. */
	promise();
	now_at_ns += 2 * RTT;
	take(400000, 200000, false);
	cr_assert(eq(u64, buf.window_bytes, RUDP_RECVBUF_YOUNG_BYTES));
	promise();
	take(600000, 200000, false);
	cr_assert(eq(u64, buf.window_bytes, 8 * 400000));
	/* Here the buffer's capacity is the limit, elsewhere the limit for unread arrivals. */
	promise();
	take(800000, 500000, false);
	cr_assert(eq(u64, buf.window_bytes, CAPACITY_BYTES));
}

Test(recvbuf, window_does_not_follow_what_the_program_leaves_unread)
{
	for (uint64_t i = 0; i < WINDOW / 8192; i++) {
		now_at_ns += RTT / 4;
		take(i * 8192, 8192, false);
	}
	cr_assert(eq(u64, buf.window_bytes, WINDOW));
}

Test(recvbuf, window_never_exceeds_the_capacity)
{
	flow(RTT / 100, 400);
	cr_assert(eq(u64, buf.window_bytes, CAPACITY_BYTES));
	cr_assert(eq(int, rudp_recvbuf_check(&buf), 1));
}

Test(recvbuf, window_of_a_small_buffer_is_the_buffer)
{
	struct rudp_recvbuf small;

	rudp_recvbuf_init(&small, 8192, &budget);
	cr_assert(eq(u64, rudp_recvbuf_window_end(&small), 8192));
	cr_assert(eq(int, rudp_recvbuf_check(&small), 1));
	rudp_recvbuf_fini(&small);
}

Test(recvbuf, window_decays_when_idle_but_the_limit_stays)
{
	uint64_t promised;

	flow(RTT / 100, 400);
	promised = buf.window_end;
	now_at_ns += RUDP_RECVBUF_IDLE_NS;
	take(buf.ring.tail, 100, false);
	cr_assert(eq(u64, buf.window_bytes, WINDOW));
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), promised));
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 0));
	cr_assert(eq(int, take(promised - 1, 1, false), RUDP_VERDICT_OK));
}

Test(recvbuf, memory_is_freed_when_idle)
{
	take(0, 100000, false);
	drain(100000);
	cr_assert(ge(sz, buf.ring.capacity_bytes, 1)); /* more may come at once */
	take(100000, 10, false);
	now_at_ns += 5000 * MS;
	drain(10);
	cr_assert(eq(sz, buf.ring.capacity_bytes, 0));
}

Test(recvbuf, memory_is_freed_at_the_end)
{
	take(0, 100000, true);
	drain(99999);
	cr_assert(ge(sz, buf.ring.capacity_bytes, 1));
	drain(1);
	cr_assert(eq(sz, buf.ring.capacity_bytes, 0));
}

Test(recvbuf, discarding_drops_bytes_and_keeps_the_window_moving)
{
	take(0, 1000, false);
	take(2000, 1000, false);
	rudp_recvbuf_discard(&buf);
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 0));
	cr_assert(eq(sz, buf.ring.capacity_bytes, 0));
	cr_assert(eq(int, rudp_recvbuf_check(&buf), 1));
	take(1000, 1000, false);
	cr_assert(eq(u64, buf.ring.tail, 3000));
	cr_assert(eq(sz, rudp_recvbuf_available(&buf), 0));
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), 3000 + WINDOW));
	for (int i = 0; i < 1000; i++) {
		cr_assert(eq(int, take(buf.ring.tail, 10000, false), RUDP_VERDICT_OK));
		if (rudp_recvbuf_window_due(&buf))
			promise();
	}
	cr_assert(eq(sz, buf.ring.capacity_bytes, 0));
	take(buf.ring.tail, 10, true);
	cr_assert(eq(int, rudp_recvbuf_is_complete(&buf), 1));
	cr_assert(eq(int, rudp_recvbuf_is_drained(&buf), 1));
}

Test(recvbuf, without_memory_nothing_is_taken)
{
	fault_arm(1);
	cr_assert(eq(int, take(0, 100, true), RUDP_VERDICT_NO_MEMORY));
	cr_assert(eq(u64, buf.final_size, UNKNOWN));
	fault_arm(0);
	for (uint64_t i = 0; i < RUDP_RANGES_FEW; i++)
		take(20 + 20 * i, 10, false);
	fault_arm(1); /* the ring has memory, but the list of ranges cannot grow */
	cr_assert(eq(int, take(100, 100, true), RUDP_VERDICT_NO_MEMORY));
	cr_assert(eq(u64, buf.final_size, UNKNOWN));
	cr_assert(eq(int, rudp_recvbuf_check(&buf), 1));
	fault_arm(0);
	cr_assert(eq(int, take(100, 100, true), RUDP_VERDICT_OK));
	cr_assert(eq(int, take(0, 100, false), RUDP_VERDICT_OK));
	drain(200);
}

Test(recvbuf, list_of_gaps_is_bounded)
{
	enum rudp_verdict verdict = RUDP_VERDICT_OK;
	uint64_t offset;

	for (offset = 1; verdict == RUDP_VERDICT_OK; offset += 2)
		verdict = take(offset, 1, false);
	cr_assert(eq(int, verdict, RUDP_VERDICT_NO_MEMORY));
	cr_assert(eq(u32, buf.pending.count, RUDP_RECVBUF_RANGES_MAX));
	cr_assert(eq(int, take(0, 1, false), RUDP_VERDICT_OK));
	cr_assert(eq(u64, buf.ring.tail, 2));
}

#define MODEL_BYTES (3u << 20)

static bool has[MODEL_BYTES];

static void model_take(struct random *random, uint64_t tail, bool discarding)
{
	uint64_t offset = random_below(random, 4) == 0
				  ? tail
				  : tail + random_below(random, 20000) - random_below(random, 3000);
	size_t len = random_below(random, 3000);
	bool allowed, fin;
	enum rudp_verdict verdict;
	uint64_t before = buf.duplicate_bytes, known = 0;

	if (offset > MODEL_BYTES) /* below 0, or beyond the end of the model */
		return;
	if (len > MODEL_BYTES - offset)
		len = (size_t)(MODEL_BYTES - offset);
	fin = offset + len == MODEL_BYTES;
	allowed = offset + len <= buf.window_end;
	verdict = take(offset, len, fin);
	if (verdict == RUDP_VERDICT_NO_MEMORY)
		return;
	cr_assert(eq(int, verdict, allowed ? RUDP_VERDICT_OK : RUDP_VERDICT_BAD_STREAM));
	if (!allowed)
		return;
	for (size_t i = 0; i < len; i++) {
		known += has[offset + i];
		has[offset + i] = true;
	}
	cr_assert(eq(u64, buf.duplicate_bytes - before, known));
	cr_assert(eq(int, buf.discarding, discarding));
}

static void model_run(uint64_t seed, bool faulty, uint64_t discard_at)
{
	struct random random = {seed};
	uint64_t tail = 0;
	bool discarding = false;

	for (int step = 0; tail < MODEL_BYTES || buf.final_size == UNKNOWN; step++) {
		cr_assert(lt(int, step, 50000));
		now_at_ns += (int64_t)random_below(&random, 5) * MS;
		if (faulty)
			fault_arm(1 + (unsigned)random_below(&random, 4));
		model_take(&random, tail, discarding);
		fault_arm(0);
		while (tail < MODEL_BYTES && has[tail])
			tail++;
		cr_assert(eq(u64, buf.ring.tail, tail));
		if (!discarding && tail >= discard_at) {
			rudp_recvbuf_discard(&buf);
			discarding = true;
		}
		if (random_below(&random, 2))
			drain(random_below(&random, rudp_recvbuf_available(&buf) + 1));
		if (rudp_recvbuf_window_due(&buf))
			promise();
		cr_assert(eq(int, rudp_recvbuf_check(&buf), 1));
	}
	cr_assert(eq(int, rudp_recvbuf_is_complete(&buf), 1));
	drain(rudp_recvbuf_available(&buf));
	cr_assert(eq(int, rudp_recvbuf_is_drained(&buf), 1));
}

Test(recvbuf, agrees_with_a_mark_for_each_byte_1)
{
	model_run(1, false, UNKNOWN);
}

Test(recvbuf, agrees_with_a_mark_for_each_byte_2)
{
	model_run(2, false, UNKNOWN);
}

Test(recvbuf, agrees_when_memory_is_short)
{
	model_run(3, true, UNKNOWN);
}

Test(recvbuf, agrees_when_the_program_stops_reading)
{
	model_run(4, false, MODEL_BYTES / 2);
}

Test(recvbuf, limit_bounds_the_first_window_and_the_growth)
{
	rudp_recvbuf_limit(&buf, 10000);
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), 10000));
	rudp_recvbuf_on_window_sent(&buf, 10000);
	for (uint64_t at = 0; at < 200000; at += 10000) {
		cr_assert(eq(uint, take(at, 10000, false), RUDP_VERDICT_OK));
		drain(10000);
		cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), at + 20000));
		rudp_recvbuf_on_window_sent(&buf, at + 20000);
	}
}

Test(recvbuf, limit_never_lowers_an_announced_window)
{
	rudp_recvbuf_on_window_sent(&buf, WINDOW);
	rudp_recvbuf_limit(&buf, 10000);
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), WINDOW));
	cr_assert(eq(uint, take(0, 20000, false), RUDP_VERDICT_OK));
	drain(20000);
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), WINDOW));
	rudp_recvbuf_limit(&buf, CAPACITY_BYTES);
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), 20000 + WINDOW));
}
