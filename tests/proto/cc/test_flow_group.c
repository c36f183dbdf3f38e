/* SPDX-License-Identifier: MIT */
/*
 * Flows of a group: shares become equal, the sum stays the same, and flows without a common
 * bottleneck stop the exchange.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "proto/cc/flow_group.h"
#include "proto/checks.h"

#define S RUDP_NS_PER_S
#define FLOWS_MAX 40
#define MBIT UINT64_C(125000)

static struct rudp_host_cache all;
static struct rudp_flow_group *group;
static struct rudp_flow flows[FLOWS_MAX];
static struct rudp_addr local, remote;
static int64_t now_at_ns;
static unsigned count;

static void setup(void)
{
	cr_assert(zero(int, rudp_addr_parse(&local, "10.0.0.1:1000")));
	cr_assert(zero(int, rudp_addr_parse(&remote, "10.0.0.2:2000")));
	rudp_host_cache_init(&all);
	now_at_ns = S;
}

static void join(uint64_t bytes_per_s)
{
	struct rudp_flow *flow = &flows[count++];

	group = rudp_flow_group_hold(&all, &local, &remote);
	cr_assert(not(zero(ptr, group)));
	rudp_flow_group_join(group, flow);
	flow->bytes_per_s = bytes_per_s;
	rudp_flow_group_count(group, flow);
}

static void leave(void)
{
	rudp_flow_group_leave(group, &flows[--count]);
	rudp_flow_group_drop(&all, group);
	if (count == 0)
		group = NULL;
}

static void teardown(void)
{
	while (count > 0)
		leave();
	rudp_host_cache_forget(&all, NULL);
	cr_assert(zero(ptr, all.table));
}

TestSuite(flow_group, .init = setup, .fini = teardown);

static uint64_t sum(void)
{
	uint64_t bytes = group->spare_bytes_per_s;

	for (unsigned i = 0; i < count; i++)
		bytes += flows[i].bytes_per_s;
	return bytes;
}

static void check(void)
{
	uint64_t counted = 0, asked = 0;

	for (unsigned i = 0; i < count; i++) {
		counted += flows[i].counted_bytes_per_s;
		asked += flows[i].asked_bytes_per_s;
	}
	cr_assert(eq(u64, counted, group->bytes_per_s));
	cr_assert(eq(u64, asked, group->wanted_bytes_per_s));
	cr_assert(le(u64, group->spare_bytes_per_s, group->wanted_bytes_per_s));
}

/*
 * One round trip of all flows. Each is delivered what it sends, but at most limits[i] (0: no
 * limit).
 */
static void round_trip(const uint64_t *limits)
{
	now_at_ns += S / 20;
	for (unsigned i = 0; i < count; i++) {
		struct rudp_flow *flow = &flows[i];

		flow->delivered_bytes_per_s = flow->bytes_per_s;
		if (limits && limits[i] > 0 && limits[i] < flow->bytes_per_s)
			flow->delivered_bytes_per_s = flow->bytes_per_s = limits[i];
		rudp_flow_group_exchange(group, flow, now_at_ns);
		check();
	}
}

static void round_trips(unsigned rounds, const uint64_t *limits)
{
	for (unsigned i = 0; i < rounds; i++)
		round_trip(limits);
}

/* All flows have nearly equal shares. */
static void expect_equal(void)
{
	uint64_t part = sum() / count;

	for (unsigned i = 0; i < count; i++) {
		cr_assert(ge(u64, flows[i].bytes_per_s, part / 100 * 94));
		cr_assert(le(u64, flows[i].bytes_per_s, part / 100 * 106));
	}
}

Test(flow_group, a_single_flow_keeps_its_bandwidth)
{
	join(90 * MBIT);
	round_trips(10, NULL);
	cr_assert(eq(u64, flows[0].bytes_per_s, 90 * MBIT));
}

Test(flow_group, two_flows_become_equal_with_the_same_sum)
{
	join(90 * MBIT);
	join(6 * MBIT);
	for (int i = 0; i < 30; i++) {
		round_trip(NULL);
		cr_assert(eq(u64, sum(), 96 * MBIT));
	}
	expect_equal();
}

Test(flow_group, small_differences_cause_small_changes)
{
	join(51 * MBIT);
	join(49 * MBIT);
	round_trips(10, NULL);
	cr_assert(eq(u64, flows[0].bytes_per_s, 51 * MBIT));
	cr_assert(eq(u64, flows[1].bytes_per_s, 49 * MBIT));
}

Test(flow_group, the_first_request_is_a_quarter)
{
	join(90 * MBIT);
	join(8 * MBIT);
	round_trip(NULL); /* it asks */
	cr_assert(eq(u64, group->wanted_bytes_per_s, 2 * MBIT));
	round_trip(NULL); /* the other flow gives, and this one takes */
	cr_assert(eq(u64, flows[0].bytes_per_s, 88 * MBIT));
	cr_assert(eq(u64, flows[1].bytes_per_s, 10 * MBIT));
	round_trips(2, NULL); /* this grant is judged first, three round trips later */
	cr_assert(zero(u64, group->wanted_bytes_per_s));
	round_trip(NULL); /* the delivery rate shows half of the grant */
	cr_assert(eq(u64, group->wanted_bytes_per_s, 5 * MBIT));
}

Test(flow_group, nothing_is_given_without_a_request)
{
	join(90 * MBIT);
	join(8 * MBIT);
	flows[1].rounds_left = 100; /* its grant is judged */
	round_trips(20, NULL);
	cr_assert(eq(u64, flows[0].bytes_per_s, 90 * MBIT));
}

Test(flow_group, a_leaving_flow_removes_its_request_and_its_share)
{
	join(90 * MBIT);
	join(8 * MBIT);
	round_trip(NULL);
	now_at_ns += S / 20;
	rudp_flow_group_exchange(group, &flows[0], now_at_ns); /* it has given bandwidth away */
	cr_assert(eq(u64, group->spare_bytes_per_s, 2 * MBIT));
	leave();
	check();
	cr_assert(zero(u64, group->spare_bytes_per_s));
	cr_assert(eq(u64, group->bytes_per_s, 88 * MBIT));
}

Test(flow_group, without_a_common_bottleneck_the_pause_doubles)
{
	const uint64_t limits[] = {90 * MBIT, 10 * MBIT};
	int64_t apart_ns = RUDP_FLOW_APART_NS;

	join(90 * MBIT);
	join(10 * MBIT);
	for (int i = 0; i < 3; i++) {
		int64_t since_ns;

		for (int j = 0; j < 100 && !rudp_flow_group_is_apart(group, now_at_ns); j++)
			round_trip(limits);
		cr_assert(rudp_flow_group_is_apart(group, now_at_ns));
		since_ns = now_at_ns;
		cr_assert(ge(u64, flows[0].bytes_per_s, 75 * MBIT)); /* the maximum cost */
		while (rudp_flow_group_is_apart(group, now_at_ns)) {
			cr_assert(zero(u64, group->wanted_bytes_per_s));
			round_trip(limits);
		}
		cr_assert(ge(i64, now_at_ns - since_ns, apart_ns - S / 20));
		cr_assert(le(i64, now_at_ns - since_ns, apart_ns + S / 20));
		apart_ns *= 2;
		flows[0].bytes_per_s = 90 * MBIT; /* it has probed in the meantime */
	}
}

Test(flow_group, the_pause_has_a_maximum)
{
	const uint64_t limits[] = {90 * MBIT, 10 * MBIT};

	join(90 * MBIT);
	join(10 * MBIT);
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 100 && !rudp_flow_group_is_apart(group, now_at_ns); j++)
			round_trip(limits);
		cr_assert(le(i64, group->apart_until_ns - now_at_ns, RUDP_FLOW_APART_NS_MAX));
		now_at_ns = group->apart_until_ns;
		flows[0].bytes_per_s = 90 * MBIT;
	}
	cr_assert(eq(i64, group->apart_ns, RUDP_FLOW_APART_NS_MAX));
}

/* The path changes: a common bottleneck becomes separate ones. */
Test(flow_group, trust_is_lost_when_grants_stop_showing)
{
	const uint64_t limits[] = {0, 10 * MBIT};

	join(90 * MBIT);
	join(10 * MBIT);
	round_trips(100, NULL);
	expect_equal();
	for (int i = 0; i < 300 && !rudp_flow_group_is_apart(group, now_at_ns); i++) {
		round_trip(limits);
		if (i % 40 == 0)
			flows[0].bytes_per_s = 90 * MBIT; /* bandwidth gained by its probes */
	}
	cr_assert(rudp_flow_group_is_apart(group, now_at_ns));
}

Test(flow_group, other_hosts_have_another_group)
{
	struct rudp_flow_group *other;
	struct rudp_flow flow;
	struct rudp_addr far;

	cr_assert(zero(int, rudp_addr_parse(&far, "10.0.0.3:2000")));
	join(90 * MBIT);
	other = rudp_flow_group_hold(&all, &local, &far);
	cr_assert(not(eq(ptr, other, group)));
	rudp_flow_group_join(other, &flow);
	flow.bytes_per_s = MBIT;
	rudp_flow_group_count(other, &flow);
	rudp_flow_group_exchange(other, &flow, now_at_ns);
	cr_assert(eq(u64, flow.bytes_per_s, MBIT));
	rudp_flow_group_leave(other, &flow);
	rudp_flow_group_drop(&all, other);
}

Test(flow_group, any_number_of_flows_in_any_order)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		srand(seed);
		for (unsigned i = 0; i < 2 + seed % (FLOWS_MAX - 2); i++)
			join((1 + (uint64_t)rand() % 100) * MBIT);
		for (int i = 0; i < 200; i++) {
			round_trip(NULL);
			if (rand() % 50 == 0 && count > 2)
				leave();
			else if (rand() % 50 == 0 && count < FLOWS_MAX)
				join((1 + (uint64_t)rand() % 100) * MBIT);
			check();
		}
		round_trips(60, NULL);
		expect_equal();
		while (count > 0)
			leave();
	}
}

Test(flow_group, without_memory_there_is_no_group)
{
	for (unsigned nth = 1;; nth++) {
		fault_arm(nth);
		group = rudp_flow_group_hold(&all, &local, &remote);
		if (fault_count() < nth) {
			fault_arm(0);
			rudp_flow_group_drop(&all, group);
			cr_assert(ge(uint, nth, 3));
			return;
		}
		cr_assert(zero(ptr, group));
		cr_assert(rudp_host_cache_check(&all));
		rudp_host_cache_forget(&all, NULL);
		cr_assert(zero(ptr, all.table));
	}
}

/* Holding and dropping a group that exists allocates nothing. */
Test(flow_group, a_returning_holder_finds_the_group)
{
	struct rudp_flow_group *before;

	join(90 * MBIT);
	before = group;
	fault_deny(true);
	for (int i = 0; i < 3; i++) {
		rudp_flow_group_leave(group, &flows[0]);
		cr_assert(zero(uint, group->flows));
		cr_assert(zero(u64, group->bytes_per_s));
		rudp_flow_group_join(group, &flows[0]);
		cr_assert(eq(uint, group->flows, 1));
	}
	fault_deny(false);
	cr_assert(eq(ptr, group, before));
}
