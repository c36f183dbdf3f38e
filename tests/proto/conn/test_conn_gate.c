/* SPDX-License-Identifier: MIT */
/* What holds data back, and that the sender and the timer come to the same decision. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"
#include "proto/conn/conn_gate.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define RATE_BYTES_PER_S 1000000u
#define PLENTY_BYTES 100000u

static struct pair pair;
static struct rudp_conn *conn;

/* Data is due, and only the pacer holds it back. */
static void start(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	conn = pair.conn[0];
	conn->reliability.app_limited_until = 0;
	conn->cc.cwnd_bytes = PLENTY_BYTES;
	conn->cc.pacing_bytes_per_s = RATE_BYTES_PER_S;
	conn->pacer.release_at_ns = pair.now_ns + RUDP_NS_PER_MS;
	cr_assert(eq(sz, rudp_conn_write(conn, "word", 4, pair.now_ns), 4));
}

static void finish(void)
{
	pair_fini(&pair);
}

TestSuite(conn_gate, .init = start, .fini = finish);

static void expect(enum rudp_gate gate, int64_t at_ns)
{
	cr_assert(eq(int, rudp_conn_gate_of_data(conn, 0), gate));
	cr_assert(eq(i64, rudp_conn_gate_at_ns(conn), at_ns));
}

Test(conn_gate, the_pacer_sets_the_time)
{
	expect(RUDP_GATE_PACER, pair.now_ns + RUDP_NS_PER_MS);
	cr_assert(eq(int, rudp_conn_gate_of_data(conn, 1), RUDP_GATE_OPEN));
}

Test(conn_gate, the_pacer_does_not_delay_sparse_traffic)
{
	conn->reliability.app_limited_until = 1;
	expect(RUDP_GATE_OPEN, 0);
	conn->options.pacing_bytes_per_s_max = RATE_BYTES_PER_S;
	expect(RUDP_GATE_PACER, conn->pacer.release_at_ns);
}

Test(conn_gate, a_full_window_waits_for_an_event)
{
	conn->cc.cwnd_bytes = conn->path.datagram_bytes;
	expect(RUDP_GATE_PACER, conn->pacer.release_at_ns);
	conn->cc.cwnd_bytes--;
	expect(RUDP_GATE_WINDOW, RUDP_NEVER);
	cr_assert(eq(int, rudp_conn_gate_of_data(conn, PLENTY_BYTES), RUDP_GATE_WINDOW));
}

Test(conn_gate, a_lack_of_records_waits_for_an_event)
{
	uint64_t outstanding = conn->reliability.outstanding;

	conn->ep->budget.limit_bytes = 1;
	conn->reliability.outstanding = RUDP_BUDGET_RECORDS_FLOOR - 1;
	expect(RUDP_GATE_PACER, conn->pacer.release_at_ns);
	conn->reliability.outstanding++;
	expect(RUDP_GATE_RECORDS, RUDP_NEVER);
	conn->cc.cwnd_bytes = 0;
	expect(RUDP_GATE_RECORDS, RUDP_NEVER);
	conn->reliability.outstanding = outstanding;
}

Test(conn_gate, nothing_due_waits_for_an_event)
{
	pair_run(&pair, RUDP_NS_PER_S);
	expect(RUDP_GATE_NOTHING, RUDP_NEVER);
	conn->fec_sender.end = conn->sendbuf.sent;
	conn->fec_sender.next = 0;
	cr_assert(eq(int, rudp_conn_gate_of_repairs(conn, 0), RUDP_GATE_OPEN));
	cr_assert(zero(i64, rudp_conn_gate_at_ns(conn)));
	conn->cc.cwnd_bytes = 0;
	cr_assert(eq(int, rudp_conn_gate_of_repairs(conn, 0), RUDP_GATE_WINDOW));
	cr_assert(eq(i64, rudp_conn_gate_at_ns(conn), RUDP_NEVER));
	conn->fec_sender.next = conn->fec_sender.end;
}

static void anything(struct random *dice)
{
	conn->reliability.app_limited_until = random_below(dice, 2);
	conn->cc.cwnd_bytes = random_below(dice, 4) * conn->path.datagram_bytes;
	conn->options.pacing_bytes_per_s_max = random_below(dice, 2) * RATE_BYTES_PER_S;
	conn->pacer.release_at_ns =
		pair.now_ns + (int64_t)random_below(dice, 3) * RUDP_NS_PER_MS - RUDP_NS_PER_MS;
	conn->ep->budget.limit_bytes = random_below(dice, 2) ? 1 : UINT64_MAX / 4;
}

/* If the two decisions differed, a timer would fire at each tick in vain, or not at all. */
Test(conn_gate, data_leaves_when_the_gate_says_so_and_not_before)
{
	struct random dice = {5};
	unsigned left = 0, held = 0;

	for (int i = 0; i < 5000; i++) {
		uint64_t sent = conn->sendbuf.sent;
		bool now;

		rudp_conn_write(conn, "words", random_below(&dice, 6), pair.now_ns);
		anything(&dice);
		now = rudp_conn_gate_at_ns(conn) <= pair.now_ns;
		rudp_endpoint_touch(conn->ep, conn);
		pair_collect(&pair);
		cr_assert(eq(int, conn->sendbuf.sent > sent, now), "step %d", i);
		left += now;
		held += !now && rudp_conn_has_data_due(conn);
		conn->cc.cwnd_bytes = PLENTY_BYTES;
		conn->ep->budget.limit_bytes = UINT64_MAX / 4;
		if (random_below(&dice, 20) == 0)
			pair_run(&pair, RUDP_NS_PER_S);
		pair.now_ns += (int64_t)random_below(&dice, 3) * RUDP_NS_PER_MS;
	}
	cr_assert(all(ge(uint, left, 500), ge(uint, held, 500)));
}
