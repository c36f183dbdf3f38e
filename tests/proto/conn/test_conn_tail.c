/* SPDX-License-Identifier: MIT */
/* Second copies of sparse traffic, on a wire that the test holds in its hands. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

#define MS RUDP_NS_PER_MS

static struct pair pair;

static void say(int side, size_t bytes)
{
	static const uint8_t text[8000];

	cr_assert(eq(sz, rudp_conn_write(pair.conn[side], text, bytes, pair.now_ns), bytes));
	pair_collect(&pair);
}

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, 1000 * MS);
	for (int side = 0; side < 2; side++) /* a wire without length would need no copies */
		pair.conn[side]->rtt.srtt_ns = 40 * MS;
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(conn_tail, .init = setup, .fini = teardown);

Test(conn_tail, lost_request_arrives_by_its_copy_and_is_not_sent_a_third_time)
{
	say(0, 200);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 200));
	pair_run(&pair, 1000 * MS);
	cr_assert(eq(u64, pair_stats(&pair, 0).packets_copied, 1));
	cr_assert(eq(u64, pair_stats(&pair, 0).stream_copied, 200));
	cr_assert(eq(u64, pair_stats(&pair, 0).stream_resent, 0));
	cr_assert(eq(u64, pair_stats(&pair, 0).unacked_bytes, 0));
	cr_assert(eq(u64, pair_stats(&pair, 0).packets_lost, 1)); /* the first: that is no secret */
}

Test(conn_tail, answer_to_the_first_settles_a_lost_copy_without_a_trace)
{
	struct pair_datagram *first;
	uint64_t cwnd_bytes = pair_stats(&pair, 0).cwnd_bytes;

	say(0, 200);
	first = pair_take(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_drop(&pair);
	pair_deliver(&pair, first);
	free(first);
	pair_run(&pair, 50 * MS);
	cr_assert(eq(u64, pair.conn[0]->reliability.outstanding, 0));
	cr_assert(eq(u64, pair_stats(&pair, 0).inflight_bytes, 0));
	pair_run(&pair, 5000 * MS);
	say(0, 200);
	pair_run(&pair, 1000 * MS);
	cr_assert(eq(u64, pair_stats(&pair, 0).packets_lost, 0));
	cr_assert(eq(uint, pair_stats(&pair, 0).pto_count, 0));
	cr_assert(ge(u64, pair_stats(&pair, 0).cwnd_bytes, cwnd_bytes));
}

Test(conn_tail, answered_in_time_it_needs_no_copy)
{
	for (int side = 0; side < 2; side++)
		pair.conn[side]->rtt.srtt_ns = 1 * MS;
	say(0, 200);
	pair_run(&pair, 1000 * MS);
	say(1, 200);
	pair_run(&pair, 1000 * MS);
	cr_assert(eq(u64, pair_stats(&pair, 0).packets_copied, 0));
	cr_assert(eq(u64, pair_stats(&pair, 1).packets_copied, 0));
}

Test(conn_tail, there_is_one_copy_of_each_byte)
{
	say(0, 200);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 0));
}

Test(conn_tail, behind_a_longer_burst_its_end_alone_is_copied)
{
	say(0, 8000);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(ge(u64, pair_stats(&pair, 0).stream_copied, 1));
	cr_assert(le(u64, pair_stats(&pair, 0).stream_copied, RUDP_TAIL_BYTES));
}

Test(conn_tail, older_bytes_ride_along_with_the_copy_of_new_ones)
{
	say(0, 100);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	say(0, 50);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 150));
}

Test(conn_tail, fin_has_its_copy)
{
	rudp_conn_shutdown_send(pair.conn[0], pair.now_ns);
	pair_collect(&pair);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_receive_eof(pair.conn[1]), 1));
}

Test(conn_tail, second_loss_of_the_same_bytes_is_repaired_as_a_loss)
{
	say(0, 200);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	pair_drop(&pair);
	pair_run(&pair, 2000 * MS);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 200));
	cr_assert(eq(u64, pair_stats(&pair, 0).stream_resent, 200));
}

Test(conn_tail, copy_that_carries_a_window_too_is_no_mere_copy)
{
	say(0, 200);
	pair_drop(&pair);
	pair.conn[0]->window_due = true;
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
	cr_assert(eq(u64, pair_stats(&pair, 0).packets_copied, 0));
	pair_settle(&pair);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 200));
}

Test(conn_tail, nothing_is_copied_into_an_outage)
{
	uint64_t copied;

	say(0, 200);
	for (int i = 0; i < 400; i++) {
		pair_drop(&pair);
		pair_wait(&pair, 10 * MS);
	}
	cr_assert(ge(uint, pair_stats(&pair, 0).pto_count, 1));
	copied = pair_stats(&pair, 0).stream_copied;
	cr_assert(eq(u64, copied, 200));
	say(0, 200);
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(u64, pair_stats(&pair, 0).stream_copied, copied));
}

static void setup_fresh(void)
{
	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
}

TestSuite(conn_tail_fresh, .init = setup_fresh, .fini = teardown);

Test(conn_tail_fresh, syn_is_sent_again_soon_and_once_and_still_measures)
{
	pair_drop(&pair);
	pair_wait(&pair, RUDP_TAIL_SYN_DELAY_NS);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	cr_assert(eq(u64, pair.conn[0]->rtt.samples, 1));
	cr_assert(ge(i64, pair.conn[0]->rtt.srtt_ns, RUDP_TAIL_SYN_DELAY_NS));
}

Test(conn_tail_fresh, syn_has_one_early_copy_then_its_time_out)
{
	pair_drop(&pair);
	pair_wait(&pair, RUDP_TAIL_SYN_DELAY_NS);
	pair_drop(&pair);
	for (int i = 0; i < 9; i++)
		pair_wait(&pair, 30 * MS);
	cr_assert(eq(uint, pair.wire_count, 0));
	pair_wait(&pair, 30 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
}

Test(conn_tail_fresh, early_syns_of_one_second_are_bounded)
{
	unsigned syns;

	for (unsigned i = 0; i < 2 * RUDP_TAIL_SYNS_PER_S; i++) {
		rudp_addr_set_port(&pair.addr[0], (uint16_t)(41000 + i));
		pair_connect(&pair, PAIR_PORT);
	}
	pair_drop(&pair);
	pair_wait(&pair, RUDP_TAIL_SYN_DELAY_NS);
	syns = pair.wire_count;
	cr_assert(eq(uint, syns, RUDP_TAIL_SYNS_PER_S));
}

Test(conn_tail_fresh, lone_ack_of_the_handshake_is_sent_again)
{
	struct pair_datagram *syn = pair_take(&pair), *synack;

	pair_deliver(&pair, syn);
	free(syn);
	pair_collect(&pair);
	synack = pair_take(&pair);
	pair.now_ns += 40 * MS;
	pair_deliver(&pair, synack);
	free(synack);
	pair_collect(&pair);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_drop(&pair);
	pair_wait(&pair, 5 * MS);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	cr_assert(ne(ptr, rudp_listener_accept(pair.listener), NULL));
	cr_assert(eq(i64, pair.conn[0]->tail.due_at_ns, RUDP_NEVER));
}
