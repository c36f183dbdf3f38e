/* SPDX-License-Identifier: MIT */
/*
 * Path MTU search of a connection: it searches, uses the result, and reduces the size when it no
 * longer fits.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/checks.h"
#include "proto/conn/conn_private.h"
#include "proto/pair.h"

#define ETHERNET 1472u
#define JUMBO 8972u

static struct pair pair;
static uint8_t bytes[400000];

static void start(void)
{
	pair_init(&pair, 0, 0);
	pair.interface_bytes = ETHERNET;
	pair_establish(&pair);
}

static void finish(void)
{
	pair_fini(&pair);
}

TestSuite(conn_mtu, .init = start, .fini = finish);

static void read_everything(int side)
{
	size_t available = rudp_conn_receive_available(pair.conn[side]);

	rudp_conn_receive_consume(pair.conn[side], available, pair.now_ns);
}

/* Sends bulk data from the client until all of it has arrived. */
static void carry(size_t total)
{
	while (total > 0) {
		size_t n = total < sizeof bytes ? total : sizeof bytes;

		total -= rudp_conn_write(pair.conn[0], bytes, n, pair.now_ns);
		pair_run(&pair, 5 * RUDP_NS_PER_MS);
		read_everything(1);
	}
}

static struct rudp_conn_stats stats(void)
{
	struct rudp_conn_stats s;

	rudp_conn_stats(pair.conn[0], &s);
	return s;
}

Test(conn_mtu, bulk_data_finds_the_interface_mtu_in_its_first_flight)
{
	cr_assert(eq(u32, stats().datagram_bytes, 1200));
	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], bytes, 100000, pair.now_ns), 100000));
	pair_collect(&pair);
	cr_assert(eq(sz, pair.wire[0]->len, ETHERNET));
	pair_run(&pair, 5 * RUDP_NS_PER_MS);
	cr_assert(eq(u32, stats().datagram_bytes, ETHERNET));
	read_everything(1);
	carry(300000);
	cr_assert(eq(u64, stats().packets_lost, 0));
}

Test(conn_mtu, a_short_exchange_sends_no_probe)
{
	struct pair_datagram *datagram;

	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], bytes, 8000, pair.now_ns), 8000));
	pair_collect(&pair);
	cr_assert(ge(uint, pair.wire_count, 1));
	while ((datagram = pair_take(&pair))) {
		cr_assert(le(sz, datagram->len, 1200));
		pair_deliver(&pair, datagram);
		free(datagram);
		pair_collect(&pair);
	}
	for (int i = 0; i < 100; i++) {
		rudp_conn_write(pair.conn[0], bytes, 300, pair.now_ns);
		pair_run(&pair, RUDP_NS_PER_MS);
		read_everything(1);
	}
	cr_assert(eq(u32, stats().datagram_bytes, 1200));
}

Test(conn_mtu, lost_probes_do_not_reduce_the_window)
{
	pair.path_bytes = 1200;
	carry(1000000);
	cr_assert(eq(u32, stats().datagram_bytes, 1200));
	cr_assert(all(eq(u64, stats().packets_lost, 0), eq(u64, stats().stream_resent, 0)));
}

Test(conn_mtu, a_path_that_shrinks_is_noticed_and_everything_arrives)
{
	carry(200000);
	cr_assert(eq(u32, stats().datagram_bytes, ETHERNET));
	pair.path_bytes = 1392;
	carry(4000000);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(u32, stats().datagram_bytes, 1392));
	cr_assert(eq(u64, stats().unacked_bytes, 0));
}

Test(conn_mtu, limit_of_the_interface_applies_at_once)
{
	carry(200000);
	rudp_conn_on_too_big(pair.conn[0], 1300, true, pair.now_ns);
	cr_assert(eq(u32, stats().datagram_bytes, 1300));
	cr_assert(rudp_endpoint_check(pair.ep[0]));
}

Test(conn_mtu, icmp_alone_changes_nothing)
{
	carry(200000);
	rudp_conn_on_too_big(pair.conn[0], 1300, false, pair.now_ns);
	rudp_conn_on_too_big(pair.conn[0], 60000, false, pair.now_ns);
	rudp_conn_on_too_big(pair.conn[0], 0, false, pair.now_ns);
	carry(200000);
	cr_assert(eq(u32, stats().datagram_bytes, ETHERNET));
}

Test(conn_mtu, another_host_is_another_path)
{
	struct pair_datagram *datagram;

	carry(200000);
	rudp_conn_write(pair.conn[1], "x", 1, pair.now_ns);
	pair_collect(&pair);
	datagram = pair_take(&pair);
	rudp_addr_parse(&datagram->from_addr, "10.0.0.9:8080");
	pair_deliver(&pair, datagram);
	free(datagram);
	cr_assert(eq(u32, stats().datagram_bytes, 1200));
	cr_assert(rudp_endpoint_check(pair.ep[0]));
}

Test(conn_mtu, another_port_of_the_host_is_not)
{
	struct pair_datagram *datagram;

	carry(200000);
	rudp_conn_write(pair.conn[1], "x", 1, pair.now_ns);
	pair_collect(&pair);
	datagram = pair_take(&pair);
	rudp_addr_parse(&datagram->from_addr, "10.0.0.2:9090");
	pair_deliver(&pair, datagram);
	free(datagram);
	cr_assert(eq(u32, stats().datagram_bytes, ETHERNET));
}

Test(conn_mtu, jumbo_frames_wait_for_a_window_of_four)
{
	pair.interface_bytes = JUMBO;
	pair.conn[0]->cc.cwnd_bytes = 12000;
	rudp_conn_write(pair.conn[0], bytes, 200000, pair.now_ns);
	pair_collect(&pair);
	cr_assert(eq(sz, pair.wire[0]->len, ETHERNET));
	carry(2000000);
	cr_assert(eq(u32, stats().datagram_bytes, JUMBO));
}
