/* SPDX-License-Identifier: MIT */
/* RFC 9000 section 13.4.2, rule by rule; and what CE does to a connection. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

static struct rudp_ecn ecn;
static uint64_t largest;

static void leave(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (rudp_ecn_mark(&ecn))
			rudp_ecn_on_sent(&ecn);
}

/* n marked packets are newly acknowledged by an ACK with these counts. */
static void answer(unsigned n, uint64_t ect0, uint64_t ce)
{
	struct rudp_ack ack = {
		.largest = largest += n, .has_ecn = true, .ecn_ect0 = ect0, .ecn_ce = ce};

	for (unsigned i = 0; i < n; i++)
		rudp_ecn_on_answered(&ecn);
	rudp_ecn_on_ack(&ecn, &ack);
}

static void setup(void)
{
	largest = 0;
	rudp_ecn_init(&ecn);
}

TestSuite(ecn, .init = setup);

static int state(void)
{
	return ecn.state;
}

Test(ecn, first_packets_are_marked_and_then_none_until_an_ack)
{
	leave(RUDP_ECN_TEST_PACKETS - 1);
	cr_assert(eq(u8, rudp_ecn_mark(&ecn), RUDP_ECN_ECT0));
	leave(1);
	cr_assert(eq(u8, rudp_ecn_mark(&ecn), 0));
	cr_assert(eq(int, state(), RUDP_ECN_UNKNOWN));
	answer(3, 3, 0);
	cr_assert(eq(int, state(), RUDP_ECN_CAPABLE));
	cr_assert(eq(u8, rudp_ecn_mark(&ecn), RUDP_ECN_ECT0));
}

Test(ecn, ack_without_counts_of_a_marked_packet_fails)
{
	struct rudp_ack ack = {.largest = 1};

	leave(3);
	rudp_ecn_on_ack(&ecn, &ack); /* of packets that bore no mark */
	cr_assert(eq(int, state(), RUDP_ECN_TESTING));
	rudp_ecn_on_answered(&ecn);
	ack.largest = 2;
	rudp_ecn_on_ack(&ecn, &ack);
	cr_assert(eq(int, state(), RUDP_ECN_FAILED));
	cr_assert(eq(u8, rudp_ecn_mark(&ecn), 0));
}

Test(ecn, fewer_counted_than_acknowledged_are_bleached)
{
	leave(10);
	answer(4, 4, 0);
	answer(3, 6, 0);
	cr_assert(eq(int, state(), RUDP_ECN_FAILED));
}

Test(ecn, more_counted_than_sent_are_invented)
{
	leave(10);
	answer(4, 11, 0);
	cr_assert(eq(int, state(), RUDP_ECN_FAILED));
}

Test(ecn, counts_of_ect1_are_another_marking)
{
	struct rudp_ack ack = {.largest = 1, .has_ecn = true, .ecn_ect1 = 1};

	leave(10);
	rudp_ecn_on_answered(&ecn);
	rudp_ecn_on_ack(&ecn, &ack);
	cr_assert(eq(int, state(), RUDP_ECN_FAILED));
}

Test(ecn, counts_of_lost_acks_come_with_later_ones)
{
	leave(10);
	answer(2, 8, 1);
	cr_assert(eq(int, state(), RUDP_ECN_CAPABLE));
	cr_assert(eq(u64, ecn.ce_new, 1));
}

Test(ecn, overtaken_ack_changes_nothing)
{
	struct rudp_ack old = {.largest = 1, .has_ecn = true, .ecn_ect0 = 1};

	leave(10);
	answer(5, 5, 0);
	rudp_ecn_on_answered(&ecn); /* one that the newer ACK did not list */
	rudp_ecn_on_ack(&ecn, &old);
	cr_assert(eq(int, state(), RUDP_ECN_CAPABLE));
	answer(1, 7, 0);
	cr_assert(eq(int, state(), RUDP_ECN_CAPABLE));
}

Test(ecn, test_that_is_lost_as_a_whole_fails)
{
	leave(RUDP_ECN_TEST_PACKETS);
	for (int i = 0; i < RUDP_ECN_TEST_PACKETS - 1; i++)
		rudp_ecn_on_lost(&ecn);
	cr_assert(eq(int, state(), RUDP_ECN_UNKNOWN));
	rudp_ecn_on_lost(&ecn);
	cr_assert(eq(int, state(), RUDP_ECN_FAILED));
}

Test(ecn, another_path_is_tested_anew)
{
	leave(10);
	answer(10, 0, 0);
	cr_assert(eq(int, state(), RUDP_ECN_FAILED));
	rudp_ecn_restart(&ecn);
	cr_assert(eq(u8, rudp_ecn_mark(&ecn), RUDP_ECN_ECT0));
}

/* Sends text from the client; each datagram bears what mark says, where it bore anything. */
static void exchange(struct pair *pair, uint8_t mark)
{
	static const uint8_t text[4000];
	struct pair_datagram *datagram;

	rudp_conn_write(pair->conn[0], text, sizeof text, pair->now_ns);
	pair_collect(pair);
	while ((datagram = pair_take(pair))) {
		if (datagram->ecn)
			datagram->ecn = mark;
		pair_deliver(pair, datagram);
		free(datagram);
		pair_collect(pair);
	}
	pair_run(pair, 100 * RUDP_NS_PER_MS);
	rudp_conn_receive_consume(pair->conn[1], rudp_conn_receive_available(pair->conn[1]),
				  pair->now_ns);
}

Test(ecn, clean_path_is_capable_and_the_handshake_bears_no_mark)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	cr_assert(eq(u8, pair.wire[0]->ecn, 0));
	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(pair.listener);
	rudp_conn_set_user(pair.conn[1], &pair);
	for (int i = 0; i < 20; i++)
		exchange(&pair, RUDP_ECN_ECT0);
	cr_assert(eq(int, pair.conn[0]->ecn.state, RUDP_ECN_CAPABLE));
	cr_assert(eq(u64, pair.conn[0]->ecn.ce, 0));
	pair_fini(&pair);
}

Test(ecn, bleached_path_goes_on_without)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int i = 0; i < 20; i++)
		exchange(&pair, 0);
	cr_assert(eq(int, pair.conn[0]->ecn.state, RUDP_ECN_FAILED));
	cr_assert(eq(u64, rudp_conn_receive_available(pair.conn[1]), 0));
	pair_fini(&pair);
}

Test(ecn, mark_reduces_the_window_and_stops_the_copies)
{
	struct pair pair;
	uint64_t cwnd_bytes;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_set_cc(pair.conn[0], "cubic", pair.now_ns);
	for (int i = 0; i < 20; i++)
		exchange(&pair, RUDP_ECN_ECT0);
	cwnd_bytes = pair.conn[0]->cc.cwnd_bytes;
	cr_assert(rudp_tail_is_path_clear(&pair.conn[0]->tail, pair.now_ns));
	exchange(&pair, 3);
	cr_assert(eq(int, pair.conn[0]->ecn.state, RUDP_ECN_CAPABLE));
	cr_assert(lt(u64, pair.conn[0]->cc.cwnd_bytes, cwnd_bytes));
	cr_assert(not(rudp_tail_is_path_clear(&pair.conn[0]->tail, pair.now_ns)));
	pair_fini(&pair);
}
