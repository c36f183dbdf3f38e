/* SPDX-License-Identifier: MIT */
#include "proto/cc/host_cache.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/fault.h"
#include "proto/checks.h"

#define MS RUDP_NS_PER_MS
#define START_NS (5 * RUDP_NS_PER_S)
#define RTT_NS (50 * MS)
#define RATE UINT64_C(10000000)
#define HOLDS UINT64_C(500000) /* bytes in one round trip */
#define SHARE (HOLDS / 100 * RUDP_KNOWN_PATH_RECENT_SHARE)
#define LONG_AGO_NS (2 * RUDP_KNOWN_PATH_RECENT_NS)
#define OLD_SHARE (HOLDS / 100 * RUDP_KNOWN_PATH_SHARE) /* of a rate that was reached longer ago */
#define IDLE RUDP_KNOWN_FREED
#define BUSY RUDP_KNOWN_BUSY

static struct rudp_host_cache all;
static struct rudp_addr here, there;

static void init(void)
{
	rudp_host_cache_init(&all);
	rudp_addr_parse(&here, "10.0.0.1:20000");
	rudp_addr_parse(&there, "10.0.0.2:443");
}

static void fini(void)
{
	cr_assert(rudp_host_cache_check(&all));
	rudp_host_cache_forget(&all, NULL);
	cr_assert(rudp_host_cache_check(&all));
	cr_assert(zero(uint, all.idle_count));
}

TestSuite(host_cache, .init = init, .fini = fini);

static void note(uint64_t rate, bool is_whole, enum rudp_known_use use, int64_t now_ns)
{
	struct rudp_cc_measured measured = {
		.bytes_per_s = rate,
		.min_rtt_ns = RTT_NS,
		.is_whole = is_whole,
	};

	rudp_host_cache_note(&all, &here, &there, &measured, use, now_ns);
}

static uint64_t take(int64_t now_ns)
{
	return rudp_host_cache_take(&all, &here, &there, RTT_NS, 0, now_ns);
}

Test(host_cache, a_recent_rate_is_used_to_95_percent)
{
	cr_assert(zero(u64, take(START_NS)));
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS), SHARE));
}

static uint64_t take_recent(int64_t now_ns, int64_t *rtt_ns)
{
	*rtt_ns = 0;
	return rudp_host_cache_take_recent(&all, &here, &there, 0, now_ns, rtt_ns);
}

Test(host_cache, without_an_rtt_only_a_recent_rate_is_used)
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

Test(host_cache, reaching_four_fifths_keeps_the_rate_recent)
{
	int64_t rtt_ns, later_ns = START_NS + 9 * RUDP_NS_PER_S;

	note(RATE, true, IDLE, START_NS);
	note(RATE / 100 * 79, false, IDLE, later_ns);
	cr_assert(zero(u64, take_recent(later_ns + 2 * RUDP_NS_PER_S, &rtt_ns)));
	note(RATE / 100 * 80, false, IDLE, later_ns);
	cr_assert(eq(u64, take_recent(later_ns + RUDP_KNOWN_PATH_RECENT_NS, &rtt_ns), SHARE));
	cr_assert(zero(u64, take_recent(later_ns + RUDP_KNOWN_PATH_RECENT_NS + 1, &rtt_ns)));
}

Test(host_cache, a_recent_rate_is_not_used_on_a_busy_path)
{
	int64_t rtt_ns;

	note(RATE, true, BUSY, START_NS);
	cr_assert(zero(u64, take_recent(START_NS + 1, &rtt_ns)));
}

Test(host_cache, an_older_rate_is_used_to_80_percent)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS + RUDP_KNOWN_PATH_RECENT_NS + 1), OLD_SHARE));
}

Test(host_cache, connections_that_start_together_share_it)
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

Test(host_cache, a_finished_connection_leaves_it_to_the_next)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS), SHARE));
	note(RATE, true, BUSY, START_NS + 100 * MS);
	note(RATE, true, IDLE, START_NS + 200 * MS);
	cr_assert(eq(u64, take(START_NS + 200 * MS), SHARE));
}

/* This many connections start together. */
static void start(unsigned starters)
{
	struct rudp_host *host = NULL;

	for (unsigned i = 0; i < starters; i++)
		host = rudp_host_cache_begin_startup(&all, &there);
	for (unsigned i = 0; i < starters; i++)
		rudp_host_cache_end_startup(&all, host);
}

Test(host_cache, as_many_as_last_time_get_equal_parts)
{
	start(3); /* the path is unknown, so nothing is stored */
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS), SHARE));
	note(RATE, true, IDLE, START_NS);
	start(6);
	for (int i = 0; i < 6; i++)
		cr_assert(eq(u64, take(START_NS), HOLDS / 6 / 100 * RUDP_KNOWN_PATH_RECENT_SHARE));
	note(RATE, true, IDLE, START_NS);
	start(1);
	cr_assert(eq(u64, take(START_NS), SHARE));
}

Test(host_cache, more_than_last_time_get_the_rest)
{
	uint64_t sum = 0;

	note(RATE, true, IDLE, START_NS);
	start(2);
	for (int i = 0; i < 10; i++)
		sum += take(START_NS);
	cr_assert(
		all(ge(u64, sum, HOLDS / 100 * RUDP_KNOWN_PATH_RECENT_SHARE), le(u64, sum, HOLDS)));
}

Test(host_cache, a_share_below_the_initial_window_is_not_taken)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(zero(u64, rudp_host_cache_take(&all, &here, &there, RTT_NS, SHARE, START_NS)));
	cr_assert(eq(u64, take(START_NS), SHARE));
}

Test(host_cache, a_busy_path_gives_nothing)
{
	note(RATE, true, BUSY, START_NS);
	cr_assert(zero(u64, take(START_NS + RUDP_KNOWN_PATH_NOTE_NS)));
	cr_assert(eq(u64, take(START_NS + RUDP_KNOWN_PATH_BUSY_NS), SHARE));
	note(RATE, true, BUSY, START_NS + 10 * RUDP_NS_PER_S);
	note(RATE, true, IDLE, START_NS + 11 * RUDP_NS_PER_S);
	cr_assert(eq(u64, take(START_NS + 11 * RUDP_NS_PER_S), SHARE));
}

Test(host_cache, only_a_busy_connection_ends_the_busy_state)
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

Test(host_cache, paths_differ_by_hosts_not_by_ports)
{
	note(RATE, true, IDLE, START_NS);
	rudp_addr_parse(&here, "10.0.0.1:20001");
	rudp_addr_parse(&there, "10.0.0.2:80");
	cr_assert(eq(u64, take(START_NS), SHARE));
	rudp_addr_parse(&there, "10.0.0.3:443");
	cr_assert(zero(u64, take(START_NS)));
}

Test(host_cache, another_local_address_is_another_path)
{
	note(RATE, true, IDLE, START_NS);
	rudp_addr_parse(&here, "10.0.1.1:20000");
	cr_assert(zero(u64, take(START_NS)));
	note(RATE / 10, false, IDLE, START_NS);
	cr_assert(eq(u64, take(START_NS), SHARE / 10));
	cr_assert(eq(uint, all.idle_count, 1));
}

Test(host_cache, another_rtt_is_another_path)
{
	static const struct {
		int64_t rtt_ns;
		uint64_t bytes;
	} cases[] = {
		{RTT_NS / 2 - 1, 0},
		{RTT_NS / 2, SHARE},
		{RTT_NS * 3 / 2, SHARE},
		{RTT_NS * 3 / 2 + 1, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t now_ns = START_NS + (int64_t)i * 2 * RUDP_KNOWN_PATH_SHARE_NS;

		note(RATE, true, IDLE, now_ns);
		cr_assert(eq(u64,
			     rudp_host_cache_take(&all, &here, &there, cases[i].rtt_ns, 0, now_ns),
			     cases[i].bytes));
	}
}

Test(host_cache, an_application_limited_rate_does_not_lower_it)
{
	note(RATE, true, IDLE, START_NS);
	note(RATE / 10, false, IDLE, START_NS + 1);
	cr_assert(eq(u64, take(START_NS + 1), SHARE));
	note(2 * RATE, false, IDLE, START_NS + 2);
	cr_assert(eq(u64, take(START_NS + 3 * RUDP_NS_PER_S), 2 * SHARE));
	note(RATE / 10, true, IDLE, START_NS + 3);
	cr_assert(eq(u64, take(START_NS + 6 * RUDP_NS_PER_S), SHARE / 10));
}

Test(host_cache, a_path_expires_after_ten_minutes)
{
	note(RATE, true, IDLE, START_NS);
	cr_assert(eq(i64, rudp_host_cache_rtt_ns(&all, &there, START_NS + RUDP_KNOWN_PATH_LIFE_NS),
		     RTT_NS));
	cr_assert(zero(
		i64, rudp_host_cache_rtt_ns(&all, &there, START_NS + RUDP_KNOWN_PATH_LIFE_NS + 1)));
	cr_assert(zero(uint, all.idle_count));
	/* Rates limited by the application do not extend its lifetime. */
	note(RATE, true, IDLE, START_NS);
	note(RATE / 10, false, IDLE, START_NS + RUDP_KNOWN_PATH_LIFE_NS);
	cr_assert(zero(u64, take(START_NS + RUDP_KNOWN_PATH_LIFE_NS + 1)));
}

Test(host_cache, the_least_recently_used_is_evicted)
{
	for (unsigned i = 0; i <= RUDP_HOST_CACHE_MAX; i++) {
		there.in4.sin_addr.s_addr = htonl(0x0a000000u + i);
		note(RATE, true, IDLE, START_NS);
		there.in4.sin_addr.s_addr = htonl(0x0a000000u);
		if (i > 0) /* this path is used all the time */
			cr_assert(eq(i64, rudp_host_cache_rtt_ns(&all, &there, START_NS), RTT_NS));
	}
	cr_assert(eq(uint, all.idle_count, RUDP_HOST_CACHE_MAX));
	there.in4.sin_addr.s_addr = htonl(0x0a000001u);
	cr_assert(zero(i64, rudp_host_cache_rtt_ns(&all, &there, START_NS)));
	there.in4.sin_addr.s_addr = htonl(0x0a000000u + RUDP_HOST_CACHE_MAX);
	cr_assert(eq(i64, rudp_host_cache_rtt_ns(&all, &there, START_NS), RTT_NS));
}

Test(host_cache, without_memory_it_stays_unknown)
{
	bool known = false;

	for (unsigned nth = 1; !known; nth++) {
		cr_assert(lt(uint, nth, 10));
		rudp_host_cache_forget(&all, NULL);
		fault_arm(nth);
		note(RATE, true, IDLE, START_NS);
		known = fault_count() < nth;
		fault_arm(0);
		cr_assert(rudp_host_cache_check(&all));
		cr_assert(eq(u64, take(START_NS), known ? SHARE : 0));
	}
}

static struct rudp_known_loss loss(int64_t now_ns)
{
	return rudp_host_cache_loss(&all, &here, &there, now_ns);
}

static void note_loss(uint64_t packets, uint64_t lost, int64_t now_ns)
{
	rudp_host_cache_note_loss(&all, &here, &there, (struct rudp_known_loss){packets, lost},
				  now_ns);
}

static void expect_loss(uint64_t packets, uint64_t lost)
{
	cr_assert(
		all(eq(u64, loss(START_NS).packets, packets), eq(u64, loss(START_NS).lost, lost)));
}

Test(host_cache, losses_add_up)
{
	note(RATE, true, IDLE, START_NS);
	expect_loss(0, 0);
	note_loss(100, 3, START_NS);
	note_loss(50, 0, START_NS);
	expect_loss(150, 3);
	note(RATE, true, IDLE, START_NS); /* the same path */
	expect_loss(150, 3);
}

Test(host_cache, losses_of_unhost_cache_are_not_kept)
{
	note_loss(100, 3, START_NS);
	expect_loss(0, 0);
	cr_assert(zero(uint, all.idle_count));
	note(RATE, true, IDLE, START_NS);
	expect_loss(0, 0);
}

Test(host_cache, older_losses_count_for_less)
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

Test(host_cache, losses_from_another_local_address_are_separate)
{
	note(RATE, true, IDLE, START_NS);
	note_loss(100, 3, START_NS);
	rudp_addr_parse(&here, "10.0.1.1:20000");
	expect_loss(0, 0);
	note_loss(10, 1, START_NS); /* unknown from that address */
	rudp_addr_parse(&here, "10.0.0.1:20000");
	expect_loss(100, 3);
	rudp_addr_parse(&here, "10.0.1.1:20000");
	note(RATE, true, IDLE, START_NS);
	expect_loss(0, 0);
}

Test(host_cache, losses_live_as_long_as_their_path)
{
	note(RATE, true, IDLE, START_NS);
	note_loss(100, 3, START_NS);
	cr_assert(eq(u64, loss(START_NS + RUDP_KNOWN_PATH_LIFE_NS).lost, 3));
	note_loss(100, 3, START_NS + RUDP_KNOWN_PATH_LIFE_NS); /* and do not extend its lifetime */
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

	rudp_host_cache_note(&all, &here, &there, &measured, IDLE, now_ns);
}

static int64_t base(int64_t now_ns)
{
	return rudp_host_cache_base_rtt_ns(&all, &here, &there, now_ns);
}

Test(host_cache, the_shortest_round_trip_is_kept_until_the_path_is_longer)
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
	cr_assert(zero(i64, rudp_host_cache_base_rtt_ns(&all, &there, &there, START_NS)));
	cr_assert(zero(i64, base(START_NS + RUDP_KNOWN_PATH_LIFE_NS + 1)));
}

Test(host_cache, a_host_is_forgotten_whatever_its_port)
{
	struct rudp_addr other;

	rudp_addr_parse(&other, "10.0.0.3:443");
	note(RATE, true, IDLE, START_NS);
	cr_assert(zero(uint, rudp_host_cache_forget(&all, &other)));
	rudp_addr_set_port(&there, 80);
	cr_assert(eq(uint, rudp_host_cache_forget(&all, &there), 1));
	cr_assert(zero(u64, take(START_NS)));
	cr_assert(zero(uint, all.idle_count));
}

static struct rudp_host *begin(const char *text)
{
	struct rudp_addr remote;

	cr_assert(eq(int, rudp_addr_parse(&remote, text), 0));
	return rudp_host_cache_begin_startup(&all, &remote);
}

static void end(struct rudp_host *host)
{
	rudp_host_cache_end_startup(&all, host);
}

Test(host_cache, connections_to_one_host_share_start_up)
{
	struct rudp_host *host = begin("10.0.0.2:443"), *others[2];

	cr_assert(eq(uint, host->starting, 1));
	cr_assert(eq(ptr, begin("10.0.0.2:80"), host));
	cr_assert(eq(uint, host->starting, 2));
	others[0] = begin("10.0.0.3:443");
	others[1] = begin("[::1]:443");
	cr_assert(all(ne(ptr, others[0], host), ne(ptr, others[1], host)));
	cr_assert(eq(uint, HASH_COUNT(all.table), 3));
	end(others[0]);
	end(others[1]);
	end(host);
	cr_assert(all(eq(uint, host->starting, 1), eq(uint, host->starting_peak, 2)));
	end(host);
	cr_assert(zero(uint, host->starting));
}

Test(host_cache, a_connection_that_starts_again_allocates_nothing)
{
	struct rudp_host *host = begin("10.0.0.2:443");

	begin("10.0.0.2:443");
	end(host);
	end(host);
	fault_arm(1);
	cr_assert(eq(ptr, begin("10.0.0.2:443"), host));
	fault_arm(0);
	cr_assert(eq(uint, host->starting_peak, 1));
	end(host);
}

Test(host_cache, without_memory_a_connection_starts_alone)
{
	struct rudp_host *host = NULL;

	for (unsigned nth = 1; !host; nth++) {
		cr_assert(lt(uint, nth, 10));
		fault_arm(nth);
		host = begin("10.0.0.2:443");
		fault_arm(0);
		cr_assert(eq(uint, HASH_COUNT(all.table), host ? 1 : 0));
	}
	cr_assert(eq(uint, host->starting, 1));
	end(host);
}

Test(host_cache, a_held_host_is_neither_evicted_nor_counted)
{
	struct rudp_host *held = begin("10.0.0.2:443");

	note(RATE, true, IDLE, START_NS);
	for (unsigned i = 0; i <= RUDP_HOST_CACHE_MAX; i++) {
		there.in4.sin_addr.s_addr = htonl(0x0b000000u + i);
		note(RATE, true, IDLE, START_NS);
	}
	cr_assert(eq(uint, all.idle_count, RUDP_HOST_CACHE_MAX));
	cr_assert(eq(i64, held->path.min_rtt_ns, RTT_NS));
	cr_assert(eq(uint, rudp_host_cache_forget(&all, NULL), RUDP_HOST_CACHE_MAX + 1));
	cr_assert(eq(uint, HASH_COUNT(all.table), 1));
	cr_assert(zero(i64, held->path.min_rtt_ns));
	end(held);
}

Test(host_cache, a_host_without_a_measurement_is_evicted_first)
{
	struct rudp_addr first = there;

	for (unsigned i = 0; i < RUDP_HOST_CACHE_MAX; i++) {
		there.in4.sin_addr.s_addr = htonl(0x0b000000u + i);
		note(RATE, true, IDLE, START_NS);
	}
	there = first;
	start(1); /* evicts the oldest */
	there.in4.sin_addr.s_addr = htonl(0x0b000001u);
	cr_assert(eq(uint, HASH_COUNT(all.table), RUDP_HOST_CACHE_MAX));
	first.in4.sin_addr.s_addr = htonl(0x0c000000u);
	rudp_host_cache_note_refusal(&all, &first, START_NS);
	cr_assert(eq(i64, rudp_host_cache_rtt_ns(&all, &there, START_NS), RTT_NS));
	cr_assert(rudp_host_cache_has_refused(&all, &first, START_NS));
}

static struct rudp_addr host(unsigned number, uint16_t port)
{
	struct rudp_addr addr = {.family = AF_INET};

	addr.in4.sin_family = AF_INET;
	addr.in4.sin_addr.s_addr = htonl(0x0a000000 + number);
	rudp_addr_set_port(&addr, port);
	return addr;
}

Test(host_cache, a_refusal_counts_for_all_ports_of_its_host_for_a_while)
{
	struct rudp_addr from = host(1, 1000), same = host(1, 2000), other = host(2, 1000);

	cr_assert(not(rudp_host_cache_has_refused(&all, &same, 1)));
	rudp_host_cache_note_refusal(&all, &from, 1);
	cr_assert(rudp_host_cache_has_refused(&all, &same, 1));
	cr_assert(not(rudp_host_cache_has_refused(&all, &other, 1)));
	cr_assert(rudp_host_cache_has_refused(&all, &same, RUDP_REFUSAL_NS));
	cr_assert(not(rudp_host_cache_has_refused(&all, &same, RUDP_REFUSAL_NS + 1)));
}

Test(host_cache, the_oldest_refusal_is_evicted_and_a_host_has_one_entry)
{
	struct rudp_addr first = host(1, 1), second = host(2, 1), next;

	rudp_host_cache_note_refusal(&all, &first, 1);
	for (unsigned i = 0; i < 2 * RUDP_HOST_CACHE_MAX; i++)
		rudp_host_cache_note_refusal(&all, &second, 1);
	cr_assert(rudp_host_cache_has_refused(&all, &first, 1));
	for (unsigned i = 0; i < RUDP_HOST_CACHE_MAX - 1; i++) {
		next = host(3 + i, 1);
		rudp_host_cache_note_refusal(&all, &next, 1);
	}
	cr_assert(not(rudp_host_cache_has_refused(&all, &first, 1)));
	cr_assert(rudp_host_cache_has_refused(&all, &second, 1));
}

Test(host_cache, refusals_of_one_host_or_of_all_can_be_forgotten)
{
	struct rudp_addr first = host(1, 1), second = host(2, 1), third = host(3, 1);

	rudp_host_cache_note_refusal(&all, &first, 1);
	rudp_host_cache_note_refusal(&all, &second, 1);
	rudp_host_cache_forget(&all, &third);
	cr_assert(zero(uint, rudp_host_cache_forget(&all, &first))); /* its path was unknown */
	cr_assert(not(rudp_host_cache_has_refused(&all, &first, 1)));
	cr_assert(rudp_host_cache_has_refused(&all, &second, 1));
	rudp_host_cache_forget(&all, NULL);
	cr_assert(not(rudp_host_cache_has_refused(&all, &second, 1)));
}
