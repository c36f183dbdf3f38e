/* SPDX-License-Identifier: MIT */
#include "proto/cc/known_paths.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/fault.h"

#define MS RUDP_NS_PER_MS
#define START_NS (5 * RUDP_NS_PER_S)
#define RTT_NS (50 * MS)
#define RATE UINT64_C(10000000)
#define HOLDS UINT64_C(500000) /* of them in a round trip */
#define SHARE (HOLDS / 100 * RUDP_KNOWN_PATH_RECENT_SHARE)
#define LONG_AGO_NS (2 * RUDP_KNOWN_PATH_RECENT_NS)
#define OLD_SHARE (HOLDS / 100 * RUDP_KNOWN_PATH_SHARE) /* of what was reached longer ago */
#define IDLE RUDP_KNOWN_FREED
#define BUSY RUDP_KNOWN_BUSY

static struct rudp_known_paths all;
static struct rudp_addr here, there;

static void init(void)
{
	rudp_known_paths_init(&all);
	rudp_addr_parse(&here, "10.0.0.1:20000");
	rudp_addr_parse(&there, "10.0.0.2:443");
}

static void fini(void)
{
	cr_assert(rudp_known_paths_check(&all));
	rudp_known_paths_clear(&all);
	cr_assert(rudp_known_paths_check(&all));
	cr_assert(zero(uint, all.count));
}

TestSuite(known_paths, .init = init, .fini = fini);

static void note(uint64_t rate, bool is_whole, enum rudp_known_use use, int64_t now_ns)
{
	struct rudp_cc_measured measured = {
		.bytes_per_s = rate,
		.min_rtt_ns = RTT_NS,
		.is_whole = is_whole,
	};

	rudp_known_paths_note(&all, &here, &there, &measured, use, now_ns);
}

static uint64_t take(int64_t now_ns)
{
	return rudp_known_paths_take(&all, &here, &there, RTT_NS, 0, now_ns);
}

Test(known_paths, nearly_all_of_what_the_path_has_just_held)
{
	cr_assert(zero(u64, take(START_NS)));
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS), SHARE));
}

static uint64_t take_recent(int64_t now_ns, int64_t *rtt_ns)
{
	*rtt_ns = 0;
	return rudp_known_paths_take_recent(&all, &here, &there, 0, now_ns, rtt_ns);
}

Test(known_paths, without_a_round_trip_only_what_is_recent)
{
	int64_t rtt_ns;

	cr_assert(zero(u64, take_recent(START_NS, &rtt_ns)));
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take_recent(START_NS + RUDP_KNOWN_PATH_RECENT_NS, &rtt_ns), SHARE));
	cr_assert(eq(i64, rtt_ns, RTT_NS));
	note(RATE, true, IDLE, START_NS);
	cr_assert(zero(u64, take_recent(START_NS + RUDP_KNOWN_PATH_RECENT_NS + 1, &rtt_ns)));
	cr_assert(zero(i64, rtt_ns));
}

Test(known_paths, who_reaches_most_of_it_says_that_it_still_is_so)
{
	int64_t rtt_ns, later_ns = START_NS + 9 * RUDP_NS_PER_S;

	note(RATE, true, IDLE, START_NS);
	note(RATE / 100 * 79, false, IDLE, later_ns);
	cr_assert(zero(u64, take_recent(later_ns + 2 * RUDP_NS_PER_S, &rtt_ns)));
	note(RATE / 100 * 80, false, IDLE, later_ns);
	cr_assert(eq(u64, take_recent(later_ns + RUDP_KNOWN_PATH_RECENT_NS, &rtt_ns), SHARE));
	cr_assert(zero(u64, take_recent(later_ns + RUDP_KNOWN_PATH_RECENT_NS + 1, &rtt_ns)));
}

Test(known_paths, not_beside_one_who_uses_it_either)
{
	int64_t rtt_ns;

	note(RATE, true, BUSY, START_NS);
	cr_assert(zero(u64, take_recent(START_NS + 1, &rtt_ns)));
}

Test(known_paths, four_fifths_of_what_it_has_held_longer_ago)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS + RUDP_KNOWN_PATH_RECENT_NS + 1), OLD_SHARE));
}

Test(known_paths, those_who_begin_together_share_it)
{
	uint64_t sum = 0, last = HOLDS;

	note(RATE, true, IDLE, START_NS);
	for (int i = 0; i < 5; i++) {
		uint64_t share = take(START_NS + LONG_AGO_NS + i * MS);

		cr_assert(all(ge(u64, share, 1), lt(u64, share, last),
			      eq(u64, share, (HOLDS - sum) / 100 * RUDP_KNOWN_PATH_SHARE)));
		last = share;
		sum += share;
	}
	cr_assert(le(u64, sum, HOLDS));
	cr_assert(eq(u64, take(START_NS + LONG_AGO_NS + RUDP_KNOWN_PATH_SHARE_NS + MS), OLD_SHARE));
}

Test(known_paths, who_is_done_leaves_it_to_the_next)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS), SHARE));
	note(RATE, true, BUSY, START_NS + 100 * MS);
	note(RATE, true, IDLE, START_NS + 200 * MS);
	cr_assert(eq(u64, take(START_NS + 200 * MS), SHARE));
}

static void expect(unsigned starters)
{
	struct rudp_addr_key remote = rudp_addr_key_of_host(&there);

	rudp_known_paths_expect(&all, &remote, starters);
}

Test(known_paths, as_many_as_last_time_get_equal_parts)
{
	expect(6); /* of what nobody knows */
	cr_assert(zero(uint, all.count));
	note(RATE, true, IDLE, START_NS);
	expect(6);
	for (int i = 0; i < 6; i++)
		cr_assert(eq(u64, take(START_NS), HOLDS / 6 / 100 * RUDP_KNOWN_PATH_RECENT_SHARE));
	note(RATE, true, IDLE, START_NS);
	expect(1);
	cr_assert(eq(u64, take(START_NS), SHARE));
}

Test(known_paths, more_than_last_time_get_what_there_is)
{
	uint64_t sum = 0;

	note(RATE, true, IDLE, START_NS);
	expect(2);
	for (int i = 0; i < 10; i++)
		sum += take(START_NS);
	cr_assert(all(ge(u64, sum, HOLDS / 100 * RUDP_KNOWN_PATH_RECENT_SHARE), le(u64, sum, HOLDS)));
}

Test(known_paths, what_helps_nobody_is_left_to_the_others)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(zero(u64, rudp_known_paths_take(&all, &here, &there, RTT_NS, SHARE, START_NS)));
	cr_assert(eq(u64, take(START_NS), SHARE));
}

Test(known_paths, nothing_beside_one_who_uses_it)
{
	note(RATE, true, BUSY, START_NS);
	cr_assert(zero(u64, take(START_NS + RUDP_KNOWN_PATH_NOTE_NS)));
	cr_assert(eq(u64, take(START_NS + RUDP_KNOWN_PATH_BUSY_NS), SHARE));
	note(RATE, true, BUSY, START_NS + 10 * RUDP_NS_PER_S);
	note(RATE, true, IDLE, START_NS + 11 * RUDP_NS_PER_S);
	cr_assert(eq(u64, take(START_NS + 11 * RUDP_NS_PER_S), SHARE));
}

Test(known_paths, who_sends_little_or_has_not_been_busy_says_nothing_of_the_others)
{
	note(RATE, true, BUSY, START_NS);
	note(RATE, true, RUDP_KNOWN_LIMITED, START_NS + 1);
	note(RATE, true, RUDP_KNOWN_DONE, START_NS + 2);
	cr_assert(zero(u64, take(START_NS + 3)));
	cr_assert(eq(u64, take(START_NS + RUDP_KNOWN_PATH_BUSY_NS), SHARE));
	note(RATE, true, RUDP_KNOWN_LIMITED, START_NS + RUDP_KNOWN_PATH_BUSY_NS + 1);
	cr_assert(lt(u64, take(START_NS + RUDP_KNOWN_PATH_BUSY_NS + 2), SHARE));
	note(RATE, true, RUDP_KNOWN_DONE, START_NS + RUDP_KNOWN_PATH_BUSY_NS + 3);
	cr_assert(eq(u64, take(START_NS + RUDP_KNOWN_PATH_BUSY_NS + 3), SHARE));
}

Test(known_paths, ports_make_no_difference_hosts_do)
{
	note(RATE, true, IDLE, START_NS);
	rudp_addr_parse(&here, "10.0.0.1:20001");
	rudp_addr_parse(&there, "10.0.0.2:80");
	cr_assert(eq(u64, take(START_NS), SHARE));
	rudp_addr_parse(&there, "10.0.0.3:443");
	cr_assert(zero(u64, take(START_NS)));
}

Test(known_paths, from_another_address_of_ours_it_is_another_one)
{
	note(RATE, true, IDLE, START_NS);
	rudp_addr_parse(&here, "10.0.1.1:20000");
	cr_assert(zero(u64, take(START_NS)));
	note(RATE / 10, false, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS), SHARE / 10));
	cr_assert(eq(uint, all.count, 1));
}

Test(known_paths, another_length_is_another_path)
{
	static const struct {
		int64_t rtt_ns;
		uint64_t bytes;
	} cases[] = {
		{RTT_NS / 2 - 1, 0}, {RTT_NS / 2, SHARE},
		{RTT_NS * 3 / 2, SHARE}, {RTT_NS * 3 / 2 + 1, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t now_ns = START_NS + (int64_t)i * 2 * RUDP_KNOWN_PATH_SHARE_NS;

		note(RATE, true, IDLE, now_ns);
		cr_assert(eq(u64, rudp_known_paths_take(&all, &here, &there, cases[i].rtt_ns, 0, now_ns),
			     cases[i].bytes));
	}
}

Test(known_paths, an_application_that_has_less_to_say_takes_nothing_away)
{
	note(RATE, true, IDLE, START_NS);
	note(RATE / 10, false, IDLE, START_NS + 1);
	cr_assert(eq(u64, take(START_NS + 1), SHARE));
	note(2 * RATE, false, IDLE, START_NS + 2);
	cr_assert(eq(u64, take(START_NS + 3 * RUDP_NS_PER_S), 2 * SHARE));
	note(RATE / 10, true, IDLE, START_NS + 3);
	cr_assert(eq(u64, take(START_NS + 6 * RUDP_NS_PER_S), SHARE / 10));
}

Test(known_paths, ten_minutes_later_nothing_is_known)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(i64, rudp_known_paths_rtt_ns(&all, &there, START_NS + RUDP_KNOWN_PATH_LIFE_NS),
		     RTT_NS));
	cr_assert(zero(i64, rudp_known_paths_rtt_ns(&all, &there,
						     START_NS + RUDP_KNOWN_PATH_LIFE_NS + 1)));
	cr_assert(zero(uint, all.count));
	/* And the application's words do not keep it alive. */
	note(RATE, true, IDLE, START_NS);
	note(RATE / 10, false, IDLE, START_NS + RUDP_KNOWN_PATH_LIFE_NS);
	cr_assert(zero(u64, take(START_NS + RUDP_KNOWN_PATH_LIFE_NS + 1)));
}

Test(known_paths, the_one_unused_longest_makes_room)
{
	for (unsigned i = 0; i <= RUDP_KNOWN_PATHS_MAX; i++) {
		there.in4.sin_addr.s_addr = htonl(0x0a000000u + i);
		note(RATE, true, IDLE, START_NS);
		there.in4.sin_addr.s_addr = htonl(0x0a000000u);
		if (i > 0) /* that one is used all the time */
			cr_assert(eq(i64, rudp_known_paths_rtt_ns(&all, &there, START_NS), RTT_NS));
	}
	cr_assert(eq(uint, all.count, RUDP_KNOWN_PATHS_MAX));
	there.in4.sin_addr.s_addr = htonl(0x0a000001u);
	cr_assert(zero(i64, rudp_known_paths_rtt_ns(&all, &there, START_NS)));
	there.in4.sin_addr.s_addr = htonl(0x0a000000u + RUDP_KNOWN_PATHS_MAX);
	cr_assert(eq(i64, rudp_known_paths_rtt_ns(&all, &there, START_NS), RTT_NS));
}

Test(known_paths, without_memory_it_stays_unknown)
{
	bool known = false;

	for (unsigned nth = 1; !known; nth++) {
		cr_assert(lt(uint, nth, 10));
		rudp_known_paths_clear(&all);
		fault_arm(nth);
		note(RATE, true, IDLE, START_NS);
		known = fault_count() < nth;
		fault_arm(0);
		cr_assert(rudp_known_paths_check(&all));
		cr_assert(eq(u64, take(START_NS), known ? SHARE : 0));
	}
}

static struct rudp_known_loss loss(int64_t now_ns)
{
	return rudp_known_paths_loss(&all, &here, &there, now_ns);
}

static void note_loss(uint64_t packets, uint64_t lost, int64_t now_ns)
{
	rudp_known_paths_note_loss(&all, &here, &there, (struct rudp_known_loss){packets, lost},
				   now_ns);
}

static void expect_loss(uint64_t packets, uint64_t lost)
{
	cr_assert(all(eq(u64, loss(START_NS).packets, packets), eq(u64, loss(START_NS).lost, lost)));
}

Test(known_paths, losses_add_up)
{
	note(RATE, true, IDLE, START_NS);
	expect_loss(0, 0);
	note_loss(100, 3, START_NS);
	note_loss(50, 0, START_NS);
	expect_loss(150, 3);
	note(RATE, true, IDLE, START_NS); /* the same path */
	expect_loss(150, 3);
}

Test(known_paths, of_what_nobody_knows_no_losses_are_kept)
{
	note_loss(100, 3, START_NS);
	expect_loss(0, 0);
	cr_assert(zero(uint, all.count));
	note(RATE, true, IDLE, START_NS);
	expect_loss(0, 0);
}

Test(known_paths, older_losses_count_for_less)
{
	note(RATE, true, IDLE, START_NS);
	note_loss(RUDP_KNOWN_PATH_PACKETS_MAX, 1000, START_NS);
	expect_loss(RUDP_KNOWN_PATH_PACKETS_MAX, 1000);
	note_loss(2, 2, START_NS);
	expect_loss(RUDP_KNOWN_PATH_PACKETS_MAX / 2 + 1, 501);
	note_loss(UINT64_C(1000) * RUDP_KNOWN_PATH_PACKETS_MAX, 0, START_NS);
	cr_assert(all(le(u64, loss(START_NS).packets, RUDP_KNOWN_PATH_PACKETS_MAX),
		      ge(u64, loss(START_NS).packets, RUDP_KNOWN_PATH_PACKETS_MAX / 2),
		      zero(u64, loss(START_NS).lost)));
}

Test(known_paths, losses_from_another_address_of_ours_are_not_of_this_path)
{
	note(RATE, true, IDLE, START_NS);
	note_loss(100, 3, START_NS);
	rudp_addr_parse(&here, "10.0.1.1:20000");
	expect_loss(0, 0);
	note_loss(10, 1, START_NS); /* not known from there */
	rudp_addr_parse(&here, "10.0.0.1:20000");
	expect_loss(100, 3);
	rudp_addr_parse(&here, "10.0.1.1:20000");
	note(RATE, true, IDLE, START_NS);
	expect_loss(0, 0);
}

Test(known_paths, losses_live_as_long_as_their_path)
{
	note(RATE, true, IDLE, START_NS);
	note_loss(100, 3, START_NS);
	cr_assert(eq(u64, loss(START_NS + RUDP_KNOWN_PATH_LIFE_NS).lost, 3));
	note_loss(100, 3, START_NS + RUDP_KNOWN_PATH_LIFE_NS); /* and do not prolong it */
	cr_assert(zero(u64, loss(START_NS + RUDP_KNOWN_PATH_LIFE_NS + 1).packets));
}

static void note_base(int64_t base_rtt_ns, bool is_longer, int64_t now_ns)
{
	struct rudp_cc_measured measured = {
		.bytes_per_s = RATE,
		.min_rtt_ns = RTT_NS,
		.base_rtt_ns = base_rtt_ns,
		.is_longer = is_longer,
	};

	rudp_known_paths_note(&all, &here, &there, &measured, IDLE, now_ns);
}

static int64_t base(int64_t now_ns)
{
	return rudp_known_paths_base_rtt_ns(&all, &here, &there, now_ns);
}

Test(known_paths, the_shortest_round_trip_is_kept_until_the_path_is_longer)
{
	cr_assert(zero(i64, base(START_NS)));
	note(RATE, true, IDLE, START_NS);
	cr_assert(zero(i64, base(START_NS))); /* it did not say */
	note_base(50, false, START_NS);
	note_base(60, false, START_NS);
	cr_assert(eq(i64, base(START_NS), 50));
	note_base(40, false, START_NS);
	cr_assert(eq(i64, base(START_NS), 40));
	note_base(90, true, START_NS);
	cr_assert(eq(i64, base(START_NS), 90));
	cr_assert(zero(i64, rudp_known_paths_base_rtt_ns(&all, &there, &there, START_NS)));
	cr_assert(zero(i64, base(START_NS + RUDP_KNOWN_PATH_LIFE_NS + 1)));
}

Test(known_paths, a_host_is_forgotten_whatever_its_port)
{
	struct rudp_addr other;

	rudp_addr_parse(&other, "10.0.0.3:443");
	note(RATE, true, IDLE, START_NS);
	cr_assert(not(rudp_known_paths_forget_host(&all, &other)));
	rudp_addr_set_port(&there, 80);
	cr_assert(rudp_known_paths_forget_host(&all, &there));
	cr_assert(zero(u64, take(START_NS)));
	cr_assert(zero(uint, all.count));
}
