/* SPDX-License-Identifier: MIT */
/*
 * Whether the engine polls or sleeps, in virtual time. A gap is the time to the next event if the
 * engine is awake; if it sleeps, the event comes WAKING_NS later.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/loop/busy_poll.h"

#define US RUDP_NS_PER_US
#define WAKING_NS (25 * US)

static struct rudp_busy_poll busy_poll;
static int64_t now_at_ns;
static int64_t lost_ns; /* in polls that found nothing */
static unsigned polls, found;

static void setup(void)
{
	now_at_ns = RUDP_NS_PER_S;
	lost_ns = 0;
	polls = found = 0;
	rudp_busy_poll_init(&busy_poll, true, now_at_ns);
}

TestSuite(busy_poll, .init = setup);

static void sleep_through(int64_t gap_ns)
{
	now_at_ns += gap_ns + WAKING_NS;
	rudp_busy_poll_on_woken(&busy_poll, gap_ns + WAKING_NS);
}

/* One gap, as the loop passes it. Returns whether the engine was awake at its end. */
static bool gap(int64_t gap_ns)
{
	int64_t span_ns = rudp_busy_poll_span_ns(&busy_poll, now_at_ns);

	if (span_ns == 0) {
		sleep_through(gap_ns);
		return false;
	}
	polls++;
	if (gap_ns < span_ns) {
		found++;
		now_at_ns += gap_ns;
		rudp_busy_poll_on_found(&busy_poll, gap_ns);
		return true;
	}
	now_at_ns += span_ns;
	lost_ns += span_ns;
	rudp_busy_poll_on_missed(&busy_poll, span_ns);
	sleep_through(gap_ns - span_ns);
	return false;
}

static void gaps(unsigned count, int64_t gap_ns)
{
	for (unsigned i = 0; i < count; i++)
		gap(gap_ns);
}

Test(busy_poll, at_first_it_sleeps)
{
	cr_assert(zero(i64, rudp_busy_poll_span_ns(&busy_poll, now_at_ns)));
}

Test(busy_poll, after_some_short_gaps_it_polls)
{
	gaps(RUDP_BUSY_POLL_FIRST, 20 * US);
	cr_assert(gap(20 * US));
	gaps(1000, 20 * US);
	cr_assert(eq(uint, found, 1001), "and all of them");
	cr_assert(zero(i64, lost_ns));
}

Test(busy_poll, for_long_gaps_it_never_polls)
{
	gaps(10000, RUDP_NS_PER_MS);
	cr_assert(zero(uint, polls));
}

Test(busy_poll, with_one_processor_it_never_polls)
{
	rudp_busy_poll_init(&busy_poll, false, now_at_ns);
	gaps(10000, 10 * US);
	cr_assert(zero(uint, polls));
}

/* An event that was there before the sleep says nothing about sleeping. */
Test(busy_poll, an_event_before_the_sleep_makes_no_short_sleep)
{
	for (int i = 0; i < 1000; i++)
		rudp_busy_poll_on_woken(&busy_poll, RUDP_BUSY_POLL_NO_SLEEP_NS - 1);
	cr_assert(zero(i64, rudp_busy_poll_span_ns(&busy_poll, now_at_ns)));
}

Test(busy_poll, when_short_gaps_end_a_bounded_number_of_polls_misses)
{
	gaps(1000, 20 * US);
	polls = 0;
	gaps(1000, RUDP_NS_PER_MS);
	cr_assert(eq(uint, polls, RUDP_BUSY_POLL_MISSES_MAX));
}

/* One request per millisecond: the answer comes at once, the next request does not. */
Test(busy_poll, it_polls_if_every_second_gap_is_short)
{
	for (int i = 0; i < 10; i++) {
		gap(20 * US);
		gap(60 * US);
	}
	cr_assert(gap(20 * US));
}

/* Polling keeps the program from its processor: each poll fails, and the sleep after it is
 * short. */
static unsigned polls_on_shared_processor(unsigned count)
{
	polls = 0;
	for (unsigned i = 0; i < count; i++) {
		int64_t span_ns = rudp_busy_poll_span_ns(&busy_poll, now_at_ns);

		if (span_ns > 0) {
			polls++;
			now_at_ns += span_ns;
			rudp_busy_poll_on_missed(&busy_poll, span_ns);
		}
		sleep_through(10 * US);
	}
	return polls;
}

Test(busy_poll, if_the_program_needs_its_processor_it_rarely_polls)
{
	unsigned limit = 2 * RUDP_BUSY_POLL_TRIAL * 10; /* sleeps_wanted doubles up to 1024 */

	cr_assert(le(uint, polls_on_shared_processor(4000), limit));
	cr_assert(le(uint, polls_on_shared_processor(100000),
		     RUDP_BUSY_POLL_TRIAL * (100000 / RUDP_BUSY_POLL_SLEEPS_MAX + 1)));
}

Test(busy_poll, a_found_event_after_a_lost_processor_ends_polling)
{
	gaps(100, 20 * US);
	rudp_busy_poll_on_found(&busy_poll, 3 * RUDP_NS_PER_MS);
	polls = 0;
	gaps(RUDP_BUSY_POLL_SLEEPS_MAX, 20 * US);
	cr_assert(zero(uint, polls));
	cr_assert(gap(20 * US), "but not for ever");
}

Test(busy_poll, a_missed_poll_after_a_lost_processor_ends_polling)
{
	gaps(100, 20 * US);
	rudp_busy_poll_on_missed(&busy_poll, 3 * RUDP_NS_PER_MS);
	polls = 0;
	gaps(RUDP_BUSY_POLL_SLEEPS_MAX, 20 * US);
	cr_assert(zero(uint, polls));
}

static uint64_t random_of(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Whatever the gaps are, the lost time is at most a share of the time and a budget. */
static void expect_bounded_loss(uint64_t seed)
{
	uint64_t state = seed;
	int64_t since_ns = now_at_ns;

	for (int i = 0; i < 20000; i++) {
		uint64_t kind = random_of(&state) % (2 + seed % 7);
		int64_t at_most = kind == 0   ? RUDP_BUSY_POLL_NS + 30 * US
				  : kind == 1 ? RUDP_NS_PER_MS
					      : 30 * US;

		gap((int64_t)random_of(&state) % at_most);
		cr_assert(le(i64, lost_ns,
			     RUDP_BUSY_POLL_BUDGET_NS +
				     (now_at_ns - since_ns) / RUDP_BUSY_POLL_WASTE_DIVISOR),
			  "seed %lu", seed);
	}
}

Test(busy_poll, the_lost_time_is_bounded_for_random_gaps)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		setup();
		expect_bounded_loss(seed);
	}
}

/* The worst case: as many short gaps as a trial needs, then only gaps that a poll just misses. */
Test(busy_poll, the_lost_time_is_bounded_for_the_worst_gaps)
{
	int64_t since_ns = now_at_ns, share_ns;

	for (int i = 0; i < 100000; i++) {
		gap(0);
		gap(RUDP_BUSY_POLL_NS);
	}
	share_ns = (now_at_ns - since_ns) / RUDP_BUSY_POLL_WASTE_DIVISOR;
	cr_assert(le(i64, lost_ns, RUDP_BUSY_POLL_BUDGET_NS + share_ns));
	cr_assert(ge(i64, lost_ns, share_ns / 2), "else this is not the worst");
}
