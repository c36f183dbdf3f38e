/* SPDX-License-Identifier: MIT */
/* When a connection is a member of a flow group, and what the group and its algorithm exchange. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/checks.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define RTT_NS (50 * RUDP_NS_PER_MS)
#define MBIT UINT64_C(125000)
#define FLOWS 2

/* A fake algorithm for each connection, which returns what the test has set. */
struct told {
	struct rudp_conn *conn;
	struct rudp_cc_flow flow;
	bool is_flow;
	uint64_t shifted; /* the rate set by shift; 0: none */
};

static struct pair pair;
static struct told told[FLOWS];
static struct rudp_cc_ops ops;

static struct told *told_of(const struct rudp_cc *cc)
{
	for (int i = 0; i < FLOWS; i++)
		if (told[i].conn && &told[i].conn->cc == cc)
			return &told[i];
	cr_fatal("asked for somebody else");
}

static bool say_flow(const struct rudp_cc *cc, struct rudp_cc_flow *out)
{
	*out = told_of(cc)->flow;
	return told_of(cc)->is_flow;
}

static void take_shift(struct rudp_cc *cc, uint64_t bytes_per_s)
{
	told_of(cc)->shifted = told_of(cc)->flow.bytes_per_s = bytes_per_s;
}

static void take_ack(struct rudp_cc *cc, const struct rudp_cc_ack *ack)
{
	(void)cc, (void)ack;
}

static void setup(void)
{
	pair_init(&pair, 0, 0);
	ops = rudp_cc_bbr;
	ops.on_ack = take_ack;
	ops.flow = say_flow;
	ops.shift = take_shift;
	for (int i = 0; i < FLOWS; i++) {
		pair_connect(&pair, PAIR_PORT);
		pair_travel(&pair, RTT_NS / 2);
		pair_travel(&pair, RTT_NS / 2);
		cr_assert(eq(int, (int)pair.conn[0]->state, RUDP_STATE_ESTABLISHED));
		pair.conn[0]->cc.ops = &ops;
		told[i] = (struct told){.conn = pair.conn[0], .is_flow = true};
		told[i].flow = (struct rudp_cc_flow){.bytes_per_s = (i == 0 ? 80 : 20) * MBIT,
						     .may_shift = true};
	}
}

static void teardown(void)
{
	cr_assert(rudp_endpoint_check(pair.ep[0]));
	cr_assert(rudp_endpoint_check(pair.ep[1]));
	pair_fini(&pair);
}

TestSuite(conn_flow, .init = setup, .fini = teardown);

/* Sends data and acknowledges part of it, so that neither connection is done. */
static void round_trip(void)
{
	static const uint8_t text[60000];

	for (int i = 0; i < FLOWS; i++) {
		struct rudp_cc_flow *flow = &told[i].flow;

		flow->round++;
		flow->delivered_bytes_per_s = flow->bytes_per_s;
		rudp_conn_write(told[i].conn, text, sizeof text, pair.now_ns);
	}
	pair_collect(&pair);
	pair_travel(&pair, RTT_NS / 2);
	pair_travel(&pair, RTT_NS / 2);
}

/* The group of connection i; NULL if it is no member. */
static struct rudp_flow_group *group_of(int i)
{
	return told[i].conn->flow.is_member ? told[i].conn->flow.group : NULL;
}

Test(conn_flow, connections_between_the_same_hosts_are_a_group)
{
	cr_assert(zero(ptr, group_of(0)));
	round_trip();
	cr_assert(not(zero(ptr, group_of(0))));
	cr_assert(eq(ptr, group_of(0), group_of(1)));
	cr_assert(eq(uint, group_of(0)->flows, 2));
	cr_assert(eq(u64, group_of(0)->bytes_per_s, 100 * MBIT));
}

Test(conn_flow, members_continue_with_equal_shares)
{
	for (int i = 0; i < 30; i++)
		round_trip();
	cr_assert(eq(u64, told[0].shifted + told[1].shifted, 100 * MBIT));
	cr_assert(le(u64, told[0].shifted, 51 * MBIT));
	cr_assert(eq(uint, told[0].conn->cc.flows, 2));
}

Test(conn_flow, probing_member_counts_but_is_not_shifted)
{
	told[1].flow.may_shift = false;
	for (int i = 0; i < 10; i++)
		round_trip();
	cr_assert(eq(u64, group_of(0)->bytes_per_s, 100 * MBIT));
	cr_assert(zero(u64, told[0].shifted));
	cr_assert(zero(u64, told[1].shifted));
}

Test(conn_flow, connection_without_data_leaves)
{
	round_trip();
	told[1].is_flow = false;
	round_trip();
	cr_assert(zero(ptr, group_of(1)));
	cr_assert(eq(uint, group_of(0)->flows, 1));
	cr_assert(zero(uint, told[1].conn->cc.flows));
	told[1].is_flow = true;
	round_trip();
	cr_assert(eq(uint, group_of(0)->flows, 2));
}

Test(conn_flow, the_first_to_probe_asks_the_other)
{
	for (int what = 0; what < RUDP_CC_PROBES; what++) {
		bool *asks = told[0].conn->cc.is_probing;
		const bool *asked = told[1].conn->cc.is_to_probe;

		round_trip();
		round_trip();
		cr_assert(not(asked[what]));
		asks[what] = true;
		round_trip();
		round_trip(); /* whichever ACK came first */
		cr_assert(asked[what]);
		cr_assert(not(told[0].conn->cc.is_to_probe[what]));
		/* It probes, and is not asked again; nor is the first connection. */
		told[1].conn->cc.is_probing[what] = true;
		round_trip();
		cr_assert(not(asked[what]));
		cr_assert(not(told[0].conn->cc.is_to_probe[what]));
		asks[what] = told[1].conn->cc.is_probing[what] = false;
	}
}

Test(conn_flow, separated_member_is_not_asked_to_probe)
{
	round_trip();
	told[0].conn->flow.group->apart_until_ns = pair.now_ns + 10 * RUDP_NS_PER_S;
	told[0].conn->cc.is_probing[RUDP_CC_BANDWIDTH] = true;
	round_trip();
	round_trip();
	cr_assert(not(told[1].conn->cc.is_to_probe[RUDP_CC_BANDWIDTH]));
	cr_assert(zero(uint, told[1].conn->cc.flows));
}

Test(conn_flow, connection_that_has_sent_all_leaves)
{
	round_trip();
	for (int i = 0; i < 60 && rudp_sendbuf_unacked(&told[1].conn->sendbuf) > 0; i++) {
		pair_travel(&pair, RTT_NS / 2);
		pair_events(&pair, 1);
	}
	cr_assert(zero(u64, rudp_sendbuf_unacked(&told[1].conn->sendbuf)));
	cr_assert(zero(ptr, group_of(1)));
}

Test(conn_flow, a_dead_connection_leaves_its_group)
{
	round_trip();
	rudp_conn_abandon(told[1].conn, pair.now_ns);
	cr_assert(eq(uint, group_of(0)->flows, 1));
	told[1].conn = NULL;
}

Test(conn_flow, another_algorithm_is_in_no_group)
{
	round_trip();
	cr_assert(zero(int, rudp_conn_set_cc(told[1].conn, "cubic", pair.now_ns)));
	round_trip();
	cr_assert(zero(ptr, group_of(1)));
	cr_assert(eq(uint, group_of(0)->flows, 1));
}
