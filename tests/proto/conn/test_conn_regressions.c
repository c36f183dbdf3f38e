/* SPDX-License-Identifier: MIT */
/* Regression tests for defects that reviews and tests/fuzz/fuzz_session.c found. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/checks.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

enum { CROWD = 50, CROWD_BYTES = 100000 };

/* Time passes and nothing is delivered. */
static void run_undelivered(struct pair *pair, int64_t ns)
{
	for (int64_t end = pair->now_ns + ns; pair->now_ns < end;) {
		pair->now_ns += 10 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair->ep[0], pair->now_ns);
		rudp_endpoint_on_time(pair->ep[1], pair->now_ns);
		pair_collect(pair);
		pair_drop(pair);
	}
}

static void collect_and_take(struct pair *pair, int to, struct pair_datagram **kept)
{
	struct pair_datagram *datagram;

	pair_collect(pair);
	while ((datagram = pair_take(pair))) {
		if (datagram->to == to && !*kept)
			*kept = datagram;
		else
			free(datagram);
	}
}

/* The client writes until the server's window is full. */
static void fill_window(struct pair *pair)
{
	static const char block[65536];
	struct rudp_conn_stats stats;

	do {
		rudp_conn_write(pair->conn[0], block, sizeof block, pair->now_ns);
		pair_run(pair, 10 * RUDP_NS_PER_MS);
		rudp_conn_stats(pair->conn[0], &stats);
	} while (stats.window_send_bytes > 0);
	rudp_conn_write(pair->conn[0], block, sizeof block, pair->now_ns);
	pair_run(pair, RUDP_NS_PER_S);
}

Test(conn_regressions, shutdown_of_reading_unblocks_the_writer)
{
	struct rudp_conn_stats stats;
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	fill_window(&pair);
	rudp_conn_stats(pair.conn[0], &stats);
	cr_assert(ge(u64, stats.unsent_bytes, 1));
	rudp_conn_shutdown_receive(pair.conn[1]);
	pair_run(&pair, RUDP_NS_PER_S);
	rudp_conn_stats(pair.conn[0], &stats);
	cr_assert(eq(u64, stats.unacked_bytes, 0));
	pair_fini(&pair);
}

Test(conn_regressions, a_writer_blocked_by_the_window_detects_a_dead_peer)
{
	struct rudp_conn_options options = {.user_timeout_ns = 5 * RUDP_NS_PER_S};
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_set_options(pair.conn[0], &options);
	fill_window(&pair);
	pair_run(&pair, 60 * RUDP_NS_PER_S); /* it may wait for ever while the peer answers */
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	run_undelivered(&pair, 60 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ETIMEDOUT));
	pair_fini(&pair);
}

Test(conn_regressions, a_forgotten_connection_is_no_error_when_both_are_closing)
{
	struct pair_datagram *fin[2] = {NULL, NULL}, *ack = NULL;
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_shutdown_send(pair.conn[0], pair.now_ns);
	rudp_conn_shutdown_send(pair.conn[1], pair.now_ns);
	pair_collect(&pair);
	fin[0] = pair_take(&pair);
	fin[1] = pair_take(&pair);
	pair_deliver(&pair, fin[0]);
	pair_deliver(&pair, fin[1]);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_CLOSING));
	pair.now_ns += RUDP_ACK_DELAY_MAX_NS + RUDP_TIMER_TICK_NS;
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
	collect_and_take(&pair, 1, &ack); /* the server's ACK is lost */
	cr_assert(ne(ptr, ack, NULL));
	pair_deliver(&pair, ack);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_TIME_WAIT));
	run_undelivered(&pair, 3 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_CLOSED));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_CLOSING));
	pair_run(&pair, 10 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_CLOSED));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), 0));
	free(fin[0]);
	free(fin[1]);
	free(ack);
	pair_fini(&pair);
}

Test(conn_regressions, a_dead_connection_that_nobody_has_closed_answers_as_if_unknown)
{
	struct rudp_conn_options options = {.user_timeout_ns = RUDP_NS_PER_S};
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_set_options(pair.conn[1], &options);
	rudp_conn_write(pair.conn[1], "x", 1, pair.now_ns);
	run_undelivered(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), ETIMEDOUT));
	rudp_conn_write(pair.conn[0], "anybody?", 8, pair.now_ns);
	pair_run(&pair, 10 * RUDP_NS_PER_MS);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

Test(conn_regressions, forged_icmp_in_a_burst_does_not_end_an_idle_connection)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, 100 * RUDP_NS_PER_S);
	for (int i = 0; i < 10; i++)
		rudp_conn_on_icmp(pair.conn[1], ECONNREFUSED, pair.now_ns);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	run_undelivered(&pair, RUDP_NS_PER_S);
	for (int i = 0; i < 3; i++)
		rudp_conn_on_icmp(pair.conn[1], ECONNREFUSED, pair.now_ns);
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), ECONNRESET));
	pair_fini(&pair);
}

/*
 * An attacker sends a SYN with the victim's source address, then a copy from its own address. It
 * gets the SYNACK and sends packets with the victim's address. That must not validate the victim's
 * address.
 */
Test(conn_regressions, a_synack_received_elsewhere_validates_no_address)
{
	static const char block[65536];
	struct pair_datagram *syn, *synack = NULL, *datagram;
	struct rudp_addr victim;
	uint64_t to_victim = 0, from_victim = 0;
	struct pair pair;

	pair_init(&pair, 0, 0);
	rudp_addr_parse(&victim, "10.0.0.99:9");
	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	syn->from_addr = victim;
	pair_deliver(&pair, syn);
	from_victim += syn->len;
	syn->from_addr = pair.addr[0];
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_DUPLICATE_SYN));
	pair_collect(&pair);
	while ((datagram = pair_take(&pair))) {
		if (rudp_addr_equal(&datagram->to_addr, &victim))
			to_victim += datagram->len;
		else
			synack = datagram;
		if (datagram != synack)
			free(datagram);
	}
	cr_assert(ne(ptr, synack, NULL));
	pair_deliver(&pair, synack);
	for (int i = 0; i < 200; i++) {
		pair_collect(&pair);
		while ((datagram = pair_take(&pair))) {
			if (datagram->to == 1) {
				datagram->from_addr = victim;
				from_victim += datagram->len;
				pair_deliver(&pair, datagram);
			} else {
				to_victim += datagram->len;
			}
			free(datagram);
		}
		if (!pair.conn[1] && (pair.conn[1] = rudp_listener_accept(pair.listener)))
			rudp_conn_write(pair.conn[1], block, sizeof block, pair.now_ns);
		pair.now_ns += 300 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	}
	cr_assert(ne(ptr, pair.conn[1], NULL));
	cr_assert(le(u64, to_victim, RUDP_AMPLIFICATION_FACTOR * from_victim));
	/* The host that really has the address gets everything, however late. */
	for (int i = 0; i < 100; i++) {
		rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
		pair_run(&pair, 100 * RUDP_NS_PER_MS);
	}
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), sizeof block));
	free(syn);
	free(synack);
	pair_fini(&pair);
}

Test(conn_regressions, a_closed_connection_without_a_socket_does_not_stay)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_endpoint_socket_gone(pair.ep[0], &pair.addr[0]);
	rudp_conn_close(pair.conn[0], pair.now_ns); /* first the socket, then the user */
	rudp_conn_close(pair.conn[1], pair.now_ns); /* first the user, then the socket */
	pair_collect(&pair);
	pair_drop(&pair);
	rudp_endpoint_socket_gone(pair.ep[1], &pair.addr[1]);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[0]), 0));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
	pair_fini(&pair);
}

Test(conn_regressions, a_peer_is_found_by_socket_and_address_unless_there_are_two)
{
	struct pair pair;
	struct rudp_conn *first;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	first = pair.conn[0];
	cr_assert(
		eq(ptr, rudp_endpoint_find_peer(pair.ep[0], &pair.addr[0], &pair.addr[1]), first));
	cr_assert(eq(ptr, rudp_endpoint_find_peer(pair.ep[0], &pair.addr[1], &pair.addr[1]), NULL));
	cr_assert(eq(ptr, rudp_endpoint_find_peer(pair.ep[0], &pair.addr[0], &pair.addr[0]), NULL));
	pair_establish(&pair);
	cr_assert(eq(ptr, rudp_endpoint_find_peer(pair.ep[0], &pair.addr[0], &pair.addr[1]), NULL));
	rudp_conn_reset(first, RUDP_RESET_APPLICATION, pair.now_ns);
	rudp_conn_close(first, pair.now_ns);
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(eq(ptr, rudp_endpoint_find_peer(pair.ep[0], &pair.addr[0], &pair.addr[1]),
		     pair.conn[0]));
	rudp_endpoint_socket_gone(pair.ep[0], &pair.addr[0]);
	cr_assert(eq(ptr, rudp_endpoint_find_peer(pair.ep[0], &pair.addr[0], &pair.addr[1]), NULL));
	cr_assert(eq(ptr, rudp_conn_socket(pair.conn[0]), NULL));
	pair_fini(&pair);
}

/*
 * A server's socket has all its connections: finding the connection of an ICMP error must not
 * search all of them.
 */
Test(conn_regressions, a_peer_that_moves_is_found_where_it_is_now)
{
	struct pair pair;
	struct rudp_addr before, moved;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	before = pair.addr[0];
	rudp_addr_parse(&moved, "10.0.0.9:4444");
	pair.addr[0] = moved;
	rudp_conn_rebind(pair.conn[0], &pair.addr[0], &moved, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(
		eq(ptr, rudp_endpoint_find_peer(pair.ep[1], &pair.addr[1], &moved), pair.conn[1]));
	cr_assert(eq(ptr, rudp_endpoint_find_peer(pair.ep[1], &pair.addr[1], &before), NULL));
	cr_assert(rudp_endpoint_check(pair.ep[1]));
	pair_fini(&pair);
}

/* The index of the connection whose peer id is in the packet's header. */
static unsigned turn_of(uint64_t ids[CROWD], const uint8_t *packet)
{
	uint64_t id;

	memcpy(&id, packet + 1, sizeof id);
	for (unsigned i = 0; i < CROWD; i++) {
		if (ids[i] == 0)
			ids[i] = id;
		if (ids[i] == id)
			return i;
	}
	cr_fatal("a train of nobody");
}

/*
 * No connection sends a second train before all others have sent one, however much it has to send.
 */
Test(conn_regressions, connections_with_data_take_turns)
{
	static uint8_t data[CROWD_BYTES];
	struct rudp_conn *conns[CROWD];
	struct pair pair;
	uint64_t ids[CROWD] = {0};
	unsigned turns[CROWD] = {0}, trains = 0;

	pair_init(&pair, 0, 0);
	for (unsigned i = 0; i < CROWD; i++) {
		pair_establish(&pair);
		pair_settle(&pair);
		conns[i] = pair.conn[0];
	}
	for (unsigned i = 0; i < CROWD; i++)
		cr_assert(eq(sz, rudp_conn_write(conns[i], data, sizeof data, pair.now_ns),
			     sizeof data));
	for (;;) {
		struct rudp_train train = {.data = pair.train, .cap = RUDP_TRAIN_BYTES_MAX};

		if (!rudp_endpoint_transmit(pair.ep[0], &train, pair.now_ns))
			break;
		cr_assert(eq(uint, turns[turn_of(ids, train.data)]++, trains++ / CROWD));
	}
	cr_assert(ge(uint, trains, CROWD));
	pair_fini(&pair);
}

/* Both sides update keys repeatedly while packets are lost. */
Test(conn_regressions, keys_change_on_both_sides_under_loss)
{
	struct pair_datagram *datagram;
	struct pair pair;
	static const char block[4000];
	const size_t all = 200 * sizeof block;
	size_t got[2] = {0, 0};

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int i = 0; i < 800; i++) {
		for (int side = 0; side < 2; side++) {
			struct iovec iov[2];
			int count = rudp_conn_receive_readable(pair.conn[side], iov);
			size_t n = 0;

			for (int k = 0; k < count; k++)
				n += iov[k].iov_len;
			got[side] += n;
			rudp_conn_receive_consume(pair.conn[side], n, pair.now_ns);
			if (i < 200)
				rudp_conn_write(pair.conn[side], block, sizeof block, pair.now_ns);
			/* As after millions of packets. The first packet was already counted. */
			if (i % 3 == side && pair.conn[side]->keys.sent_under_key > 0)
				pair.conn[side]->keys.sent_under_key = RUDP_KEY_PACKETS_DUE;
		}
		pair_collect(&pair);
		for (int k = 0; (datagram = pair_take(&pair)); k++) {
			if ((k + i) % 7)
				pair_deliver(&pair, datagram);
			free(datagram);
			pair_collect(&pair);
		}
		pair.now_ns += 20 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
	}
	cr_assert(eq(sz, got[0], all));
	cr_assert(eq(sz, got[1], all));
	cr_assert(ge(u32, pair.conn[0]->keys.updates, 51));
	cr_assert(zero(u64, pair_verdicts(&pair, 0, RUDP_VERDICT_AUTH_FAILED)));
	pair_fini(&pair);
}

/*
 * Another endpoint on the host has the same secret but does not know the id. It must not reveal the
 * token that would end the connection.
 */
Test(conn_regressions, reset_token_of_another_port_ends_nothing)
{
	struct pair_datagram *packet, *reset;
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, RUDP_NS_PER_S); /* until packets carry the full id */
	rudp_conn_write(pair.conn[0], "a packet longer than a RESET", 28, pair.now_ns);
	pair_collect(&pair);
	packet = pair_take(&pair);
	pair_drop(&pair);
	packet->to = 0; /* any endpoint without that connection will do */
	rudp_addr_set_port(&packet->to_addr, PAIR_PORT + 1);
	cr_assert(eq(int, pair_deliver(&pair, packet), RUDP_VERDICT_UNKNOWN_ID));
	pair_collect(&pair);
	reset = pair_take(&pair);
	cr_assert(ne(ptr, reset, NULL));
	cr_assert(eq(sz, reset->len, RUDP_RESET_BYTES));
	reset->to = 0;
	cr_assert(eq(int, pair_deliver(&pair, reset), RUDP_VERDICT_BAD_RESET));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	free(packet);
	free(reset);
	pair_fini(&pair);
}

/* Opens a connection of which only the SYN arrives. */
static enum rudp_verdict half_open(struct pair *pair)
{
	struct pair_datagram *syn;
	enum rudp_verdict verdict;

	pair_drop(pair);
	pair_connect(pair, PAIR_PORT);
	syn = pair_take(pair);
	verdict = pair_deliver(pair, syn);
	free(syn);
	pair_drop(pair);
	return verdict;
}

Test(conn_regressions, old_half_open_connections_make_room)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair.ep[1]->config.half_open_max = 2;
	cr_assert(eq(int, half_open(&pair), RUDP_VERDICT_OK));
	cr_assert(eq(int, half_open(&pair), RUDP_VERDICT_OK));
	cr_assert(eq(int, half_open(&pair), RUDP_VERDICT_TOO_MANY));
	run_undelivered(&pair, RUDP_HALF_OPEN_FAIR_NS);
	cr_assert(eq(int, half_open(&pair), RUDP_VERDICT_OK));
	cr_assert(eq(uint, pair.ep[1]->half_open_count, 2));
	pair_fini(&pair);
}

Test(conn_regressions, forged_cookies_cause_a_limited_number_of_syns)
{
	struct pair_datagram cookie = {.to = 0};
	uint8_t value[8] = {0};
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	pair_drop(&pair);
	cookie.from_addr = pair.addr[1];
	cookie.to_addr = pair.addr[0];
	for (int i = 0; i < 200; i++) {
		value[0] = (uint8_t)i;
		cookie.len = rudp_packet_write_cookie(cookie.data, rudp_conn_id(pair.conn[0]),
						      value, sizeof value);
		pair_deliver(&pair, &cookie);
		pair_collect(&pair);
	}
	cr_assert(eq(uint, pair.wire_count, RUDP_COOKIES_AT_ONCE));
	pair_fini(&pair);
}

Test(conn_regressions, time_wait_ends_however_much_the_peer_sends)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_reset(pair.conn[0], RUDP_RESET_APPLICATION, pair.now_ns);
	pair_collect(&pair);
	pair.conn[0]->options.user_timeout_ns = 200 * RUDP_NS_PER_S;
	for (int i = 0; i < 5000 && !pair.conn[1]->dead; i++) {
		pair.conn[0]->close_at_ns = RUDP_NEVER; /* it repeats the RESET without limit */
		pair.conn[0]->reset_due = true;
		rudp_endpoint_touch(pair.ep[0], pair.conn[0]);
		pair_collect(&pair);
		while (pair.wire_count) {
			struct pair_datagram *datagram = pair_take(&pair);

			if (datagram->to == 1)
				pair_deliver(&pair, datagram);
			free(datagram);
		}
		pair.now_ns += 20 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
	}
	cr_assert(pair.conn[1]->dead);
	cr_assert(lt(i64, 30 * RUDP_NS_PER_S, pair.now_ns));
	cr_assert(lt(i64, pair.now_ns, 70 * RUDP_NS_PER_S));
	pair_fini(&pair);
}

Test(conn_regressions, probes_leave_however_much_is_outstanding)
{
	struct rudp_conn *conn;
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	conn = pair.conn[0];
	for (uint32_t i = 0; i < RUDP_SENT_RECORDS_MAX; i++) {
		conn->cc.cwnd_bytes = 1u << 30;
		conn->cc.pacing_bytes_per_s = UINT64_C(1) << 40;
		pair.now_ns += RUDP_NS_PER_US;
		rudp_conn_write(conn, "x", 1, pair.now_ns);
		pair_collect(&pair);
		pair_drop(&pair);
	}
	cr_assert(lt(u64, RUDP_SENT_RECORDS_MAX * 9 / 10, conn->reliability.outstanding));
	for (int i = 0; i < 300 && pair.wire_count == 0; i++) {
		pair.now_ns += 10 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		pair_collect(&pair);
	}
	cr_assert(ge(uint, pair.wire_count, 1));
	pair_run(&pair, 60 * RUDP_NS_PER_S); /* the path works again */
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), RUDP_SENT_RECORDS_MAX));
	pair_fini(&pair);
}

Test(conn_idle, an_idle_connection_holds_little)
{
	static const char block[65536];
	struct rudp_conn_stats stats;
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int i = 0; i < 20; i++) {
		rudp_conn_write(pair.conn[0], block, sizeof block, pair.now_ns);
		pair_run(&pair, 100 * RUDP_NS_PER_MS);
		rudp_conn_receive_consume(pair.conn[1], rudp_conn_receive_available(pair.conn[1]),
					  pair.now_ns);
	}
	pair_run(&pair, 60 * RUDP_NS_PER_S);
	for (int side = 0; side < 2; side++) {
		rudp_conn_stats(pair.conn[side], &stats);
		cr_assert(le(u64, stats.memory_bytes, 5120)); /* without two cipher contexts */
	}
	pair_fini(&pair);
}

/* docs/protocol.md section 9.3: two probes are sent, whatever there is to send. */
Test(conn_regressions, both_probes_leave_when_only_a_ping_is_outstanding)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
	pair.conn[0]->ping_due = true;
	pair.conn[0]->probes_due = 1;
	rudp_endpoint_touch(pair.ep[0], pair.conn[0]);
	pair_collect(&pair);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_drop(&pair);
	for (int i = 0; i < 100 && pair.wire_count == 0; i++) {
		pair.now_ns += 10 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		pair_collect(&pair);
	}
	cr_assert(eq(uint, pair.wire_count, 2));
	cr_assert(eq(uint, pair.conn[0]->probes_due, 0));
	pair_fini(&pair);
}

/* The memory of 10,000 idle connections matters, and a ping must not allocate it again for good. */
Test(conn_idle, an_idle_connection_frees_memory_that_it_can_allocate_again)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int round = 0; round < 3; round++) {
		cr_assert(
			eq(sz, rudp_conn_write(pair.conn[round % 2], "hello", 5, pair.now_ns), 5));
		pair_settle(&pair);
		rudp_conn_receive_consume(pair.conn[!(round % 2)], 5, pair.now_ns);
		pair_run(&pair, 60 * RUDP_NS_PER_S); /* with pings on the way */
		for (int side = 0; side < 2; side++) {
			const struct rudp_conn *conn = pair.conn[side];

			cr_assert(eq(sz, conn->sendbuf.ring.capacity_bytes, 0));
			cr_assert(eq(sz, conn->recvbuf.ring.capacity_bytes, 0));
			cr_assert(eq(u32, conn->reliability.capacity, 0));
			cr_assert(eq(ptr, conn->replay.words, NULL));
			cr_assert(eq(int, rudp_keys_are_asleep(&conn->keys), 1));
		}
	}
	pair_fini(&pair);
}
