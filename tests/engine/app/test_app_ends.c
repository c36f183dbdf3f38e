/* SPDX-License-Identifier: MIT */
/* The order of a connection's ends by itself: random facts, legal or not, against what must hold. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "engine/app/app_ends.h"

#define SEEDS 2000
#define FACTS 40

Test(app_ends, at_first_both_directions_are_open)
{
	const struct rudp_ends ends = {0};

	cr_assert(rudp_ends_takes(&ends));
	cr_assert(rudp_ends_gives(&ends));
	cr_assert(not(rudp_ends_owes_end(&ends)));
	cr_assert(rudp_ends_owes_telling(&ends));
	cr_assert(not(rudp_ends_is_shut(&ends)));
}

Test(app_ends, an_end_given_and_told_is_over_in_either_order)
{
	for (int first = 0; first < 2; first++) {
		struct rudp_ends ends = {0};

		if (first)
			rudp_ends_on_told(&ends);
		rudp_ends_on_last_words(&ends);
		rudp_ends_on_given(&ends);
		if (!first)
			rudp_ends_on_told(&ends);
		cr_assert(rudp_ends_is_over(&ends));
	}
	cr_assert(zero(uint, rudp_ends_refused()));
}

Test(app_ends, a_reset_after_the_end_is_a_broken_pipe)
{
	struct rudp_ends before = {0}, after = {0};

	rudp_ends_on_lost(&before, ECONNRESET);
	rudp_ends_on_told(&after);
	rudp_ends_on_lost(&after, ECONNRESET);
	cr_assert(eq(int, before.error, ECONNRESET));
	cr_assert(eq(int, after.error, EPIPE));
}

Test(app_ends, a_hangup_of_two_halves_is_no_close)
{
	struct rudp_ends ends = {0};

	cr_assert(rudp_ends_hangup_is_close(&ends, false));
	rudp_ends_on_told(&ends);
	cr_assert(not(rudp_ends_hangup_is_close(&ends, false)));
	cr_assert(rudp_ends_hangup_is_close(&ends, true), "nothing was said of SHUT_WR");
	rudp_ends_on_shutdown_send(&ends);
	cr_assert(not(rudp_ends_hangup_is_close(&ends, true)));
}

Test(app_ends, a_hangup_of_both_shutdowns_does_not_reset)
{
	for (int both = 0; both < 2; both++) {
		struct rudp_ends ends = {0};

		rudp_ends_on_shutdown_send(&ends);
		if (both)
			rudp_ends_on_shutdown_receive(&ends);
		rudp_ends_on_closed(&ends, false);
		cr_assert(eq(int, rudp_ends_close_resets(&ends, true), !both));
		cr_assert(not(rudp_ends_close_resets(&ends, false)));
		cr_assert(not(rudp_ends_left_unread(&ends)));
		rudp_ends_on_closed(&ends, true);
		cr_assert(not(rudp_ends_close_resets(&ends, false)), "what was written goes first");
		cr_assert(rudp_ends_left_unread(&ends));
	}
}

/* Refused, and nothing has changed. */
static void expect_refused(struct rudp_ends ends, void (*step)(struct rudp_ends *ends))
{
	const struct rudp_ends before = ends;
	unsigned count = rudp_ends_refused();

	step(&ends);
	cr_assert(eq(uint, rudp_ends_refused(), count + 1));
	cr_assert(eq(int, (int)ends.out, (int)before.out));
	cr_assert(eq(int, (int)ends.in, (int)before.in));
}

Test(app_ends, a_step_that_does_not_follow_is_counted_and_not_taken)
{
	expect_refused((struct rudp_ends){.out = RUDP_OUT_OPEN}, rudp_ends_on_given);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_ENDED}, rudp_ends_on_given);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_RESETS, .in = RUDP_IN_CLOSED},
		       rudp_ends_on_given);
	expect_refused((struct rudp_ends){.in = RUDP_IN_TOLD}, rudp_ends_on_told);
	expect_refused((struct rudp_ends){.in = RUDP_IN_CLOSED}, rudp_ends_on_told);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_LOST}, rudp_ends_on_told);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_LAST}, rudp_ends_on_last_call);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_LOST, .in = RUDP_IN_ABORTED},
		       rudp_ends_on_last_call);
}

/* What has happened so far, in no order. */
struct history {
	unsigned given, told, calls, lost;
	bool ended, closed, aborted;
};

/* A fact of the program at any time, or one of our steps, where the state asks for it. */
static void happen(struct random *r, struct rudp_ends *ends, struct history *h)
{
	switch (random_below(r, 8)) {
	case 0:
		rudp_ends_on_last_words(ends);
		h->ended = true;
		break;
	case 1:
		rudp_ends_on_shutdown_receive(ends);
		break;
	case 2:
		if (random_below(r, 4) == 0) {
			bool left_unread = random_below(r, 2);

			rudp_ends_on_closed(ends, left_unread);
			h->ended = h->closed = true;
			h->aborted |= left_unread;
		}
		break;
	case 3:
		rudp_ends_on_shutdown_send(ends);
		break;
	case 4:
		if (rudp_ends_owes_end(ends)) {
			rudp_ends_on_given(ends);
			h->given++;
		}
		break;
	case 5:
		if (rudp_ends_owes_telling(ends)) {
			rudp_ends_on_told(ends);
			h->told++;
		}
		break;
	case 6:
		if (rudp_ends_is_closed(ends) && ends->out != RUDP_OUT_RESETS &&
		    ends->out != RUDP_OUT_LOST) {
			rudp_ends_on_last_call(ends);
			h->calls++;
		}
		break;
	case 7:
		if (random_below(r, 8) == 0 && ends->out != RUDP_OUT_LOST) {
			rudp_ends_on_lost(ends, ETIMEDOUT);
			h->lost++;
		}
		break;
	}
}

static void check(const struct rudp_ends *ends, const struct history *h)
{
	cr_assert(le(uint, h->given, 1));
	cr_assert(le(uint, h->told, 1), "an end is told once");
	cr_assert(le(uint, h->calls, 1));
	cr_assert(eq(int, rudp_ends_is_closed(ends), h->closed));
	cr_assert(eq(int, ends->in == RUDP_IN_ABORTED, h->aborted));
	cr_assert(eq(int, ends->error != 0, h->lost > 0));
	cr_assert(eq(int, ends->out == RUDP_OUT_OPEN, !h->ended && !h->lost));
	if (h->given + h->calls + h->lost > 0)
		cr_assert(not(rudp_ends_owes_end(ends)));
	if (h->lost)
		cr_assert(not(rudp_ends_takes(ends)));
	if (h->lost || h->closed || h->told)
		cr_assert(not(rudp_ends_owes_telling(ends)));
	if (h->closed || h->told)
		cr_assert(not(rudp_ends_gives(ends)));
	if (rudp_ends_is_over(ends))
		cr_assert(h->given == 1 && h->told == 1 && !h->closed && !h->lost);
}

Test(app_ends, whatever_happens_in_whatever_order_the_rules_hold)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct random r = {seed};
		struct rudp_ends ends = {0};
		struct history h = {0};

		for (int i = 0; i < FACTS; i++) {
			happen(&r, &ends, &h);
			check(&ends, &h);
		}
	}
	cr_assert(zero(uint, rudp_ends_refused()));
}
