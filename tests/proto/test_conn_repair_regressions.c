/* SPDX-License-Identifier: MIT */
/* What the review of sums that repair has found: once each, so that it stays mended. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"
#include "proto/conn_private.h"
#include "proto/endpoint_private.h"
#include "sim/pattern.h"

#define MS RUDP_NS_PER_MS

static struct pair pair;
static uint64_t written;

static void drop_wire(void)
{
	while (pair.wire_count)
		free(pair_take(&pair));
}

/* Time moves on; what leaves stays on the wire. */
static void wait_for(int64_t ns)
{
	pair.now_ns += ns + RUDP_TIMER_TICK_NS;
	for (int side = 0; side < 2; side++)
		rudp_endpoint_on_time(pair.ep[side], pair.now_ns);
	pair_collect(&pair);
}

/* The server's program says so many bytes; what may leave at once is on the wire. */
static void burst(size_t len)
{
	static uint8_t text[1 << 20];

	for (size_t i = 0; i < len; i++)
		text[i] = pattern(0, 1, written + i);
	cr_assert(eq(sz, rudp_conn_write(pair.conn[1], text, len, pair.now_ns), len));
	written += len;
	pair_collect(&pair);
}

/* Delivers all that is on the wire but the datagram with this index; -1: all of it. */
static void deliver_but(int lost)
{
	unsigned count = pair.wire_count;

	for (unsigned i = 0; i < count; i++) {
		struct pair_datagram *datagram = pair_take(&pair);

		if ((int)i != lost)
			pair_deliver(&pair, datagram);
		free(datagram);
	}
}

static void setup(void)
{
	written = 0;
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, 1000 * MS);
	for (int side = 0; side < 2; side++) { /* a wire without length would need no sums */
		pair.conn[side]->rtt.srtt_ns = 40 * MS;
		rudp_conn_repair_on_established(pair.conn[side], pair.now_ns);
	}
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(conn_repair_regressions, .init = setup, .fini = teardown);

Test(conn_repair_regressions, datagrams_that_grow_during_a_burst_do_not_outgrow_the_sum)
{
	struct rudp_conn *server = pair.conn[1];

	burst(10000);
	rudp_conn_repair_begin(server, 0);
	cr_assert(rudp_conn_repair_next(server, pair.now_ns));
	server->path.mtu.state = RUDP_MTU_COMPLETE;
	server->path.mtu.bytes = server->path.mtu.max_bytes = RUDP_REPAIR_DATAGRAM_MAX_BYTES + 1;
	rudp_conn_mtu_follow(server);
	rudp_conn_repair_begin(server, 0);
	cr_assert(not(rudp_conn_repair_next(server, pair.now_ns)));
	cr_assert(not(rudp_conn_repair_is_due(server)));
}

Test(conn_repair_regressions, nothing_repairs_what_the_peer_has_given_up)
{
	struct rudp_conn *server = pair.conn[1];

	burst(10000);
	drop_wire();
	rudp_conn_reset(pair.conn[0], RUDP_RESET_APPLICATION, pair.now_ns);
	pair_collect(&pair);
	rudp_conn_repair_begin(server, 0);
	cr_assert(rudp_conn_repair_is_due(server));
	deliver_but(-1);
	cr_assert(eq(int, rudp_conn_state(server), RUDP_STATE_TIME_WAIT));
	wait_for(100 * MS);
	cr_assert(eq(u64, server->repairing.sent_packets, 0));
}

/* Less than a sum is allowed there, and no sum is cut short: they wait without looking at the clock. */
Test(conn_repair_regressions, sums_wait_quietly_for_a_path_to_be_proven)
{
	struct rudp_conn *server = pair.conn[1];

	burst(10000);
	drop_wire();
	rudp_conn_repair_begin(server, 0);
	server->path.validated = false;
	server->path.received_bytes = 1000;
	server->path.sent_bytes = 2500;
	pair_collect(&pair);
	cr_assert(eq(u64, server->repairing.sent_packets, 0));
	cr_assert(ge(i64, rudp_conn_deadline_ns(server, pair.now_ns), pair.now_ns + MS));
	server->path.validated = true;
	rudp_endpoint_touch(server->ep, server);
	wait_for(1);
	cr_assert(ge(u64, server->repairing.sent_packets, 1));
}

Test(conn_repair_regressions, sums_of_long_ago_are_not_looked_for_one_by_one)
{
	struct rudp_conn *server = pair.conn[1];

	server->repairing.first_number = 1;
	server->reliability.base = server->reliability.next = UINT64_C(1) << 60;
	server->repairing.end_number = server->reliability.base;
	rudp_conn_repair_settle(server);
	cr_assert(eq(u64, server->repairing.first_number, server->repairing.end_number));
}
