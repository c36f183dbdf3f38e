/* SPDX-License-Identifier: MIT */
/* Hosts that are suspended for a while: this means neither a long path nor a dead peer. */
#include "proto/pair.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/conn/endpoint_private.h"

#define S RUDP_NS_PER_S
#define MS RUDP_NS_PER_MS

static struct pair pair;

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (int i = 0; i < 20; i++) { /* the RTT is known and short */
		rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
		pair_collect(&pair);
		for (int hop = 0; hop < 4; hop++)
			pair_travel(&pair, 10 * MS);
	}
	pair_run(&pair, 2 * S);
	pair_events(&pair, 0);
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(slept, .init = setup, .fini = teardown);

static void deliver_all(void)
{
	for (unsigned count = pair.wire_count; count > 0; count--) {
		struct pair_datagram *datagram = pair_take(&pair);

		pair_deliver(&pair, datagram);
		free(datagram);
	}
}

/* The client sends a message and is suspended. The server's answer is in its socket. */
static void stop_client(int64_t ns)
{
	rudp_conn_write(pair.conn[0], "y", 1, pair.now_ns);
	pair_collect(&pair);
	deliver_all();
	pair.now_ns += RUDP_ACK_DELAY_MAX_NS;
	rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
	pair_collect(&pair);
	cr_assert(ge(uint, pair.wire_count, 1));
	pair.now_ns += ns;
}

static int64_t ns_until_a_lost_word_has_come(int from)
{
	size_t known = rudp_conn_receive_available(pair.conn[!from]);
	int64_t since_ns = pair.now_ns;

	rudp_conn_write(pair.conn[from], "z", 1, pair.now_ns);
	pair_collect(&pair);
	pair_drop(&pair);
	while (rudp_conn_receive_available(pair.conn[!from]) == known) {
		cr_assert(lt(i64, pair.now_ns - since_ns, 1000 * S));
		pair_run(&pair, 10 * MS);
	}
	return pair.now_ns - since_ns;
}

Test(slept, losses_after_a_suspension_are_repaired_soon)
{
	pair.conn[0]->tail.disabled = true;
	stop_client(300 * S);
	deliver_all();
	cr_assert(le(i64, ns_until_a_lost_word_has_come(0), 2 * S));
}

/* The answer reveals a gap that was overdue long ago, whatever its RTT sample suggests. */
Test(slept, losses_before_a_suspension_are_repaired_soon)
{
	size_t known = rudp_conn_receive_available(pair.conn[1]);
	int64_t since_ns;

	pair.conn[0]->tail.disabled = true;
	rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
	pair_collect(&pair);
	pair_drop(&pair);
	stop_client(600 * S);
	since_ns = pair.now_ns;
	deliver_all();
	while (rudp_conn_receive_available(pair.conn[1]) == known) {
		cr_assert(lt(i64, pair.now_ns - since_ns, 2 * S));
		pair_run(&pair, 10 * MS);
	}
}

/* The server has the opposite view: its message is answered when the client continues. */
Test(slept, losses_of_its_peer_are_repaired_soon)
{
	pair.conn[1]->tail.disabled = true;
	rudp_conn_write(pair.conn[1], "y", 1, pair.now_ns);
	pair_collect(&pair); /* in the client's socket; all later packets are lost */
	for (unsigned i = 0; i < 3000; i++) {
		struct rudp_train train = {.data = pair.train, .cap = RUDP_TRAIN_BYTES_MAX};

		pair.now_ns += 100 * MS;
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		while (rudp_endpoint_transmit(pair.ep[1], &train, pair.now_ns))
			;
	}
	deliver_all();
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	pair_run(&pair, S);
	cr_assert(le(i64, ns_until_a_lost_word_has_come(1), 2 * S));
}

Test(slept, time_while_suspended_does_not_count_as_silence)
{
	stop_client(RUDP_USER_TIMEOUT_NS + S);
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns); /* before it reads */
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	pair_run(&pair, S);
	cr_assert(zero(sz, rudp_sendbuf_unacked(&pair.conn[0]->sendbuf)));
	cr_assert(zero(uint, pair_events(&pair, 0) & RUDP_EVENT_FAILED));
}

Test(slept, keepalive_probes_again_first)
{
	struct rudp_conn_options options = {.keepalive = true,
					    .keepalive_idle_ns = 10 * S,
					    .keepalive_interval_ns = S,
					    .keepalive_probes = 3};

	rudp_conn_set_options(pair.conn[1], &options);
	pair_run(&pair, 9 * S);
	pair_wait(&pair, 2 * S); /* it has sent a probe */
	cr_assert(ge(uint, pair.wire_count, 1));
	pair.now_ns += 60 * S;
	rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
	pair_run(&pair, 10 * S);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
}

Test(slept, a_connect_continues_after_a_suspension)
{
	pair_connect(&pair, PAIR_PORT);
	deliver_all();
	pair_collect(&pair); /* the SYNACK is in the socket */
	pair.now_ns += RUDP_CONNECT_TIMEOUT_NS + S;
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	pair_run(&pair, S);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
}

Test(slept, a_peer_that_is_gone_is_given_up_after_the_time_awake)
{
	int64_t woke_ns;

	stop_client(RUDP_USER_TIMEOUT_NS + S);
	pair_drop(&pair);
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	woke_ns = pair.now_ns;
	while (rudp_conn_state(pair.conn[0]) == RUDP_STATE_ESTABLISHED) {
		cr_assert(le(i64, pair.now_ns - woke_ns, RUDP_USER_TIMEOUT_NS));
		pair_wait(&pair, 50 * MS);
		pair_drop(&pair);
	}
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ETIMEDOUT));
	cr_assert(ge(i64, pair.now_ns - woke_ns, RUDP_USER_TIMEOUT_NS - 2 * S));
}
