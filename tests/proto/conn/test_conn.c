/* SPDX-License-Identifier: MIT */
/* One connection: data, half close, resets, time-outs, change of address. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

static enum rudp_state state(const struct pair *pair, int side)
{
	return rudp_conn_state(pair->conn[side]);
}

Test(conn, bytes_cross_in_both_directions)
{
	struct pair pair;
	char text[16];

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], "hello", 5, pair.now_ns), 5));
	cr_assert(eq(sz, rudp_conn_write(pair.conn[1], "world!", 6, pair.now_ns), 6));
	pair_settle(&pair);
	cr_assert(ne(uint, pair_events(&pair, 1) & RUDP_EVENT_READABLE, 0));
	cr_assert(eq(sz, pair_read(&pair, 1, text, sizeof text), 5));
	cr_assert(eq(int, memcmp(text, "hello", 5), 0));
	cr_assert(eq(sz, pair_read(&pair, 0, text, sizeof text), 6));
	cr_assert(eq(int, memcmp(text, "world!", 6), 0));
	pair_fini(&pair);
}

Test(conn, half_close_leaves_the_other_direction_open)
{
	struct pair pair;
	char text[16];

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_write(pair.conn[0], "ask", 3, pair.now_ns);
	rudp_conn_shutdown_send(pair.conn[0], pair.now_ns);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_FIN_WAIT_1));
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_FIN_WAIT_2));
	cr_assert(eq(int, state(&pair, 1), RUDP_STATE_CLOSE_WAIT));
	cr_assert(ne(uint, pair_events(&pair, 1) & RUDP_EVENT_PEER_FIN, 0));
	cr_assert(not(rudp_conn_receive_eof(pair.conn[1])));
	cr_assert(eq(sz, pair_read(&pair, 1, text, sizeof text), 3));
	cr_assert(rudp_conn_receive_eof(pair.conn[1]));
	rudp_conn_write(pair.conn[1], "answer", 6, pair.now_ns);
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
	cr_assert(eq(sz, pair_read(&pair, 0, text, sizeof text), 6));
	rudp_conn_shutdown_send(pair.conn[1], pair.now_ns);
	cr_assert(eq(int, state(&pair, 1), RUDP_STATE_LAST_ACK));
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
	cr_assert(rudp_conn_receive_eof(pair.conn[0]));
	cr_assert(eq(int, state(&pair, 1), RUDP_STATE_CLOSED));
	pair_run(&pair, 2 * RUDP_NS_PER_S);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_CLOSED));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), 0));
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), 0));
	pair_fini(&pair);
}

Test(conn, simultaneous_close_goes_through_closing)
{
	struct pair pair;
	struct pair_datagram *one, *two;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_shutdown_send(pair.conn[0], pair.now_ns);
	rudp_conn_shutdown_send(pair.conn[1], pair.now_ns);
	pair_collect(&pair);
	one = pair_take(&pair);
	two = pair_take(&pair);
	pair_deliver(&pair, one);
	pair_deliver(&pair, two);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_CLOSING));
	cr_assert(eq(int, state(&pair, 1), RUDP_STATE_CLOSING));
	pair_run(&pair, 2 * RUDP_NS_PER_S);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_CLOSED));
	cr_assert(eq(int, state(&pair, 1), RUDP_STATE_CLOSED));
	free(one);
	free(two);
	pair_fini(&pair);
}

/* A session of several hours does not keep one key. */
Test(conn, keys_change_while_a_session_lasts)
{
	char text[8];
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int second = 0; second < 250; second++) {
		rudp_conn_write(pair.conn[0], "key", 3, pair.now_ns);
		pair_run(&pair, RUDP_NS_PER_S);
		cr_assert(eq(sz, pair_read(&pair, 1, text, sizeof text), 3));
	}
	/* Each update changes the keys of both directions. */
	cr_assert(eq(u32, pair.conn[0]->keys.updates, 4));
	cr_assert(eq(u32, pair.conn[1]->keys.updates, 4));
	pair_fini(&pair);
}

Test(conn, a_lost_reset_is_sent_again)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_reset(pair.conn[1], RUDP_RESET_APPLICATION, pair.now_ns);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	pair_collect(&pair);
	pair_drop(&pair);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

Test(conn, unknown_connection_is_answered_by_a_provable_reset)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	/* The server forgets the connection, as after a restart with the same reset secret. */
	rudp_conn_reset(pair.conn[1], RUDP_RESET_APPLICATION, pair.now_ns);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	for (int i = 0; i < 50; i++) {
		pair.now_ns += 100 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		pair_collect(&pair);
		pair_drop(&pair);
	}
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
	rudp_conn_write(pair.conn[0], "anybody?", 8, pair.now_ns);
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

Test(conn, forged_stateless_reset_is_ignored)
{
	struct pair pair;
	struct pair_datagram forged = {.to = 0};

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	forged.from_addr = pair.addr[1];
	forged.to_addr = pair.addr[0];
	forged.len = rudp_packet_write_reset(forged.data, rudp_conn_id(pair.conn[1]),
					     (const uint8_t *)"0123456789abcdef");
	cr_assert(eq(int, pair_deliver(&pair, &forged), RUDP_VERDICT_BAD_RESET));
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	pair_fini(&pair);
}

Test(conn, replayed_and_damaged_packets_change_nothing)
{
	struct pair pair;
	struct pair_datagram *packet;
	struct rudp_conn_stats before, after;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_collect(&pair);
	packet = pair_take(&pair);
	for (size_t i = 1; i < packet->len; i++) {
		packet->data[i] ^= 0x40;
		pair_deliver(&pair, packet);
		packet->data[i] ^= 0x40;
	}
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 0));
	cr_assert(eq(int, pair_deliver(&pair, packet), RUDP_VERDICT_OK));
	rudp_conn_stats(pair.conn[1], &before);
	for (int i = 0; i < 10; i++)
		cr_assert(eq(int, pair_deliver(&pair, packet), RUDP_VERDICT_REPLAYED));
	rudp_conn_stats(pair.conn[1], &after);
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_REPLAYED), 10));
	cr_assert(eq(u64, after.stream_received, before.stream_received));
	free(packet);
	pair_fini(&pair);
}

static void write_with_timeout(struct pair *pair, int64_t user_timeout_ns)
{
	struct rudp_conn_options options = {.user_timeout_ns = user_timeout_ns};

	pair_init(pair, 0, 0);
	pair_establish(pair);
	rudp_conn_set_options(pair->conn[0], &options);
	rudp_conn_write(pair->conn[0], "x", 1, pair->now_ns);
}

/* The peer does not answer for so long. */
static void assert_ends_in(struct pair *pair, int64_t span_ns)
{
	for (int64_t end_ns = pair->now_ns + span_ns; pair->now_ns < end_ns;) {
		pair_collect(pair);
		pair_drop(pair);
		pair->now_ns += 100 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair->ep[0], pair->now_ns);
	}
	cr_assert(ne(uint, pair_events(pair, 0) & RUDP_EVENT_FAILED, 0));
	cr_assert(eq(int, rudp_conn_error(pair->conn[0]), ETIMEDOUT));
	pair_fini(pair);
}

Test(conn, long_silence_is_etimedout)
{
	struct pair pair;

	write_with_timeout(&pair, 5 * RUDP_NS_PER_S);
	assert_ends_in(&pair, 6 * RUDP_NS_PER_S);
}

/* Without a floor, the answer of a healthy peer would come too late. */
Test(conn, a_user_timeout_below_the_rtt_lets_the_peer_answer)
{
	struct pair pair;

	write_with_timeout(&pair, RUDP_NS_PER_MS);
	pair_collect(&pair);
	pair.now_ns += 100 * RUDP_NS_PER_MS;
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	pair_fini(&pair);
}

Test(conn, a_user_timeout_below_the_rtt_ends_a_silent_connection)
{
	struct pair pair;

	write_with_timeout(&pair, RUDP_NS_PER_MS);
	assert_ends_in(&pair, RUDP_NS_PER_S);
}

Test(conn, keepalive_finds_a_peer_that_is_gone)
{
	struct pair pair;
	struct rudp_conn_options options = {.keepalive = true,
					    .keepalive_idle_ns = 10 * RUDP_NS_PER_S,
					    .keepalive_interval_ns = 2 * RUDP_NS_PER_S,
					    .keepalive_probes = 3};

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_set_options(pair.conn[0], &options);
	pair_run(&pair, 15 * RUDP_NS_PER_S); /* the peer answers: the connection continues */
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	for (int i = 0; i < 250; i++) {
		pair.now_ns += 100 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		pair_collect(&pair);
		pair_drop(&pair);
	}
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ETIMEDOUT));
	pair_fini(&pair);
}

Test(conn, port_change_is_followed_and_validated)
{
	struct pair pair;
	struct pair_datagram *packet;
	struct rudp_addr moved;
	bool challenged = false;
	char text[8];

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	moved = pair.addr[0];
	rudp_addr_set_port(&moved, 55555);
	rudp_conn_write(pair.conn[0], "moved", 5, pair.now_ns);
	pair_collect(&pair);
	packet = pair_take(&pair);
	packet->from_addr = moved;
	pair_deliver(&pair, packet);
	pair_collect(&pair);
	for (unsigned i = 0; i < pair.wire_count; i++)
		challenged |= rudp_addr_equal(&pair.wire[i]->to_addr, &moved);
	cr_assert(challenged);
	cr_assert(eq(sz, pair_read(&pair, 1, text, sizeof text), 5));
	/* The address that the program sees stays the same: getpeername does not change. */
	cr_assert(rudp_addr_equal(rudp_conn_remote(pair.conn[1]), &pair.addr[0]));
	free(packet);
	pair_fini(&pair);
}

Test(conn, receiver_that_does_not_read_stops_the_sender)
{
	struct pair pair;
	static char block[65536];
	size_t written = 0, got = 0;
	struct rudp_conn_stats stats;
	char *back = malloc(8 << 20);

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int i = 0; i < 400; i++) {
		written += rudp_conn_write(pair.conn[0], block, sizeof block, pair.now_ns);
		pair_run(&pair, 10 * RUDP_NS_PER_MS);
	}
	rudp_conn_stats(pair.conn[1], &stats);
	cr_assert(le(u64, stats.unread_bytes, stats.window_receive_bytes));
	cr_assert(lt(sz, written, 400 * sizeof block));
	for (int i = 0; i < 400 && got < written; i++) {
		got += pair_read(&pair, 1, back, 8 << 20);
		pair_run(&pair, 10 * RUDP_NS_PER_MS);
	}
	cr_assert(eq(sz, got, written));
	free(back);
	pair_fini(&pair);
}

Test(conn, urgent_mark_reaches_the_reader)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_write(pair.conn[0], "abc!", 4, pair.now_ns);
	rudp_conn_mark_urgent(pair.conn[0]);
	rudp_conn_write(pair.conn[0], "def", 3, pair.now_ns);
	pair_settle(&pair);
	cr_assert(ne(uint, pair_events(&pair, 1) & RUDP_EVENT_URGENT, 0));
	cr_assert(eq(sz, rudp_conn_urgent_ahead(pair.conn[1]), 4));
	rudp_conn_receive_consume(pair.conn[1], 4, pair.now_ns);
	cr_assert(eq(sz, rudp_conn_urgent_ahead(pair.conn[1]), 0));
	pair_fini(&pair);
}

Test(conn, icmp_ends_an_attempt_but_not_a_connection)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int i = 0; i < 10; i++) {
		rudp_conn_on_icmp(pair.conn[0], ECONNREFUSED, pair.now_ns);
		pair_run(&pair, 10 * RUDP_NS_PER_MS);
	}
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	pair_connect(&pair, PAIR_PORT);
	rudp_conn_on_icmp(pair.conn[0], EHOSTUNREACH, pair.now_ns);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EHOSTUNREACH));
	pair_fini(&pair);
}

/* As with TCP: the host may be changing networks. */
Test(conn, only_a_first_syn_that_cannot_leave_ends_the_attempt)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	rudp_conn_on_unreachable(pair.conn[0], ENETUNREACH, pair.now_ns);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ENETUNREACH));
	pair_drop(&pair);
	pair_connect(&pair, PAIR_PORT);
	pair_drop(&pair);
	while (pair.wire_count == 0)
		pair_wait(&pair, RUDP_NS_PER_S);
	pair_drop(&pair);
	rudp_conn_on_unreachable(pair.conn[0], ENETUNREACH, pair.now_ns);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_SYN_SENT));
	pair_run(&pair, 10 * RUDP_NS_PER_S);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	rudp_conn_on_unreachable(pair.conn[0], ENETUNREACH, pair.now_ns);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	pair_fini(&pair);
}

/* As tcp_write_err in Linux. */
Test(conn, a_time_out_tells_why_the_peer_could_not_be_reached)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	pair_drop(&pair);
	while (pair.wire_count == 0)
		pair_wait(&pair, RUDP_NS_PER_S);
	pair_drop(&pair);
	rudp_conn_on_unreachable(pair.conn[0], ENETUNREACH, pair.now_ns);
	cr_assert(eq(int, rudp_conn_timeout_error(pair.conn[0]), ENETUNREACH));
	while (rudp_conn_error(pair.conn[0]) == 0) {
		pair_wait(&pair, RUDP_NS_PER_S);
		pair_drop(&pair);
	}
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ENETUNREACH));
	pair_fini(&pair);
}

Test(conn, a_packet_from_the_peer_clears_recorded_icmp_errors)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_on_icmp(pair.conn[0], EHOSTUNREACH, pair.now_ns);
	rudp_conn_on_icmp(pair.conn[0], ECONNREFUSED, pair.now_ns);
	cr_assert(eq(int, rudp_conn_timeout_error(pair.conn[0]), EHOSTUNREACH));
	pair_run(&pair, RUDP_NS_PER_S); /* the probe caused by the second error is answered */
	cr_assert(eq(int, rudp_conn_timeout_error(pair.conn[0]), ETIMEDOUT));
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	pair_fini(&pair);
}

Test(conn, closed_listener_resets_what_nobody_accepted)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	pair_settle(&pair);
	cr_assert(eq(uint, rudp_listener_queued(pair.listener), 1));
	rudp_listener_close(pair.listener, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
	pair_fini(&pair);
}

static void let_time_pass_in_silence(struct pair *pair, int steps, int64_t step_ns)
{
	for (int i = 0; i < steps; i++) {
		pair->now_ns += step_ns;
		rudp_endpoint_on_time(pair->ep[0], pair->now_ns);
		rudp_endpoint_on_time(pair->ep[1], pair->now_ns);
		pair_collect(pair);
		pair_drop(pair);
	}
}

Test(conn, idle_connection_outlives_an_outage_longer_than_the_user_timeout)
{
	struct pair pair;
	char text[4];

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	let_time_pass_in_silence(&pair, 2000, RUDP_NS_PER_S);
	cr_assert(eq(int, state(&pair, 0), RUDP_STATE_ESTABLISHED));
	cr_assert(eq(int, state(&pair, 1), RUDP_STATE_ESTABLISHED));
	rudp_conn_write(pair.conn[0], "hi", 2, pair.now_ns);
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(eq(sz, pair_read(&pair, 1, text, sizeof text), 2));
	let_time_pass_in_silence(&pair, 8000, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ETIMEDOUT));
	pair_fini(&pair);
}

Test(conn, receiver_pings_when_bytes_stop_arriving)
{
	struct pair pair;

	for (int reader = 0; reader < 2; reader++) {
		unsigned asked = 0;

		pair_init(&pair, 0, 0);
		pair_establish(&pair);
		rudp_conn_write(pair.conn[!reader], "part", 4, pair.now_ns);
		pair_run(&pair, 100 * RUDP_NS_PER_MS);
		for (int i = 0; i < 20; i++) {
			pair.now_ns += 100 * RUDP_NS_PER_MS;
			rudp_endpoint_on_time(pair.ep[reader], pair.now_ns);
			pair_collect(&pair);
			asked += pair.wire_count;
			pair_drop(&pair);
		}
		cr_assert(ge(uint, asked, 1), "reader %d never asked", reader);
		pair_fini(&pair);
	}
}

Test(conn, bytes_after_shut_rd_and_close_reset_the_peer)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_shutdown_receive(pair.conn[1]);
	rudp_conn_write(pair.conn[0], "dropped", 7, pair.now_ns);
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), 0));
	rudp_conn_close(pair.conn[1], pair.now_ns);
	rudp_conn_write(pair.conn[0], "late", 4, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

/* Its ACK is lost, so the sender probes with bytes that the receiver has. */
Test(conn, a_probe_with_known_bytes_is_acknowledged_at_once)
{
	struct pair_datagram *datagram;
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, RUDP_NS_PER_S);
	pair.conn[0]->rtt.srtt_ns = pair.conn[1]->rtt.srtt_ns = 40 * RUDP_NS_PER_MS;
	pair.conn[1]->acks.packets = RUDP_ACK_YOUNG_PACKETS; /* it acknowledges every eighth */
	rudp_conn_write(pair.conn[0], "request", 7, pair.now_ns);
	pair_collect(&pair);
	while (pair.conn[0]->reliability.pto_count == 0) {
		while ((datagram = pair_take(&pair))) {
			if (datagram->to == 1)
				pair_deliver(&pair, datagram);
			free(datagram);
		}
		pair_wait(&pair, RUDP_NS_PER_MS);
	}
	cr_assert(eq(uint, pair.wire_count, 2));
	datagram = pair_take(&pair);
	pair_deliver(&pair, datagram);
	free(datagram);
	pair_collect(&pair);
	cr_assert(eq(uint, pair.wire_count, 2)); /* the other probe, and the ACK */
	pair_fini(&pair);
}
