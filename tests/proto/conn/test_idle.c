/* SPDX-License-Identifier: MIT */
/* The cost of idle connections: their timers fire at common instants (section 14). */
#include "proto/pair.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"

#define S RUDP_NS_PER_S
#define MS RUDP_NS_PER_MS

enum { COUNT = 40, APART_MS = 17 }; /* opened within 0.7 s, at different instants */

static struct rudp_conn *begin_one(struct pair *pair)
{
	pair_establish(pair);
	pair_run(pair, APART_MS * MS);
	return pair->conn[0];
}

static uint64_t sent(const struct rudp_conn *conn)
{
	struct rudp_conn_stats stats;

	rudp_conn_stats(conn, &stats);
	return stats.packets_sent;
}

/*
 * Steps from deadline to deadline. Returns the number of instants at which an endpoint had work to
 * do.
 */
static unsigned count_wakes(struct pair *pair, int64_t ns)
{
	int64_t end = pair->now_ns + ns;
	unsigned wakes = 0;

	for (;;) {
		int64_t next = rudp_time_min(rudp_endpoint_deadline_ns(pair->ep[0]),
					     rudp_endpoint_deadline_ns(pair->ep[1]));

		if (next > end)
			break;
		pair_run(pair, rudp_time_max(next - pair->now_ns, RUDP_TIMER_TICK_NS));
		wakes++;
	}
	pair->now_ns = end;
	return wakes;
}

Test(idle, connections_send_keepalives_and_release_memory_together)
{
	struct pair pair;
	struct rudp_conn *conns[COUNT];
	uint64_t before[COUNT];
	unsigned wakes;

	pair_init(&pair, 0, 0);
	for (int i = 0; i < COUNT; i++)
		conns[i] = begin_one(&pair);
	pair_run(&pair, 60 * S); /* the exchange after the handshake and the first PINGs are over */
	for (int i = 0; i < COUNT; i++)
		before[i] = sent(conns[i]);
	wakes = count_wakes(&pair, 250 * S);
	for (int i = 0; i < COUNT; i++)
		cr_assert(all(ge(u64, sent(conns[i]) - before[i], 9),
			      le(u64, sent(conns[i]) - before[i], 11)));
	/*
	 * Ten times each. Without common instants each connection would wake up for its PING and to
	 * release memory, on both sides.
	 */
	cr_assert(le(uint, wakes, 10 * 2 * (COUNT * APART_MS * MS / RUDP_TIME_COMMON_NS + 2)),
		  "%u wake-ups", wakes);
	pair_fini(&pair);
}

Test(idle, a_nats_mapping_is_refreshed_before_25_s_are_over)
{
	struct pair pair;
	int64_t asked_at_ns = 0, gap_ns;
	uint64_t packets;

	pair_init(&pair, 0, 0);
	begin_one(&pair);
	/* The answer to the first refresh has a spare id, which is acknowledged. */
	packets = sent(pair.conn[0]) + 2;
	while (sent(pair.conn[0]) < packets)
		pair_run(&pair, MS);
	for (int i = 0; i < 10; i++) {
		asked_at_ns = pair.now_ns;
		while (sent(pair.conn[0]) == packets)
			pair_run(&pair, MS);
		packets = sent(pair.conn[0]);
		gap_ns = pair.now_ns - asked_at_ns;
		cr_assert(le(i64, gap_ns, 25 * S + MS));
		cr_assert(ge(i64, gap_ns, 25 * S - RUDP_TIME_COMMON_NS - APART_MS * MS - MS));
	}
	pair_fini(&pair);
}

/*
 * Only one of four keepalives asks the peer for an answer, to keep the mapping of the reverse path.
 */
Test(idle, one_refresh_of_four_is_answered)
{
	struct pair pair;
	uint64_t asked, answered;

	pair_init(&pair, 0, 0);
	begin_one(&pair);
	pair_run(&pair, 60 * S);
	asked = sent(pair.conn[0]);
	answered = sent(pair.conn[1]);
	pair_run(&pair, 1000 * S);
	asked = sent(pair.conn[0]) - asked;
	answered = sent(pair.conn[1]) - answered;
	cr_assert(all(ge(u64, asked, 40), le(u64, asked, 41)));
	cr_assert(all(ge(u64, answered, 10), le(u64, answered, 11)));
	cr_assert(zero(u64, pair_stats(&pair, 0).unacked_bytes));
	pair_fini(&pair);
}

Test(idle, a_refresh_without_an_answer_leaves_both_ends_at_rest)
{
	struct pair pair;
	uint64_t packets;

	pair_init(&pair, 0, 0);
	begin_one(&pair);
	pair_run(&pair, 60 * S);
	pair.conn[0]->refreshes = 1;
	packets = sent(pair.conn[0]);
	while (sent(pair.conn[0]) == packets)
		pair_run(&pair, MS);
	pair_run(&pair, APART_MS * MS);
	cr_assert(eq(uint, pair.conn[0]->refreshes, 2));
	for (int side = 0; side < 2; side++) {
		const struct rudp_conn *conn = pair.conn[side];

		cr_assert(eq(int, rudp_conn_is_resting(conn), 1));
		cr_assert(eq(ptr, conn->replay.words, NULL));
		cr_assert(eq(u32, conn->reliability.capacity, 0));
		cr_assert(eq(i64, conn->trim_at_ns, RUDP_NEVER));
	}
	pair_fini(&pair);
}

Test(idle, a_refresh_detects_that_the_peer_has_forgotten)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	begin_one(&pair);
	pair_run(&pair, 60 * S);
	rudp_conn_abandon(pair.conn[1], pair.now_ns);
	pair.conn[1] = NULL;
	pair.conn[0]->refreshes = 1; /* the next one is not ack-eliciting */
	pair_run(&pair, 26 * S);
	cr_assert(eq(uint, pair.conn[0]->refreshes, 2));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

Test(idle, a_ping_is_answered_in_the_instant_in_which_it_comes)
{
	struct pair pair;
	struct pair_datagram *ping;

	pair_init(&pair, 0, 0);
	begin_one(&pair);
	while (pair.wire_count == 0)
		pair_wait(&pair, MS);
	ping = pair_take(&pair);
	cr_assert(eq(int, ping->to, 1));
	cr_assert(zero(uint, pair.wire_count));
	pair_deliver_as(&pair, ping, RUDP_VERDICT_OK);
	pair_collect(&pair);
	cr_assert(eq(uint, pair.wire_count, 1));
	cr_assert(eq(int, pair.wire[0]->to, 0));
	pair_fini(&pair);
}

Test(idle, common_instants_are_multiples_of_one_span)
{
	int64_t one = RUDP_TIME_COMMON_NS;

	cr_assert(zero(i64, rudp_time_common_before(one - 1)));
	cr_assert(eq(i64, rudp_time_common_before(one), one));
	cr_assert(eq(i64, rudp_time_common_before(5 * one + 7), 5 * one));
	cr_assert(zero(i64, rudp_time_common_after(0)));
	cr_assert(eq(i64, rudp_time_common_after(1), one));
	cr_assert(eq(i64, rudp_time_common_after(one), one));
}
