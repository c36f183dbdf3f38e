/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/link.h"
#include "../../integration/linkem/impairments.h"
#include "sample.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct linkem_conf conf;
static struct link link_under_test;

static struct direction_conf *prepare(void)
{
	memset(&conf, 0, sizeof conf);
	conf.mtu_bytes = 1500;
	conf.seed = 1;
	conf.direction[DIRECTION_AB] = conf.direction[DIRECTION_BA] = impairments_none;
	return &conf.direction[DIRECTION_AB];
}

static void submit(uint64_t now_ns, uint8_t protocol, size_t payload)
{
	struct sample sample = sample_make(4, protocol, 5000, 80, payload);

	link_submit(&link_under_test, DIRECTION_AB, now_ns, sample.data, sample.size);
}

static int take_all(enum direction direction, uint64_t now_ns)
{
	struct line_packet *packet;
	int count = 0;

	while ((packet = link_take(&link_under_test, direction, now_ns))) {
		free(packet);
		count++;
	}
	return count;
}

static const struct direction_stats *stats(void)
{
	return &link_under_test.lane[DIRECTION_AB].stats;
}

Test(link, perfect_link_gives_at_once_what_it_gets)
{
	prepare();
	link_init(&link_under_test, &conf);
	submit(5, IPPROTO_UDP, 100);
	cr_assert(eq(u64, link_next_at(&link_under_test), 5));
	cr_assert(eq(int, take_all(DIRECTION_AB, 5), 1));
	cr_assert(eq(u64, stats()->delivered[PROTOCOL_UDP].payload_bytes, 100));
	cr_assert(eq(u64, link_next_at(&link_under_test), LINE_NEVER));
	link_fini(&link_under_test);
}

Test(link, rate_and_delay_add_up)
{
	struct direction_conf *d = prepare();

	d->delay_ns = 20 * MS;
	d->rate_bps = 12000000;
	link_init(&link_under_test, &conf);
	submit(0, IPPROTO_UDP, 1472);
	submit(0, IPPROTO_UDP, 1472);
	cr_assert(eq(int, take_all(DIRECTION_AB, 21 * MS - 1), 0));
	cr_assert(eq(int, take_all(DIRECTION_AB, 21 * MS), 1));
	cr_assert(eq(u64, link_next_at(&link_under_test), 22 * MS));
	cr_assert(eq(sz, stats()->queue_packets_max, 2));
	link_fini(&link_under_test);
}

Test(link, ordered_jitter_never_reorders)
{
	struct direction_conf *d = prepare();
	uint64_t last = 0;

	d->delay_ns = 20 * MS;
	d->jitter_ns = 15 * MS;
	d->jitter_ordered = true;
	link_init(&link_under_test, &conf);
	for (uint64_t i = 0; i < 1000; i++)
		submit(i * MS / 10, IPPROTO_UDP, i);
	for (size_t i = 0; i < 1000; i++) {
		struct line_packet *packet =
			link_take(&link_under_test, DIRECTION_AB, UINT64_MAX - 1);

		cr_assert(eq(sz, packet->size, i + 28));
		cr_assert(ge(u64, packet->due_at_ns, last));
		last = packet->due_at_ns;
		free(packet);
	}
	link_fini(&link_under_test);
}

Test(link, reordered_packets_take_the_detour)
{
	struct direction_conf *d = prepare();

	d->reorder = 0.1;
	d->reorder_ns = 5 * MS;
	link_init(&link_under_test, &conf);
	for (int i = 0; i < 1000; i++)
		submit(0, IPPROTO_UDP, 10);
	cr_assert(eq(int, take_all(DIRECTION_AB, 0), 1000 - (int)stats()->reordered));
	cr_assert(ge(u64, stats()->reordered, 61));
	cr_assert(lt(u64, stats()->reordered, 140));
	cr_assert(eq(int, take_all(DIRECTION_AB, 5 * MS), (int)stats()->reordered));
	link_fini(&link_under_test);
}

Test(link, every_packet_is_accounted_for)
{
	struct direction_conf *d = prepare();
	uint64_t dropped = 0;
	int delivered;

	d->loss = 0.05;
	d->burst = burst_from_mean(0.05, 3);
	d->duplicate = 0.1;
	d->rate_bps = 100000000;
	d->queue = (struct queue_conf){QUEUE_UNIT_PACKETS, 20};
	d->blackout[d->blackouts++] = (struct nm_gap){50 * MS, 10 * MS, 0, false};
	link_init(&link_under_test, &conf);
	for (uint64_t i = 0; i < 10000; i++)
		submit(i * MS / 10, IPPROTO_UDP, 1200);
	delivered = take_all(DIRECTION_AB, UINT64_MAX - 1);
	for (int i = 0; i < DROPS_COUNT; i++)
		dropped += stats()->drops[i];
	cr_assert(eq(u64, dropped + (uint64_t)delivered, 10000 + stats()->duplicated));
	cr_assert(eq(u64, stats()->drops[DROP_BLACKOUT], 100));
	cr_assert(ge(u64, stats()->drops[DROP_BURST], 101));
	cr_assert(ge(u64, stats()->drops[DROP_LOSS], 301));
	cr_assert(ge(u64, stats()->duplicated, 501));
	link_fini(&link_under_test);
}

Test(link, blackouts_count_from_the_first_tcp_or_udp_packet)
{
	struct direction_conf *d = prepare();

	d->blackout[d->blackouts++] = (struct nm_gap){10 * MS, 10 * MS, 0, false};
	link_init(&link_under_test, &conf);
	submit(0, IPPROTO_ICMP, 8);
	submit(15 * MS, IPPROTO_UDP, 8);
	submit(20 * MS, IPPROTO_UDP, 8);
	cr_assert(eq(u64, stats()->drops[DROP_BLACKOUT], 0));
	submit(26 * MS, IPPROTO_UDP, 8);
	cr_assert(eq(u64, stats()->drops[DROP_BLACKOUT], 1));
	link_fini(&link_under_test);
}

Test(link, refused_packets_are_answered_and_others_pass)
{
	struct direction_conf *d = prepare();

	d->refuse_mask = 1u << PROTOCOL_UDP;
	link_init(&link_under_test, &conf);
	submit(0, IPPROTO_UDP, 8);
	submit(0, IPPROTO_TCP, 8);
	cr_assert(eq(int, take_all(DIRECTION_AB, 0), 1));
	cr_assert(eq(int, take_all(DIRECTION_BA, 0), 1));
	cr_assert(eq(u64, link_under_test.lane[DIRECTION_BA].stats.delivered[PROTOCOL_ICMP].packets,
		     1));
	link_fini(&link_under_test);
}

Test(link, big_packets_vanish_in_a_narrow_path)
{
	struct direction_conf *d = prepare();

	d->path_mtu_bytes = 1280;
	link_init(&link_under_test, &conf);
	submit(0, IPPROTO_UDP, 1252);
	submit(0, IPPROTO_UDP, 1253);
	cr_assert(eq(int, take_all(DIRECTION_AB, 0), 1));
	cr_assert(eq(u64, stats()->drops[DROP_PATH_MTU], 1));
	link_fini(&link_under_test);
}

Test(link, one_seed_is_one_fate)
{
	struct direction_conf *d = prepare();
	uint64_t lost[2];

	d->loss = 0.3;
	for (int round = 0; round < 2; round++) {
		link_init(&link_under_test, &conf);
		lost[round] = 0;
		for (uint64_t i = 0; i < 64; i++) {
			submit(i, IPPROTO_UDP, 8);
			if (!take_all(DIRECTION_AB, i))
				lost[round] |= UINT64_C(1) << i;
		}
		link_fini(&link_under_test);
	}
	cr_assert(eq(u64, lost[0], lost[1]));
	cr_assert(ne(u64, lost[0], 0));
}

Test(link, a_hole_in_the_path_can_open_later)
{
	struct direction_conf *d = prepare();

	d->path_mtu_bytes = 1280;
	d->path_mtu_from_ns = 10 * MS;
	link_init(&link_under_test, &conf);
	submit(0, IPPROTO_UDP, 1400);
	submit(9 * MS, IPPROTO_UDP, 1400);
	submit(10 * MS, IPPROTO_UDP, 1400);
	cr_assert(eq(int, take_all(DIRECTION_AB, 10 * MS), 2));
	cr_assert(eq(u64, stats()->drops[DROP_PATH_MTU], 1));
	link_fini(&link_under_test);
}

Test(link, a_gap_that_holds_counts_from_the_first_packet)
{
	struct direction_conf *d = prepare();

	d->blackout[d->blackouts++] = (struct nm_gap){10 * MS, 10 * MS, 0, true};
	link_init(&link_under_test, &conf);
	submit(100 * MS, IPPROTO_UDP, 8);
	submit(112 * MS, IPPROTO_UDP, 8);
	cr_assert(eq(int, take_all(DIRECTION_AB, 112 * MS), 1));
	cr_assert(eq(u64, link_next_at(&link_under_test), 120 * MS));
	cr_assert(eq(int, take_all(DIRECTION_AB, 120 * MS), 1));
	link_fini(&link_under_test);
}

Test(link, drops_of_policer_and_aqm_are_counted)
{
	struct direction_conf *d = prepare();

	d->rate_bps = 12000000;
	d->queue = (struct queue_conf){QUEUE_UNIT_PACKETS, 10000};
	d->discipline = NM_CODEL;
	d->police_bps = 6000000;
	d->police_burst_bytes = 1500;
	link_init(&link_under_test, &conf);
	for (int i = 0; i < 1000; i++)
		submit(0, IPPROTO_UDP, 1472);
	/* CoDel drops 26 within a second (RFC 8289), the policer half of the others. */
	cr_assert(eq(int, take_all(DIRECTION_AB, 1000 * MS), 487));
	cr_assert(eq(u64, stats()->drops[DROP_AQM], 26));
	cr_assert(eq(u64, stats()->drops[DROP_POLICER], 487));
	link_fini(&link_under_test);
}

Test(link, the_newest_ack_takes_the_place_of_an_older_one)
{
	struct direction_conf *d = prepare();

	d->rate_bps = 1000000;
	d->newest_ack_only = true;
	link_init(&link_under_test, &conf);
	for (uint32_t i = 0; i < 10; i++) {
		struct sample sample = sample_make(4, IPPROTO_TCP, 5000, 80, 0);

		sample.data[20 + 11] = (uint8_t)i;
		sample.data[20 + 13] = 0x10;
		link_submit(&link_under_test, DIRECTION_AB, 0, sample.data, sample.size);
	}
	/* The first was being sent, the last one stands for the others. */
	cr_assert(eq(int, take_all(DIRECTION_AB, 1000 * MS), 2));
	cr_assert(eq(u64, stats()->drops[DROP_ACK], 8));
	link_fini(&link_under_test);
}

/* With a fixed delay a packet needs one look, when it is due. */
Test(link, nothing_is_due_before_the_shortest_delay)
{
	struct direction_conf *d = prepare();

	d->rate_bps = 12000000;
	d->delay_ns = 20 * MS;
	d->jitter_ns = 5 * MS;
	link_init(&link_under_test, &conf);
	submit(0, IPPROTO_UDP, 1472);
	cr_assert(eq(u64, link_next_at(&link_under_test), 16 * MS));
	link_fini(&link_under_test);
}

Test(link, a_trace_begins_with_the_first_packet)
{
	struct direction_conf *d = prepare();
	struct nm_trace trace;

	nm_trace_init(&trace);
	cr_assert(nm_trace_add(&trace, 0, 12e6, 0));
	cr_assert(nm_trace_add(&trace, 2 * MS, 1.2e6, 0));
	d->trace = &trace;
	d->rate_bps = 12000000;
	link_init(&link_under_test, &conf);
	for (int i = 0; i < 3; i++)
		submit(500 * MS, IPPROTO_UDP, 1472);
	cr_assert(eq(int, take_all(DIRECTION_AB, 502 * MS), 2));
	cr_assert(eq(u64, link_next_at(&link_under_test), 512 * MS));
	link_fini(&link_under_test);
	nm_trace_fini(&trace);
}
