/* SPDX-License-Identifier: MIT */
#include "proto/recovery/acks.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define RTT_NS (8 * RUDP_NS_PER_MS)
#define DELAY_NS (RTT_NS / 4)

static struct rudp_acks acks;

static void start(void)
{
	rudp_acks_init(&acks);
}

static void finish(void)
{
	rudp_acks_fini(&acks);
}

TestSuite(acks, .init = start, .fini = finish);

static void take(uint64_t number)
{
	rudp_acks_on_packet(&acks, number, true, 0, RTT_NS, 0);
}

static int due(int64_t now_at_ns)
{
	return rudp_acks_is_due(&acks, now_at_ns);
}

Test(acks, every_second_packet_of_a_young_connection_wants_one_at_once)
{
	take(0);
	cr_assert(eq(int, due(0), 0));
	take(1);
	cr_assert(eq(int, due(0), 1));
}

Test(acks, large_packets_want_one_by_their_bytes)
{
	for (uint64_t i = 0; i < 2 * RUDP_ACK_YOUNG_PACKETS; i++) {
		take(i);
		rudp_acks_on_bytes(&acks, 32768);
		if (due(0))
			rudp_acks_on_sent(&acks, 0);
	}
	rudp_acks_on_sent(&acks, 0);
	take(200);
	rudp_acks_on_bytes(&acks, 32768);
	cr_assert(eq(int, due(0), 0));
	take(201);
	rudp_acks_on_bytes(&acks, 32768);
	cr_assert(eq(int, due(0), 1));
}

Test(acks, one_packet_waits_for_the_delay_at_most)
{
	take(0);
	cr_assert(eq(int, due(DELAY_NS - 1), 0));
	cr_assert(eq(int, due(DELAY_NS), 1));
}

Test(acks, a_fin_waits_for_ours_but_no_longer_than_the_delay)
{
	take(0);
	rudp_acks_on_peer_fin(&acks);
	take(1);
	cr_assert(eq(int, due(DELAY_NS - 1), 0));
	cr_assert(eq(int, due(DELAY_NS), 1));
}

Test(acks, a_fin_behind_a_gap_wants_one_at_once)
{
	take(0);
	rudp_acks_on_peer_fin(&acks);
	take(2);
	cr_assert(eq(int, due(0), 1));
}

Test(acks, gap_wants_one_at_once_but_not_one_for_every_late_packet)
{
	for (uint64_t n = 0; n <= RUDP_ACK_YOUNG_PACKETS; n++)
		take(n);
	rudp_acks_on_sent(&acks, 0);
	rudp_acks_on_packet(&acks, 110, true, 0, RTT_NS, RTT_NS);
	cr_assert(eq(int, due(RTT_NS), 1));
	rudp_acks_on_sent(&acks, RTT_NS);
	rudp_acks_on_packet(&acks, 109, true, 0, RTT_NS, RTT_NS + 1);
	cr_assert(eq(int, due(RTT_NS + 1), 0));
	cr_assert(eq(int, due(RTT_NS + RTT_NS / RUDP_ACK_SPACING_DIVISOR - 1), 0));
	cr_assert(eq(int, due(RTT_NS + RTT_NS / RUDP_ACK_SPACING_DIVISOR), 1));
}

Test(acks, every_eighth_packet_wants_one_in_whatever_order_they_come)
{
	for (uint64_t n = 0; n <= RUDP_ACK_YOUNG_PACKETS; n++)
		take(n);
	rudp_acks_on_sent(&acks, 0);
	for (uint64_t n = 120; n > 113; n--)
		take(n);
	cr_assert(eq(int, due(0), 0));
	take(113);
	cr_assert(eq(int, due(0), 1));
}
