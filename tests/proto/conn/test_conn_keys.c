/* SPDX-License-Identifier: MIT */
/* A connection whose peer does not follow a key update. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

/* What the client sends is lost; how many packets that was. */
static unsigned lose_all(struct pair *pair)
{
	struct pair_datagram *datagram;
	unsigned count = 0;

	pair_collect(pair);
	for (; (datagram = pair_take(pair)); count++)
		free(datagram);
	return count;
}

/* The client has updated its key, and the server does not know. */
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

Test(conn_keys, a_key_seals_no_more_than_it_may_and_the_connection_ends)
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

Test(conn_keys, who_follows_late_is_waited_for)
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
