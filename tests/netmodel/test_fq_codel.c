/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct load load;

static void begin(struct nm_bottleneck *b, size_t bytes_max)
{
	struct nm_bottleneck_conf conf = load_conf(NM_FQ_CODEL, 12e6);

	conf.bytes_max = bytes_max;
	cr_assert(nm_bottleneck_init(b, &conf));
}

static uint64_t longest_wait_ns(uint32_t flow)
{
	uint64_t longest_ns = 0;

	for (size_t i = 0; i < load.count; i++)
		if (load.items[i].flow == flow && load.items[i].outcome == NM_SENT &&
		    load_wait_ns(&load.items[i]) > longest_ns)
			longest_ns = load_wait_ns(&load.items[i]);
	return longest_ns;
}

static size_t sent_of(uint32_t flow, uint64_t until_ns)
{
	size_t count = 0;

	for (size_t i = 0; i < load.count; i++)
		count += load.items[i].flow == flow && load.items[i].outcome == NM_SENT &&
			 /* sent_at_ns is 0 while the packet is not sent. */
			 load.items[i].sent_at_ns > 0 && load.items[i].sent_at_ns <= until_ns;
	return count;
}

/* RFC 8290, section 1.3: a flow with few packets does not wait for a flow that fills its queue. */
Test(fq_codel, a_sparse_flow_does_not_wait_behind_a_greedy_one)
{
	struct nm_bottleneck b;

	begin(&b, SIZE_MAX);
	for (uint64_t ms = 0; ms < 3000; ms++) {
		load_one(&load, &b, ms * MS, 1);
		load_one(&load, &b, ms * MS, 1);
		if (ms % 20 == 0)
			load_one(&load, &b, ms * MS, 2);
	}
	load_finish(&b);
	cr_assert(eq(sz, sent_of(2, NM_NEVER), 150));
	cr_assert(le(u64, longest_wait_ns(2), 2 * MS));
	cr_assert(ge(u64, longest_wait_ns(1), 50 * MS));
}

Test(fq_codel, greedy_flows_share_evenly)
{
	struct nm_bottleneck b;

	begin(&b, SIZE_MAX);
	for (uint64_t ms = 0; ms < 2000; ms++)
		for (uint32_t flow = 1; flow <= 4; flow++)
			for (uint32_t i = 0; i < flow; i++)
				load_one(&load, &b, ms * MS, flow);
	for (uint32_t flow = 1; flow <= 4; flow++) {
		cr_assert(ge(sz, sent_of(flow, 2 * S), 490));
		cr_assert(le(sz, sent_of(flow, 2 * S), 510));
	}
	load_finish(&b);
}

/* RFC 8290, section 4.1: at the limit the queue with the most bytes loses a packet. */
Test(fq_codel, at_the_limit_the_fattest_queue_loses_its_head)
{
	struct nm_bottleneck b;

	begin(&b, 20 * LOAD_BYTES);
	for (int i = 0; i < 21; i++)
		load_one(&load, &b, 0, 1);
	for (int i = 0; i < 5; i++)
		load_one(&load, &b, 0, 2);
	load_finish(&b);
	cr_assert(eq(sz, load_count(&load, NM_DROPPED_QUEUE), 5));
	for (size_t i = 1; i <= 5; i++)
		cr_assert(eq(int, (int)load.items[i].outcome, NM_DROPPED_QUEUE));
	cr_assert(eq(sz, sent_of(2, NM_NEVER), 5));
}
