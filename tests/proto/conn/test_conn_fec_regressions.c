/* SPDX-License-Identifier: MIT */
/* Regression tests for defects that a review of the repair symbols found. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"
#include "sim/pattern.h"

#define MS RUDP_NS_PER_MS

static struct pair pair;
static uint64_t written, read_bytes;

/* The server's program writes len bytes. What may be sent at once is on the wire. */
static void burst(size_t len)
{
	static uint8_t text[1 << 20];

	for (size_t i = 0; i < len; i++)
		text[i] = pattern(0, 1, written + i);
	cr_assert(eq(sz, rudp_conn_write(pair.conn[1], text, len, pair.now_ns), len));
	written += len;
	pair_collect(&pair);
}

/* The client's program reads everything, which must be equal to what was written. */
static void read_all(void)
{
	struct iovec iov[2];

	while (rudp_conn_receive_readable(pair.conn[0], iov) > 0) {
		for (size_t k = 0; k < iov[0].iov_len; k++)
			cr_assert(eq(u8, ((uint8_t *)iov[0].iov_base)[k],
				     pattern(0, 1, read_bytes + k)));
		read_bytes += iov[0].iov_len;
		rudp_conn_receive_consume(pair.conn[0], iov[0].iov_len, pair.now_ns);
	}
}

/* Delivers everything on the wire except the datagram with this index; -1: everything. */
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
	written = read_bytes = 0;
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, 1000 * MS);
	/* with an RTT of zero there would be no repair symbols */
	for (int side = 0; side < 2; side++) {
		pair.conn[side]->rtt.srtt_ns = 40 * MS;
		rudp_conn_fec_on_established(pair.conn[side]);
	}
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(conn_fec_regressions, .init = setup, .fini = teardown);

Test(conn_fec_regressions, datagrams_that_grow_during_a_burst_do_not_outgrow_the_symbol)
{
	struct rudp_conn *server = pair.conn[1];

	burst(10000);
	rudp_conn_fec_begin(server, 0);
	cr_assert(rudp_conn_fec_next(server, pair.now_ns));
	server->path.mtu.state = RUDP_MTU_COMPLETE;
	server->path.mtu.bytes = server->path.mtu.max_bytes = RUDP_FEC_DATAGRAM_MAX_BYTES + 1;
	rudp_conn_mtu_follow(server);
	rudp_conn_fec_begin(server, 0);
	cr_assert(not(rudp_conn_fec_next(server, pair.now_ns)));
	cr_assert(not(rudp_conn_fec_is_due(server)));
}

Test(conn_fec_regressions, no_symbols_are_sent_after_the_peer_gave_up)
{
	struct rudp_conn *server = pair.conn[1];

	burst(10000);
	pair_drop(&pair);
	rudp_conn_reset(pair.conn[0], RUDP_RESET_APPLICATION, pair.now_ns);
	pair_collect(&pair);
	rudp_conn_fec_begin(server, 0);
	cr_assert(rudp_conn_fec_is_due(server));
	deliver_but(-1);
	cr_assert(eq(int, rudp_conn_state(server), RUDP_STATE_TIME_WAIT));
	pair_wait(&pair, 100 * MS);
	cr_assert(eq(u64, server->fec_sender.sent_packets, 0));
}

/*
 * The path allows less than one repair symbol, and symbols are never truncated: they wait without a
 * timer.
 */
Test(conn_fec_regressions, symbols_wait_without_a_timer_for_path_validation)
{
	struct rudp_conn *server = pair.conn[1];

	burst(10000);
	pair_drop(&pair);
	rudp_conn_fec_begin(server, 0);
	server->path.validated = false;
	server->path.received_bytes = 1000;
	server->path.sent_bytes = 2500;
	pair_collect(&pair);
	cr_assert(eq(u64, server->fec_sender.sent_packets, 0));
	cr_assert(ge(i64, rudp_conn_deadline_ns(server, pair.now_ns), pair.now_ns + MS));
	server->path.validated = true;
	rudp_endpoint_touch(server->ep, server);
	pair_wait(&pair, 1);
	cr_assert(ge(u64, server->fec_sender.sent_packets, 1));
}

Test(conn_fec_regressions, old_symbols_are_not_searched_one_by_one)
{
	struct rudp_conn *server = pair.conn[1];

	server->fec_sender.first_number = 1;
	server->reliability.base = server->reliability.next = UINT64_C(1) << 60;
	server->fec_sender.end_number = server->reliability.base;
	rudp_conn_fec_settle(server);
	cr_assert(eq(u64, server->fec_sender.first_number, server->fec_sender.end_number));
}

/*
 * These bytes are acknowledged, and may be overwritten once their memory is reserved for new bytes.
 */
Test(conn_fec_regressions, reserved_but_uncommitted_bytes_spoil_no_symbol)
{
	struct rudp_conn *server = pair.conn[1];
	struct pair_datagram *datagrams[9];
	struct iovec iov[2];
	int count;

	burst(10000);
	rudp_conn_fec_begin(server, 0);
	for (int i = 0; i < 9; i++)
		datagrams[i] = pair_take(&pair);
	for (int i = 0; i < 5; i++)
		pair_deliver(&pair, datagrams[i]);
	pair.now_ns += 30 * MS;
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	server->fec_sender.next = server->fec_sender.end; /* no repair symbols yet */
	pair_settle(&pair);
	rudp_conn_fec_begin(server, 0);
	cr_assert(ge(u64, server->sendbuf.ring.head, 5000));
	count = rudp_conn_send_reserve(
		server, server->sendbuf.ring.capacity_bytes - rudp_ring_used(&server->sendbuf.ring),
		iov);
	for (int i = 0; i < count; i++)
		memset(iov[i].iov_base, 0xee, iov[i].iov_len);
	for (int i = 6; i < 9; i++)
		pair_deliver(&pair, datagrams[i]);
	rudp_endpoint_touch(server->ep, server);
	pair_collect(&pair);
	deliver_but(-1);
	read_all();
	pair_run(&pair, 1000 * MS);
	read_all();
	cr_assert(eq(u64, read_bytes, written));
	for (int i = 0; i < 9; i++)
		free(datagrams[i]);
}

/* The computation that one packet can cause is limited to what our own senders cause. */
Test(conn_fec_regressions, blocks_that_no_sender_makes_are_not_kept)
{
	static const uint8_t sum[RUDP_FEC_DATAGRAM_MAX_BYTES + 1];
	struct rudp_conn *client = pair.conn[0];
	struct rudp_frame frame = {.type = RUDP_FRAME_REPAIR};

	client->recvbuf.window_end = 4u << 20;
	frame.repair.bytes = sum;
	frame.repair.count = 1;
	frame.repair.len = RUDP_FEC_DATAGRAM_MAX_BYTES + 1;
	cr_assert(eq(int, rudp_conn_on_repair(client, &frame), RUDP_VERDICT_OK));
	frame.repair.len = RUDP_FEC_DATAGRAM_MAX_BYTES;
	frame.repair.count = RUDP_FEC_BLOCK_BYTES_MAX / RUDP_FEC_DATAGRAM_MAX_BYTES + 1;
	cr_assert(eq(int, rudp_conn_on_repair(client, &frame), RUDP_VERDICT_OK));
	cr_assert(eq(u64, client->fec_store.bytes, 0));
	cr_assert(not(client->fec_store.has_news));
	frame.repair.count--;
	cr_assert(eq(int, rudp_conn_on_repair(client, &frame), RUDP_VERDICT_OK));
	cr_assert(ge(u64, client->fec_store.bytes, 1));
	cr_assert(client->fec_store.has_news);
	rudp_conn_charge(client);
}

Test(conn_fec_regressions, handshake_without_a_sample_does_not_forget_what_was_read)
{
	struct pair slow;

	pair_init(&slow, 0, 0);
	pair_connect(&slow, PAIR_PORT);
	for (int i = 0; i < 30; i++) { /* SYNs, and a copy */
		while (slow.wire_count)
			free(pair_take(&slow));
		slow.now_ns += 100 * MS;
		rudp_endpoint_on_time(slow.ep[0], slow.now_ns);
		pair_collect(&slow);
	}
	pair_run(&slow, 5 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_state(slow.conn[0]), RUDP_STATE_ESTABLISHED));
	cr_assert(zero(u64, slow.conn[0]->rtt.samples));
	cr_assert(eq(sz, slow.conn[0]->recvbuf.history_bytes, RUDP_FEC_BLOCK_BYTES_MAX));
	pair_fini(&slow);
}

/* A quarter of the limit is used: with one byte more the history would make memory scarce. */
Test(conn_fec_regressions, history_does_not_make_memory_scarce)
{
	struct rudp_budget budget = {.limit_bytes = 4u << 20, .used_bytes = 1u << 20};
	static const uint8_t piece[1000];
	struct rudp_recvbuf buf;

	rudp_recvbuf_init(&buf, 1u << 20, &budget);
	buf.history_bytes = RUDP_FEC_BLOCK_BYTES_MAX;
	for (uint64_t at = 0; at < 200 * sizeof piece; at += sizeof piece) {
		rudp_recvbuf_take(&buf, at, piece, sizeof piece, false, pair.now_ns);
		rudp_recvbuf_consume(&buf, sizeof piece, 40 * MS, pair.now_ns);
	}
	cr_assert(le(sz, buf.ring.capacity_bytes, 4096));
	rudp_recvbuf_fini(&buf);
}
