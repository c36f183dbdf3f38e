/* SPDX-License-Identifier: MIT */
/* A connection whose peer does not follow a key update. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

/* Drops what the client sends, and returns the number of packets. */
static unsigned lose_all(struct pair *pair)
{
	struct pair_datagram *datagram;
	unsigned count = 0;

	pair_collect(pair);
	for (; (datagram = pair_take(pair)); count++)
		free(datagram);
	return count;
}

/* The client has updated its key, and the server has not seen it. */
static void update_unheard(struct pair *pair)
{
	struct rudp_keys *keys;

	pair_init(pair, 0, 0);
	pair_establish(pair);
	keys = &pair->conn[0]->keys;
	rudp_conn_write(pair->conn[0], "x", 1, pair->now_ns);
	pair_run(pair, RUDP_NS_PER_S / 2);
	keys->sent_under_key = RUDP_KEY_PACKETS_DUE;
	rudp_conn_write(pair->conn[0], "y", 1, pair->now_ns);
	lose_all(pair);
	cr_assert(ne(int, keys->send_phase, keys->receive_phase));
}

Test(conn_keys, the_connection_ends_at_the_usage_limit_of_a_key)
{
	struct pair pair;
	unsigned sent = 0;

	update_unheard(&pair);
	pair.conn[0]->keys.sent_under_key = RUDP_KEY_PACKETS_MAX - 1;
	for (int i = 0; i < 10; i++) {
		pair.now_ns += RUDP_NS_PER_S;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		sent += lose_all(&pair);
	}
	cr_assert(eq(uint, sent, 1));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_CLOSED));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EPROTO));
	pair_fini(&pair);
}

/* A packet of the client arrives with one bit changed. */
static void forge(struct pair *pair)
{
	struct pair_datagram *datagram;

	rudp_conn_write(pair->conn[0], "z", 1, pair->now_ns);
	pair_collect(pair);
	while ((datagram = pair_take(pair))) {
		datagram->data[datagram->len - 1] ^= 1;
		pair_deliver(pair, datagram);
		free(datagram);
	}
}

Test(conn_keys, a_connection_without_a_number_for_the_next_packet_ends)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair.conn[0]->reliability.base = pair.conn[0]->reliability.next = RUDP_VARINT_MAX;
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_collect(&pair);
	cr_assert(zero(uint, pair.wire_count));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_CLOSED));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EPROTO));
	pair_fini(&pair);
}

Test(conn_keys, the_connection_ends_at_the_limit_of_forged_packets)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair.conn[1]->keys.forgeries = RUDP_KEY_FORGERIES_MAX - 2;
	forge(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	forge(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_RESET_SENT));
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), EPROTO));
	pair_fini(&pair);
}

Test(conn_keys, late_key_update_of_the_peer_is_waited_for)
{
	struct pair pair;

	update_unheard(&pair);
	pair.conn[0]->keys.sent_under_key = RUDP_KEY_PACKETS_MAX - 100;
	pair_run(&pair, 10 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	cr_assert(eq(int, pair.conn[0]->keys.send_phase, pair.conn[0]->keys.receive_phase));
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 2));
	pair_fini(&pair);
}
