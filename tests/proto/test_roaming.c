/* SPDX-License-Identifier: MIT */
/* The initiator's host has joined another network: docs/protocol.md section 13. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "pair.h"
#include "proto/conn_private.h"

#define MS RUDP_NS_PER_MS
#define RTT_NS (50 * MS)
#define OUTAGE_NS (3 * RUDP_NS_PER_S)
#define MUCH (100u << 10)
#define ROUND_TRIPS_MAX 12 /* one for the news, one to prove the path, a slow start from there */

static struct pair pair;

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
}

static void teardown(void)
{
	cr_assert(rudp_endpoint_check(pair.ep[0]));
	cr_assert(rudp_endpoint_check(pair.ep[1]));
	pair_fini(&pair);
}

TestSuite(roaming, .init = setup, .fini = teardown);

static void say(int side)
{
	static const uint8_t text[MUCH];

	cr_assert(eq(sz, rudp_conn_write(pair.conn[side], text, sizeof text, pair.now_ns),
		     sizeof text));
	pair_collect(&pair);
}

static size_t heard(int side)
{
	return rudp_recvbuf_available(&pair.conn[side]->recvbuf);
}

static void outage(void)
{
	for (int64_t end = pair.now_ns + OUTAGE_NS; pair.now_ns < end;) {
		pair_drop(&pair);
		pair_wait(&pair, RTT_NS / 2);
	}
	pair_drop(&pair);
}

static void join(const char *network)
{
	rudp_addr_parse(&pair.addr[0], network);
	rudp_conn_rebind(pair.conn[0], &pair.addr[0], &pair.addr[0], pair.now_ns);
	pair_collect(&pair);
}

/* Until all of it is there. */
static int round_trips(int side)
{
	int count = 0;

	while (heard(side) < MUCH && count++ < 10 * ROUND_TRIPS_MAX) {
		pair_travel(&pair, RTT_NS / 2);
		pair_travel(&pair, RTT_NS / 2);
	}
	return count;
}

Test(roaming, who_only_listens_hears_on_soon)
{
	say(1);
	outage();
	join("10.9.9.9:4444");
	cr_assert(le(int, round_trips(0), ROUND_TRIPS_MAX));
}

Test(roaming, who_speaks_is_heard_on_soon)
{
	say(0);
	outage();
	join("10.9.9.9:4444");
	cr_assert(le(int, round_trips(1), ROUND_TRIPS_MAX));
}

Test(roaming, of_another_network_nothing_is_presumed)
{
	struct rudp_conn_stats stats;
	uint64_t first_window = pair_stats(&pair, 0).cwnd_bytes;

	say(0);
	round_trips(1);
	cr_assert(ge(u64, pair_stats(&pair, 0).cwnd_bytes, first_window + 1));
	join("10.9.9.9:4444");
	stats = pair_stats(&pair, 0);
	cr_assert(le(u64, stats.cwnd_bytes, first_window));
	cr_assert(eq(u64, stats.datagram_bytes, 1200));
}

/* A link that was down for long is back, with the address as before. */
Test(roaming, who_is_told_of_a_way_asks_at_once)
{
	say(0);
	outage();
	cr_assert(zero(uint, pair.wire_count));
	rudp_conn_probe(pair.conn[0], pair.now_ns);
	pair_collect(&pair);
	cr_assert(ge(uint, pair.wire_count, 1));
	pair_drop(&pair);
	rudp_conn_probe(pair.conn[0], pair.now_ns); /* told again: routers talk a lot */
	pair_collect(&pair);
	cr_assert(zero(uint, pair.wire_count));
}

Test(roaming, who_waits_for_nothing_asks_nothing)
{
	pair_settle(&pair);
	rudp_conn_probe(pair.conn[0], pair.now_ns);
	rudp_conn_probe(pair.conn[1], pair.now_ns);
	pair_collect(&pair);
	cr_assert(zero(uint, pair.wire_count));
}
