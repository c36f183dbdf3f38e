/* SPDX-License-Identifier: MIT */
/* A connection on a host that has no memory for a moment. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/crypto/crypto_faults.h"
#include "proto/pair.h"

static struct pair pair;

static void start(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
}

static void finish(void)
{
	crypto_faults_arm(0);
	pair_fini(&pair);
}

TestSuite(conn_memory, .init = start, .fini = finish);

Test(conn_memory, a_packet_without_memory_for_its_key_is_no_forgery_and_is_sent_again)
{
	struct pair_datagram *packet;

	pair_run(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_keys_are_asleep(&pair.conn[1]->keys), 1));
	rudp_conn_write(pair.conn[0], "a word after a rest", 19, pair.now_ns);
	pair_collect(&pair);
	packet = pair_take(&pair);
	cr_assert(ne(ptr, packet, NULL));
	crypto_faults_arm(1);
	cr_assert(eq(int, pair_deliver(&pair, packet), RUDP_VERDICT_NO_MEMORY));
	cr_assert(ge(uint, crypto_faults_count(), 1));
	crypto_faults_arm(0);
	free(packet);
	cr_assert(zero(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_AUTH_FAILED)));
	cr_assert(eq(u64, rudp_endpoint_verdicts(pair.ep[1])->count[RUDP_VERDICT_NO_MEMORY], 1));
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 0));
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 19));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
}
