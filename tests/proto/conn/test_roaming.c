/* SPDX-License-Identifier: MIT */
/* The initiator's host changes its network: docs/protocol.md section 13. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/checks.h"
#include "proto/conn/conn_private.h"
#include "proto/pair.h"

#define MS RUDP_NS_PER_MS
#define RTT_NS (50 * MS)
#define OUTAGE_NS (3 * RUDP_NS_PER_S)
#define MUCH (100u << 10)
/* one round trip to notify the peer, one to validate the path, then a slow start */
#define ROUND_TRIPS_MAX 12

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

/* Runs until all bytes have arrived. */
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

/* A link that was down for a long time is up again, with the same address. */
Test(roaming, who_is_told_of_a_way_asks_at_once)
{
	say(0);
	outage();
	cr_assert(zero(uint, pair.wire_count));
	rudp_conn_probe(pair.conn[0], pair.now_ns);
	pair_collect(&pair);
	cr_assert(ge(uint, pair.wire_count, 1));
	pair_drop(&pair);
	/* notified again, as routing daemons often do */
	rudp_conn_probe(pair.conn[0], pair.now_ns);
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

static void read_all(int side)
{
	rudp_conn_receive_consume(pair.conn[side], heard(side), pair.now_ns);
}

/* Both addresses of the host work, and packets in flight arrive at the previous one. */
Test(roaming, the_initiator_alone_says_where_it_is)
{
	static const uint8_t text[1000];
	struct rudp_addr other;

	rudp_addr_parse(&other, "10.9.9.9:4444");
	for (int i = 0; i < 60; i++) {
		for (int side = 0; side < 2; side++)
			rudp_conn_write(pair.conn[side], text, sizeof text, pair.now_ns);
		pair_collect(&pair);
		if (i == 20) { /* like an unconnected socket: it receives at both */
			rudp_conn_rebind(pair.conn[0], &pair.addr[0], &other, pair.now_ns);
			pair_collect(&pair);
		}
		pair_travel(&pair, RTT_NS / 2);
		read_all(0);
		read_all(1);
	}
	cr_assert(eq(u64, pair_stats(&pair, 1).path_changes, 1));
	cr_assert(rudp_addr_same_host(rudp_conn_path_local(pair.conn[0]), &other));
}

/* As much as the window allows, for one round trip. */
static void pour(void)
{
	static const uint8_t text[MUCH];

	rudp_conn_write(pair.conn[0], text, sizeof text, pair.now_ns);
	pair_collect(&pair);
	pair_travel(&pair, RTT_NS / 2);
	read_all(1);
	pair_travel(&pair, RTT_NS / 2);
}

/* Marked packets lost on the previous path do not count for ECN validation on the new one. */
Test(roaming, ecn_is_tested_by_what_leaves_on_the_new_path)
{
	for (int i = 0; i < 20; i++)
		pour();
	cr_assert(eq(int, pair.conn[0]->ecn.state, RUDP_ECN_CAPABLE));
	outage();
	join("10.9.9.9:4444");
	for (int i = 0; i < 40; i++)
		pour();
	cr_assert(eq(int, pair.conn[0]->ecn.state, RUDP_ECN_CAPABLE));
}
