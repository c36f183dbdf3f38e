/* SPDX-License-Identifier: MIT */
/* Hosts that say that their ports are closed, and what that means for a last FIN. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/conn/conn.h"
#include "proto/conn/refusals.h"
#include "proto/pair.h"

static struct rudp_addr host(unsigned number, uint16_t port)
{
	struct rudp_addr addr = {.family = AF_INET};

	addr.in4.sin_family = AF_INET;
	addr.in4.sin_addr.s_addr = htonl(0x0a000000 + number);
	rudp_addr_set_port(&addr, port);
	return addr;
}

Test(refusals, one_counts_for_all_ports_of_its_host_for_a_while)
{
	struct rudp_refusals refusals = {0};
	struct rudp_addr from = host(1, 1000), same = host(1, 2000), other = host(2, 1000);

	cr_assert(not(rudp_refusals_has(&refusals, &same, 1)));
	rudp_refusals_note(&refusals, &from, 1);
	cr_assert(rudp_refusals_has(&refusals, &same, 1));
	cr_assert(not(rudp_refusals_has(&refusals, &other, 1)));
	cr_assert(rudp_refusals_has(&refusals, &same, RUDP_REFUSAL_NS));
	cr_assert(not(rudp_refusals_has(&refusals, &same, RUDP_REFUSAL_NS + 1)));
}

Test(refusals, the_oldest_makes_room_and_one_host_has_one_place)
{
	struct rudp_refusals refusals = {0};
	struct rudp_addr first = host(1, 1), second = host(2, 1), next;

	rudp_refusals_note(&refusals, &first, 1);
	for (unsigned i = 0; i < 2 * RUDP_REFUSALS_MAX; i++)
		rudp_refusals_note(&refusals, &second, 1);
	cr_assert(rudp_refusals_has(&refusals, &first, 1));
	for (unsigned i = 0; i < RUDP_REFUSALS_MAX - 1; i++) {
		next = host(3 + i, 1);
		rudp_refusals_note(&refusals, &next, 1);
	}
	cr_assert(not(rudp_refusals_has(&refusals, &first, 1)));
	cr_assert(rudp_refusals_has(&refusals, &second, 1));
}

Test(refusals, one_host_or_all_can_be_forgotten)
{
	struct rudp_refusals refusals = {0};
	struct rudp_addr first = host(1, 1), second = host(2, 1), third = host(3, 1);

	rudp_refusals_note(&refusals, &first, 1);
	rudp_refusals_note(&refusals, &second, 1);
	rudp_refusals_forget(&refusals, &third);
	rudp_refusals_forget(&refusals, &first);
	cr_assert(not(rudp_refusals_has(&refusals, &first, 1)));
	cr_assert(rudp_refusals_has(&refusals, &second, 1));
	rudp_refusals_forget(&refusals, NULL);
	cr_assert(not(rudp_refusals_has(&refusals, &second, 1)));
}

/* Time passes for the server, and nothing arrives. */
static void run_deaf(struct pair *pair, int64_t ns)
{
	for (int64_t end = pair->now_ns + ns; pair->now_ns < end;) {
		pair->now_ns += 10 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair->ep[1], pair->now_ns);
		pair_collect(pair);
		while (pair->wire_count)
			free(pair_take(pair));
	}
}

/* A server's connection that waits for the answer to its FIN, and another one with the same host. */
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

Test(refusals, a_last_fin_is_in_vain_where_the_host_refuses_another)
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

Test(refusals, a_last_fin_is_repeated_before_it_is_in_vain)
{
	struct pair pair;
	struct rudp_conn *last = begin_last_ack(&pair);

	rudp_conn_on_icmp(pair.conn[1], ECONNREFUSED, pair.now_ns);
	run_deaf(&pair, 50 * RUDP_NS_PER_MS);
	cr_assert(eq(int, rudp_conn_state(last), RUDP_STATE_LAST_ACK));
	pair_run(&pair, RUDP_NS_PER_S); /* and its repetition is answered */
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[0]), 1));
	pair_fini(&pair);
}

Test(refusals, they_mean_nothing_to_who_has_more_to_say)
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
