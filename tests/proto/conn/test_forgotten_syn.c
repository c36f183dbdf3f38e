/* SPDX-License-Identifier: MIT */
/* An initiator that wants no more than the SYNACK. docs/protocol.md section 12.4. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/pair.h"

static struct pair pair;

static void init(void)
{
	pair_init(&pair, 7, 7);
}

static void fini(void)
{
	pair_fini(&pair);
}

TestSuite(forgotten_syn, .init = init, .fini = fini);

static void deliver_next(enum rudp_verdict verdict)
{
	struct pair_datagram *datagram;

	pair_collect(&pair);
	datagram = pair_take(&pair);
	cr_assert(ne(ptr, datagram, NULL));
	cr_assert(eq(int, pair_deliver(&pair, datagram), verdict));
	free(datagram);
}

/* The client has sent its SYN, and knows nothing of it when the SYNACK is on its way. */
static void ask_and_forget(void)
{
	pair_connect(&pair, PAIR_PORT);
	deliver_next(RUDP_VERDICT_OK);
	rudp_conn_close(pair.conn[0], pair.now_ns);
	pair.conn[0] = NULL;
}

static void expect_forgotten(void)
{
	pair_settle(&pair);
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[1])));
	cr_assert(zero(uint, rudp_listener_queued(pair.listener)));
	cr_assert(eq(ptr, rudp_listener_accept(pair.listener), NULL));
	cr_assert(eq(ptr, rudp_endpoint_next_event(pair.ep[1]), NULL));
}

Test(forgotten_syn, a_reset_for_the_synack_leaves_nothing_with_the_listener)
{
	ask_and_forget();
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	deliver_next(RUDP_VERDICT_UNKNOWN_ID); /* the SYNACK */
	deliver_next(RUDP_VERDICT_OK);         /* the RESET */
	expect_forgotten();
}

Test(forgotten_syn, a_lost_reset_is_sent_again_for_the_next_synack)
{
	ask_and_forget();
	deliver_next(RUDP_VERDICT_UNKNOWN_ID);
	pair_collect(&pair);
	free(pair_take(&pair));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	pair_run(&pair, RUDP_NS_PER_S);
	expect_forgotten();
}

Test(forgotten_syn, the_next_caller_comes_through)
{
	ask_and_forget();
	pair_settle(&pair);
	pair_establish(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
}
