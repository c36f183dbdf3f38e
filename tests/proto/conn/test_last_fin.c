/* SPDX-License-Identifier: MIT */
/* A last FIN, and hosts that report closed ports. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

#define STEP_NS (10 * RUDP_NS_PER_MS)

/* Time passes for the server, and it receives nothing. */
static void run_deaf(struct pair *pair, int64_t ns)
{
	for (int64_t end = pair->now_ns + ns; pair->now_ns < end;) {
		pair->now_ns += STEP_NS;
		rudp_endpoint_on_time(pair->ep[1], pair->now_ns);
		pair_collect(pair);
		while (pair->wire_count)
			free(pair_take(pair));
	}
}

/*
 * A connection of the server that waits for the acknowledgement of its FIN, and another with the
 * same host.
 */
static struct rudp_conn *begin_last_ack(struct pair *pair)
{
	struct rudp_conn *last;

	pair_init(pair, 0, 0);
	pair_establish(pair);
	last = pair->conn[1];
	rudp_conn_close(pair->conn[0], pair->now_ns);
	pair_settle(pair);
	pair_establish(pair);
	rudp_conn_close(last, pair->now_ns);
	cr_assert(eq(int, rudp_conn_state(last), RUDP_STATE_LAST_ACK));
	return last;
}

Test(last_fin, a_last_fin_is_given_up_if_the_host_refuses_another_port)
{
	struct pair pair;

	begin_last_ack(&pair);
	run_deaf(&pair, 30 * RUDP_NS_PER_S);
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 2));
	rudp_conn_on_icmp(pair.conn[1], ECONNREFUSED, pair.now_ns);
	run_deaf(&pair, 3 * RUDP_NS_PER_S);
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	pair_fini(&pair);
}

Test(last_fin, a_last_fin_is_retransmitted_before_it_is_given_up)
{
	struct pair pair;
	struct rudp_conn *last = begin_last_ack(&pair);

	rudp_conn_on_icmp(pair.conn[1], ECONNREFUSED, pair.now_ns);
	run_deaf(&pair, (RUDP_LAST_FIN_PROBES - 1) * STEP_NS); /* a time-out in each step */
	cr_assert(eq(int, rudp_conn_state(last), RUDP_STATE_LAST_ACK));
	pair_run(&pair, RUDP_NS_PER_S); /* and its retransmission is acknowledged */
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[0]), 1));
	pair_fini(&pair);
}

Test(last_fin, a_connection_with_data_ignores_them)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_write(pair.conn[1], "x", 1, pair.now_ns);
	rudp_conn_shutdown_send(pair.conn[1], pair.now_ns);
	rudp_conn_on_icmp(pair.conn[1], ECONNREFUSED, pair.now_ns);
	run_deaf(&pair, 4 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_FIN_WAIT_1));
	pair_run(&pair, 3 * RUDP_NS_PER_S);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), 1));
	pair_fini(&pair);
}
