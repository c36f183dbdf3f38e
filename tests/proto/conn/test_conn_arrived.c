/* SPDX-License-Identifier: MIT */
/*
 * ARRIVED: a receiver that recovered bytes by repair symbols tells the sender. docs/protocol.md
 * section 9.7.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/checks.h"
#include "proto/conn/conn_private.h"
#include "proto/pair.h"

#define MS RUDP_NS_PER_MS
#define BURST_BYTES 11000 /* the first window holds it */

static struct pair pair;

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, 1000 * MS);
	for (int side = 0; side < 2; side++) {
		pair.conn[side]->rtt.srtt_ns = 40 * MS;
		pair.conn[side]->recvbuf.history_bytes = RUDP_FEC_BLOCK_BYTES_MAX;
		pair_events(&pair, side);
	}
}

static void teardown(void)
{
	for (int side = 0; side < 2; side++)
		cr_assert(rudp_endpoint_check(pair.ep[side]));
	pair_fini(&pair);
}

TestSuite(conn_arrived, .init = setup, .fini = teardown);

/*
 * Delivers what is on the wire, except the datagram with this number, or all datagrams to one side.
 */
static void deliver_without(int number, int lost_side)
{
	unsigned count = pair.wire_count;

	for (unsigned i = 0; i < count; i++) {
		struct pair_datagram *datagram = pair_take(&pair);

		if ((int)i != number && datagram->to != lost_side)
			pair_deliver(&pair, datagram);
		free(datagram);
	}
}

#define NONE (-1)

/* One packet of the client's burst is lost. The server recovers it and has not sent ARRIVED yet. */
static void repair_one(void)
{
	static const uint8_t text[BURST_BYTES];

	cr_assert(
		eq(sz, rudp_conn_write(pair.conn[0], text, sizeof text, pair.now_ns), sizeof text));
	pair_collect(&pair);
	cr_assert(ge(uint, pair.wire_count, 8));
	deliver_without(3, NONE);
	pair_collect(&pair);
	deliver_without(NONE, 0); /* the server's ACKs are lost as well */
	cr_assert(le(sz, rudp_conn_receive_available(pair.conn[1]), 4 * 1200));
	pair.now_ns += 2 * MS;
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	pair_collect(&pair);
	cr_assert(ge(u64, pair_stats(&pair, 0).repairs_sent, 2));
	deliver_without(NONE, NONE);
	pair_collect(&pair);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), BURST_BYTES));
	cr_assert(ge(u64, pair_stats(&pair, 1).stream_repaired, 1000));
}

Test(conn_arrived, recovered_bytes_are_not_sent_again)
{
	repair_one();
	cr_assert(ge(u64, pair_stats(&pair, 0).unacked_bytes, 1000));
	deliver_without(NONE, NONE);
	cr_assert(eq(u64, pair_stats(&pair, 0).unacked_bytes, 0));
	cr_assert(ne(uint, pair_events(&pair, 0) & RUDP_EVENT_SENT_ALL, 0));
	pair_run(&pair, 1000 * MS);
	cr_assert(eq(u64, pair_stats(&pair, 0).stream_resent, 0));
	/* congestion control still sees the loss */
	cr_assert(eq(u64, pair_stats(&pair, 0).packets_lost, 1));
	cr_assert(eq(u64, pair.conn[0]->reliability.outstanding, 0));
	/* The copy of the rest, which no repair symbol covers. */
	cr_assert(le(u64, pair.conn[1]->recvbuf.duplicate_bytes, 1200));
}

Test(conn_arrived, is_sent_again_if_lost)
{
	repair_one();
	deliver_without(NONE, 0);
	cr_assert(eq(u64, pair.conn[1]->repaired_from, UINT64_MAX)); /* ARRIVED was sent */
	pair_run(&pair, 1000 * MS);
	cr_assert(eq(u64, pair_stats(&pair, 0).unacked_bytes, 0));
	cr_assert(eq(u64, pair.conn[1]->reliability.outstanding, 0));
	cr_assert(not(pair.conn[1]->arrived_due));
}

Test(conn_arrived, old_offset_changes_nothing_and_unsent_offset_is_a_violation)
{
	struct rudp_conn *conn = pair.conn[0];

	repair_one();
	deliver_without(NONE, NONE);
	cr_assert(eq(int, rudp_conn_on_arrived(conn, 5, pair.now_ns), RUDP_VERDICT_OK));
	cr_assert(eq(int, rudp_conn_on_arrived(conn, BURST_BYTES, pair.now_ns), RUDP_VERDICT_OK));
	cr_assert(eq(int, rudp_conn_on_arrived(conn, BURST_BYTES + 1, pair.now_ns),
		     RUDP_VERDICT_BAD_ACK));
	cr_assert(eq(u64, pair_stats(&pair, 0).stream_acked, BURST_BYTES));
}

/* Nothing was recovered, so ARRIVED is not sent. */
Test(conn_arrived, is_not_sent_if_nothing_was_lost)
{
	static const uint8_t text[BURST_BYTES];

	rudp_conn_write(pair.conn[0], text, sizeof text, pair.now_ns);
	pair_run(&pair, 1000 * MS);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), BURST_BYTES));
	cr_assert(eq(u64, pair_stats(&pair, 1).stream_repaired, 0));
	cr_assert(eq(u64, pair.conn[1]->repaired_from, UINT64_MAX));
	cr_assert(not(pair.conn[1]->arrived_due));
}

/*
 * If the lost ranges are too many to list, the sender goes back and counts bytes as unsent that
 * have arrived.
 */
Test(conn_arrived, sent_bytes_stay_sent_however_much_is_lost)
{
	struct rudp_sendbuf *buf = &pair.conn[0]->sendbuf;

	repair_one();
	buf->lost.count_max = 0;
	rudp_sendbuf_on_lost(buf, buf->ring.head + 3000, 1000, false);
	buf->lost.count_max = RUDP_SENDBUF_RANGES_MAX;
	cr_assert(eq(u64, buf->sent, buf->ring.head + 3000));
	deliver_without(NONE, NONE); /* ARRIVED for everything */
	cr_assert(zero(u64, pair_verdicts(&pair, 0, RUDP_VERDICT_BAD_ACK)));
	pair_run(&pair, 1000 * MS);
	cr_assert(zero(u64, pair_stats(&pair, 0).unacked_bytes));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
}

Test(conn_arrived, of_unsent_bytes_is_a_violation)
{
	static const uint8_t arrived[] = {RUDP_FRAME_ARRIVED, 1};

	cr_assert(eq(int, pair_say(&pair, 1, 1000, arrived, sizeof arrived), RUDP_VERDICT_BAD_ACK));
}
