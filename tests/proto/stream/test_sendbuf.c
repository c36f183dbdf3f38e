/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/fault.h"
#include "base/random.h"
#include "proto/checks.h"
#include "proto/stream/sendbuf.h"

#define CAPACITY_BYTES (64u << 10)
#define FAR UINT64_MAX /* a window that never closes */

static struct rudp_sendbuf buf;
static struct rudp_sendbuf_chunk chunk;

static void setup(void)
{
	rudp_sendbuf_init(&buf, CAPACITY_BYTES);
}

static void teardown(void)
{
	cr_assert(eq(int, rudp_sendbuf_check(&buf), 1));
	rudp_sendbuf_fini(&buf);
}

TestSuite(sendbuf, .init = setup, .fini = teardown);

static void write_bytes(size_t n)
{
	static const uint8_t zeros[CAPACITY_BYTES];

	cr_assert(eq(int, rudp_ring_write(&buf.ring, zeros, n), 0));
}

/* Sends the next chunk of at most len_max bytes. false: nothing was due. */
static bool send_some(size_t len_max)
{
	if (!rudp_sendbuf_next(&buf, len_max, FAR, &chunk))
		return false;
	cr_assert(eq(int, rudp_sendbuf_on_sent(&buf, &chunk), 0));
	return true;
}

static void expect_chunk(uint64_t offset, size_t len, bool fin, bool again)
{
	cr_assert(eq(u64, chunk.offset, offset));
	cr_assert(eq(sz, chunk.len, len));
	cr_assert(eq(int, chunk.fin, fin));
	cr_assert(eq(int, chunk.again, again));
}

Test(sendbuf, empty_has_nothing_due)
{
	cr_assert(eq(int, rudp_sendbuf_has_due(&buf, FAR), 0));
	cr_assert(eq(int, send_some(1000), 0));
	cr_assert(eq(sz, rudp_sendbuf_unacked(&buf), 0));
}

Test(sendbuf, new_bytes_leave_in_order)
{
	write_bytes(2500);
	cr_assert(eq(int, send_some(1000), 1));
	expect_chunk(0, 1000, false, false);
	cr_assert(eq(sz, rudp_sendbuf_unsent(&buf), 1500));
	cr_assert(eq(sz, rudp_sendbuf_unacked(&buf), 2500));
	send_some(1000);
	send_some(1000);
	expect_chunk(2000, 500, false, false);
	cr_assert(eq(int, send_some(1000), 0));
}

Test(sendbuf, next_changes_nothing)
{
	write_bytes(100);
	cr_assert(eq(int, rudp_sendbuf_next(&buf, 60, FAR, &chunk), 1));
	cr_assert(eq(int, rudp_sendbuf_next(&buf, 50, FAR, &chunk), 1));
	expect_chunk(0, 50, false, false);
	cr_assert(eq(u64, buf.sent, 0));
	cr_assert(eq(int, rudp_sendbuf_next(&buf, 0, FAR, &chunk), 0));
}

Test(sendbuf, window_holds_bytes_back)
{
	write_bytes(100);
	cr_assert(eq(int, rudp_sendbuf_has_due(&buf, 0), 0));
	cr_assert(eq(int, rudp_sendbuf_next(&buf, 1000, 40, &chunk), 1));
	expect_chunk(0, 40, false, false);
	rudp_sendbuf_on_sent(&buf, &chunk);
	cr_assert(eq(int, rudp_sendbuf_has_due(&buf, 40), 0));
	cr_assert(eq(int, rudp_sendbuf_has_due(&buf, 41), 1));
}

Test(sendbuf, fin_is_sent_with_the_last_bytes)
{
	write_bytes(150);
	buf.fin_wanted = true;
	send_some(100);
	expect_chunk(0, 100, false, false);
	send_some(100);
	expect_chunk(100, 50, true, false);
	cr_assert(eq(int, buf.fin_sent, 1));
	cr_assert(eq(int, send_some(100), 0));
}

Test(sendbuf, fin_is_sent_alone_when_all_bytes_were_sent)
{
	write_bytes(100);
	send_some(100);
	buf.fin_wanted = true;
	cr_assert(eq(int, rudp_sendbuf_has_due(&buf, 100), 1)); /* it needs no window */
	cr_assert(eq(int, send_some(100), 1));
	expect_chunk(100, 0, true, false);
	cr_assert(eq(int, send_some(100), 0));
	rudp_sendbuf_on_lost(&buf, 100, 0, true);
	cr_assert(eq(int, send_some(100), 1));
	expect_chunk(100, 0, true, true);
	rudp_sendbuf_on_acked(&buf, 100, 0, true);
	cr_assert(eq(int, buf.fin_acked, 1));
	rudp_sendbuf_on_lost(&buf, 100, 0, true);
	cr_assert(eq(int, send_some(100), 0));
}

Test(sendbuf, fin_waits_for_the_window_of_the_bytes_before)
{
	write_bytes(100);
	buf.fin_wanted = true;
	rudp_sendbuf_next(&buf, 1000, 99, &chunk);
	expect_chunk(0, 99, false, false);
	rudp_sendbuf_on_sent(&buf, &chunk);
	cr_assert(eq(int, rudp_sendbuf_has_due(&buf, 99), 0));
}

Test(sendbuf, lost_bytes_leave_before_new_ones)
{
	write_bytes(500);
	send_some(100);
	send_some(100);
	rudp_sendbuf_on_lost(&buf, 0, 100, false);
	cr_assert(eq(int, send_some(60), 1));
	expect_chunk(0, 60, false, true);
	send_some(60);
	expect_chunk(60, 40, false, true);
	send_some(60);
	expect_chunk(200, 60, false, false);
	cr_assert(eq(u64, buf.resent_bytes, 100));
}

Test(sendbuf, lost_fin_is_sent_with_lost_bytes)
{
	write_bytes(100);
	buf.fin_wanted = true;
	send_some(100);
	rudp_sendbuf_on_lost(&buf, 0, 100, true);
	send_some(100);
	expect_chunk(0, 100, true, true);
	cr_assert(eq(int, buf.fin_lost, 0));
}

Test(sendbuf, acknowledged_head_is_freed)
{
	write_bytes(300);
	send_some(100);
	send_some(100);
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 0, 100, false), 100));
	cr_assert(eq(u64, buf.ring.head, 100));
	cr_assert(eq(sz, rudp_sendbuf_unacked(&buf), 200));
}

Test(sendbuf, bytes_acknowledged_out_of_order_wait_for_the_head)
{
	write_bytes(300);
	for (int i = 0; i < 3; i++)
		send_some(100);
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 100, 100, false), 0));
	cr_assert(eq(u32, buf.acked.count, 1));
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 100, 100, false), 0)); /* again */
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 0, 100, false), 200));
	cr_assert(eq(u32, buf.acked.count, 0));
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 50, 250, false), 100));
	cr_assert(eq(sz, rudp_sendbuf_unacked(&buf), 0));
}

Test(sendbuf, acknowledged_bytes_are_not_sent_again)
{
	write_bytes(300);
	for (int i = 0; i < 3; i++)
		send_some(100);
	rudp_sendbuf_on_acked(&buf, 100, 100, false);
	rudp_sendbuf_on_lost(&buf, 0, 300, false);
	send_some(1000);
	expect_chunk(0, 100, false, true);
	send_some(1000);
	expect_chunk(200, 100, false, true);
	cr_assert(eq(int, send_some(1000), 0));
}

Test(sendbuf, late_acknowledgement_takes_bytes_out_of_lost)
{
	write_bytes(300);
	send_some(300);
	rudp_sendbuf_on_lost(&buf, 0, 300, false);
	rudp_sendbuf_on_acked(&buf, 100, 100, false);
	send_some(1000);
	expect_chunk(0, 100, false, true);
	rudp_sendbuf_on_acked(&buf, 0, 300, false);
	cr_assert(eq(int, send_some(1000), 0));
}

Test(sendbuf, bytes_never_sent_cannot_be_acknowledged_or_lost)
{
	write_bytes(100);
	send_some(50);
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 0, 100, true), 50));
	cr_assert(eq(int, buf.fin_acked, 0));
	rudp_sendbuf_on_lost(&buf, 60, 40, true);
	cr_assert(eq(u32, buf.lost.count, 0));
	cr_assert(eq(int, buf.fin_lost, 0));
}

Test(sendbuf, probe_takes_the_newest_bytes)
{
	write_bytes(1000);
	send_some(600);
	rudp_sendbuf_probe(&buf, 100);
	send_some(1000);
	expect_chunk(500, 100, false, true);
	rudp_sendbuf_on_acked(&buf, 550, 50, false);
	rudp_sendbuf_on_acked(&buf, 400, 110, false);
	rudp_sendbuf_probe(&buf, 100);
	send_some(1000);
	expect_chunk(510, 40, false, true);
}

Test(sendbuf, probe_of_the_oldest_ends_where_bytes_have_been_acknowledged)
{
	write_bytes(1000);
	send_some(600);
	rudp_sendbuf_on_acked(&buf, 0, 100, false);
	rudp_sendbuf_probe_oldest(&buf, 100);
	send_some(1000);
	expect_chunk(100, 100, false, true);
	rudp_sendbuf_on_acked(&buf, 130, 400, false);
	rudp_sendbuf_probe_oldest(&buf, 100);
	rudp_sendbuf_probe(&buf, 20);
	send_some(1000);
	expect_chunk(100, 30, false, true);
	send_some(1000);
	expect_chunk(580, 20, false, true);
}

Test(sendbuf, probe_takes_the_fin_along)
{
	write_bytes(100);
	buf.fin_wanted = true;
	send_some(100);
	rudp_sendbuf_probe(&buf, 30);
	send_some(100);
	expect_chunk(70, 30, true, true);
	rudp_sendbuf_on_acked(&buf, 0, 100, false);
	rudp_sendbuf_probe(&buf, 30);
	send_some(100);
	expect_chunk(100, 0, true, true);
}

Test(sendbuf, probe_of_nothing_is_nothing)
{
	rudp_sendbuf_probe(&buf, 100);
	write_bytes(100);
	rudp_sendbuf_probe(&buf, 100);
	rudp_sendbuf_probe_oldest(&buf, 100);
	cr_assert(eq(u32, buf.lost.count, 0));
	send_some(100);
	rudp_sendbuf_on_acked(&buf, 0, 100, false);
	rudp_sendbuf_probe(&buf, 100);
	rudp_sendbuf_probe_oldest(&buf, 100);
	cr_assert(eq(int, rudp_sendbuf_has_due(&buf, FAR), 0));
}

Test(sendbuf, loss_that_cannot_be_listed_goes_back)
{
	write_bytes(1000);
	buf.fin_wanted = true;
	for (int i = 0; i < 10; i++)
		send_some(100);
	rudp_sendbuf_on_acked(&buf, 500, 100, false);
	for (uint64_t i = 0; i < RUDP_RANGES_FEW; i++)
		rudp_sendbuf_on_lost(&buf, 600 + 200 * i, 100, false);
	fault_arm(1);
	rudp_sendbuf_on_lost(&buf, 300, 100, false);
	fault_arm(0);
	cr_assert(eq(u64, buf.sent, 300));
	cr_assert(eq(int, rudp_sendbuf_check(&buf), 1));
	/* counts as never sent */
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 900, 100, false), 0));
	send_some(10000);
	expect_chunk(300, 700, false, false);
	cr_assert(eq(sz, rudp_sendbuf_on_acked(&buf, 0, 1000, true), 1000));
}

Test(sendbuf, bytes_whose_acknowledgement_cannot_be_listed_are_sent_again)
{
	write_bytes(1000);
	for (int i = 0; i < 10; i++)
		send_some(100);
	for (uint64_t i = 0; i < RUDP_RANGES_FEW; i++)
		rudp_sendbuf_on_acked(&buf, 100 + 200 * i, 100, false);
	fault_arm(1);
	rudp_sendbuf_on_acked(&buf, 500, 100, false);
	fault_arm(0);
	cr_assert(eq(int, send_some(100), 1));
	expect_chunk(500, 100, false, true);
}

/* The state of a byte in the model. */
enum fate { UNSENT, SENT, LOST, ACKED };

#define MODEL_BYTES 30000
#define FLIGHTS 40

static enum fate fates[MODEL_BYTES];
static struct rudp_sendbuf_chunk flights[FLIGHTS];
static unsigned flight_count;

static void model_send(struct random *random, uint64_t window_end)
{
	uint64_t first_lost = 0, lost_end;
	bool due = rudp_sendbuf_has_due(&buf, window_end);

	cr_assert(eq(int,
		     rudp_sendbuf_next(&buf, 1 + random_below(random, 300), window_end, &chunk),
		     due));
	while (first_lost < buf.sent && fates[first_lost] != LOST)
		first_lost++;
	for (lost_end = first_lost; lost_end < buf.sent && fates[lost_end] == LOST; lost_end++)
		;
	if (first_lost == buf.sent)
		lost_end = buf.ring.tail < window_end ? buf.ring.tail : window_end;
	if (!due) {
		cr_assert(ge(u64, first_lost, lost_end));
		return;
	}
	cr_assert(eq(u64, chunk.offset, first_lost));
	cr_assert(le(u64, chunk.offset + chunk.len, lost_end));
	if (rudp_sendbuf_on_sent(&buf, &chunk))
		return;
	for (size_t i = 0; i < chunk.len; i++)
		fates[chunk.offset + i] = SENT;
	if (flight_count < FLIGHTS)
		flights[flight_count++] = chunk;
}

/*
 * Bytes may have become due again, by probes or lack of memory, before the model reports their
 * loss.
 */
static void model_follow(void)
{
	for (uint64_t i = buf.ring.head; i < buf.ring.tail; i++) {
		if (i >= buf.sent)
			fates[i] = UNSENT;
		else if (rudp_range_set_covers(&buf.lost, i, i + 1))
			fates[i] = LOST;
		else if (fates[i] == LOST)
			cr_fatal("a lost byte has been forgotten");
	}
}

static void model_fate(struct random *random)
{
	unsigned at = (unsigned)random_below(random, flight_count);
	struct rudp_sendbuf_chunk flight = flights[at];
	bool acked = random_below(random, 10) < 7;
	enum fate to = acked ? ACKED : LOST;

	if (random_below(random, 10) > 0)
		flights[at] = flights[--flight_count]; /* else its fate is reported twice */
	for (size_t i = 0; i < flight.len; i++) {
		if (fates[flight.offset + i] != ACKED && fates[flight.offset + i] != UNSENT)
			fates[flight.offset + i] = to;
	}
	if (acked)
		rudp_sendbuf_on_acked(&buf, flight.offset, flight.len, flight.fin);
	else
		rudp_sendbuf_on_lost(&buf, flight.offset, flight.len, flight.fin);
}

static void model_compare(void)
{
	uint64_t head = 0;

	cr_assert(eq(int, rudp_sendbuf_check(&buf), 1));
	while (head < buf.sent && fates[head] == ACKED)
		head++;
	cr_assert(eq(u64, buf.ring.head, head));
	for (uint64_t i = head; i < buf.sent; i++) {
		cr_assert(eq(int, rudp_range_set_covers(&buf.lost, i, i + 1), fates[i] == LOST));
		cr_assert(eq(int, rudp_range_set_covers(&buf.acked, i, i + 1), fates[i] == ACKED));
	}
}

static void model_run(uint64_t seed)
{
	struct random random = {seed};
	uint64_t window_end = 0;

	for (int step = 0; step < 4000; step++) {
		size_t room = MODEL_BYTES - buf.ring.tail;
		size_t n = random_below(&random, 200);

		window_end += random_below(&random, 60);
		if (n <= room && n <= rudp_ring_room(&buf.ring))
			write_bytes(n);
		if (random_below(&random, 3) > 0)
			model_send(&random, window_end);
		if (flight_count > 0 && random_below(&random, 3) > 0)
			model_fate(&random);
		if (random_below(&random, 50) == 0) {
			rudp_sendbuf_probe(&buf, 1 + random_below(&random, 500));
			if (random_below(&random, 2) == 0)
				rudp_sendbuf_probe_oldest(&buf, 1 + random_below(&random, 500));
			model_follow();
		}
		if (step % 8 == 0)
			model_compare();
	}
	cr_assert(lt(u64, MODEL_BYTES / 2, buf.ring.head));
	cr_assert(ge(u64, buf.resent_bytes, 1));
}

Test(sendbuf, agrees_with_a_fate_for_each_byte_1)
{
	model_run(1);
}

Test(sendbuf, agrees_with_a_fate_for_each_byte_2)
{
	model_run(2);
}

Test(sendbuf, agrees_with_a_fate_for_each_byte_3)
{
	model_run(3);
}

/* A path that loses every third packet, and a host on which each nth allocation fails. */
static void deliver_all(uint64_t seed, unsigned fault_every)
{
	static bool arrived[CAPACITY_BYTES];
	struct random random = {seed};
	bool fin_arrived = false;

	write_bytes(MODEL_BYTES);
	buf.fin_wanted = true;
	for (int round = 0; round < 5000 && !(buf.fin_acked && !rudp_sendbuf_unacked(&buf));
	     round++) {
		fault_arm(fault_every ? 1 + (unsigned)round % fault_every : 0);
		for (flight_count = 0; flight_count < FLIGHTS; flight_count++) {
			if (!rudp_sendbuf_next(&buf, 100, FAR, &chunk) ||
			    rudp_sendbuf_on_sent(&buf, &chunk))
				break;
			flights[flight_count] = chunk;
		}
		while (flight_count > 0) {
			unsigned at = (unsigned)random_below(&random, flight_count);
			struct rudp_sendbuf_chunk f = flights[at];

			flights[at] = flights[--flight_count];
			if (random_below(&random, 3) == 0) {
				rudp_sendbuf_on_lost(&buf, f.offset, f.len, f.fin);
				continue;
			}
			for (size_t i = 0; i < f.len; i++)
				arrived[f.offset + i] = true;
			fin_arrived |= f.fin;
			rudp_sendbuf_on_acked(&buf, f.offset, f.len, f.fin);
			cr_assert(eq(int, rudp_sendbuf_check(&buf), 1));
		}
	}
	fault_arm(0);
	cr_assert(eq(sz, rudp_sendbuf_unacked(&buf), 0));
	cr_assert(eq(int, buf.fin_acked, 1));
	cr_assert(eq(int, fin_arrived, 1));
	for (size_t i = 0; i < MODEL_BYTES; i++)
		cr_assert(eq(int, arrived[i], 1));
}

Test(sendbuf, every_byte_arrives_over_a_lossy_path)
{
	deliver_all(1, 0);
}

Test(sendbuf, every_byte_arrives_though_memory_is_short)
{
	deliver_all(2, 4);
}
