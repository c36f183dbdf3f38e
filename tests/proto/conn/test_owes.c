/* SPDX-License-Identifier: MIT */
/* What an endpoint still has to deliver before it may end: rudp_endpoint_owes(). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

static struct pair pair;

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_settle(&pair);
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(owes, .init = setup, .fini = teardown);

static void expect_owes(bool client, bool server)
{
	cr_assert(eq(int, rudp_endpoint_owes(pair.ep[0]), client));
	cr_assert(eq(int, rudp_endpoint_owes(pair.ep[1]), server));
}

Test(owes, nothing_while_connections_are_idle)
{
	expect_owes(false, false);
}

Test(owes, bytes_until_they_are_acknowledged)
{
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	expect_owes(true, false);
	pair_run(&pair, RUDP_NS_PER_S);
	expect_owes(false, false);
}

Test(owes, a_fin_until_it_is_acknowledged_and_not_that_of_the_peer)
{
	rudp_conn_close(pair.conn[0], pair.now_ns);
	expect_owes(true, false);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, (int)pair.conn[0]->state, RUDP_STATE_FIN_WAIT_2));
	expect_owes(false, false);
}

Test(owes, the_last_fin_too_and_nothing_in_time_wait)
{
	rudp_conn_close(pair.conn[0], pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S); /* the acknowledgement is delayed */
	rudp_conn_close(pair.conn[1], pair.now_ns);
	expect_owes(false, true);
	pair_settle(&pair);
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[0]), 1), "in TIME_WAIT");
	expect_owes(false, false);
	pair.conn[0] = pair.conn[1] = NULL;
}

Test(owes, a_reset_until_it_is_acknowledged)
{
	rudp_conn_reset(pair.conn[0], RUDP_RESET_APPLICATION, pair.now_ns);
	expect_owes(true, false);
	pair_settle(&pair);
	expect_owes(false, false);
}
