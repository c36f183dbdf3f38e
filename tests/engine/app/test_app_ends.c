/* SPDX-License-Identifier: MIT */
/* The states of a connection's ends: random events, allowed or not, must keep the rules. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/random.h"
#include "engine/app/app_ends.h"

#define SEEDS 2000
#define FACTS 40

Test(app_ends, at_first_both_directions_are_open)
{
	const struct rudp_ends ends = {0};

	cr_assert(rudp_ends_may_drain(&ends));
	cr_assert(rudp_ends_may_deliver(&ends));
	cr_assert(not(rudp_ends_owes_fin(&ends)));
	cr_assert(rudp_ends_owes_eof(&ends));
	cr_assert(not(rudp_ends_is_shut(&ends)));
}

Test(app_ends, fin_sent_and_eof_sent_end_it_in_either_order)
{
	for (int first = 0; first < 2; first++) {
		struct rudp_ends ends = {0};

		if (first)
			rudp_ends_on_eof_sent(&ends);
		rudp_ends_on_write_end(&ends);
		rudp_ends_on_fin_sent(&ends);
		if (!first)
			rudp_ends_on_eof_sent(&ends);
		cr_assert(rudp_ends_is_over(&ends));
	}
	cr_assert(zero(uint, rudp_ends_refused()));
}

Test(app_ends, a_reset_after_the_end_of_file_is_epipe)
{
	struct rudp_ends before = {0}, after = {0};

	rudp_ends_on_failed(&before, ECONNRESET);
	rudp_ends_on_eof_sent(&after);
	rudp_ends_on_failed(&after, ECONNRESET);
	cr_assert(eq(int, before.error, ECONNRESET));
	cr_assert(eq(int, after.error, EPIPE));
}

Test(app_ends, a_hangup_of_two_shut_halves_is_no_close)
{
	struct rudp_ends ends = {0};

	cr_assert(rudp_ends_hangup_is_close(&ends, false));
	rudp_ends_on_eof_sent(&ends);
	cr_assert(not(rudp_ends_hangup_is_close(&ends, false)));
	cr_assert(rudp_ends_hangup_is_close(&ends, true), "nothing was said of SHUT_WR");
	rudp_ends_on_shutdown_send(&ends);
	cr_assert(not(rudp_ends_hangup_is_close(&ends, true)));
}

Test(app_ends, a_hangup_after_two_shutdowns_does_not_reset)
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

/* The step is refused and changes nothing. */
static void expect_refused(struct rudp_ends ends, void (*step)(struct rudp_ends *ends))
{
	const struct rudp_ends before = ends;
	unsigned count = rudp_ends_refused();

	step(&ends);
	cr_assert(eq(uint, rudp_ends_refused(), count + 1));
	cr_assert(eq(int, (int)ends.out, (int)before.out));
	cr_assert(eq(int, (int)ends.in, (int)before.in));
}

Test(app_ends, a_step_that_the_state_forbids_is_counted_and_not_taken)
{
	expect_refused((struct rudp_ends){.out = RUDP_OUT_OPEN}, rudp_ends_on_fin_sent);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_FIN_SENT}, rudp_ends_on_fin_sent);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_RESETTING, .in = RUDP_IN_CLOSED},
		       rudp_ends_on_fin_sent);
	expect_refused((struct rudp_ends){.in = RUDP_IN_EOF_SENT}, rudp_ends_on_eof_sent);
	expect_refused((struct rudp_ends){.in = RUDP_IN_CLOSED}, rudp_ends_on_eof_sent);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_FAILED}, rudp_ends_on_eof_sent);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_FINISHING}, rudp_ends_on_reset_due);
	expect_refused((struct rudp_ends){.out = RUDP_OUT_FAILED, .in = RUDP_IN_ABORTED},
		       rudp_ends_on_reset_due);
}

/* What has happened so far, regardless of the order. */
struct history {
	unsigned fins, eofs, resets, failures;
	bool ended, closed, aborted;
};

/* An event of the program, or a step of the engine if the state asks for it. */
static void do_random_event(struct random *r, struct rudp_ends *ends, struct history *h)
{
	switch (random_below(r, 8)) {
	case 0:
		rudp_ends_on_write_end(ends);
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
		if (rudp_ends_owes_fin(ends)) {
			rudp_ends_on_fin_sent(ends);
			h->fins++;
		}
		break;
	case 5:
		if (rudp_ends_owes_eof(ends)) {
			rudp_ends_on_eof_sent(ends);
			h->eofs++;
		}
		break;
	case 6:
		if (rudp_ends_is_closed(ends) && ends->out != RUDP_OUT_RESETTING &&
		    ends->out != RUDP_OUT_FAILED) {
			rudp_ends_on_reset_due(ends);
			h->resets++;
		}
		break;
	case 7:
		if (random_below(r, 8) == 0 && ends->out != RUDP_OUT_FAILED) {
			rudp_ends_on_failed(ends, ETIMEDOUT);
			h->failures++;
		}
		break;
	}
}

static void check(const struct rudp_ends *ends, const struct history *h)
{
	cr_assert(le(uint, h->fins, 1));
	cr_assert(le(uint, h->eofs, 1), "the program gets the end of file once");
	cr_assert(le(uint, h->resets, 1));
	cr_assert(eq(int, rudp_ends_is_closed(ends), h->closed));
	cr_assert(eq(int, ends->in == RUDP_IN_ABORTED, h->aborted));
	cr_assert(eq(int, ends->error != 0, h->failures > 0));
	cr_assert(eq(int, ends->out == RUDP_OUT_OPEN, !h->ended && !h->failures));
	if (h->fins + h->resets + h->failures > 0)
		cr_assert(not(rudp_ends_owes_fin(ends)));
	if (h->failures)
		cr_assert(not(rudp_ends_may_drain(ends)));
	if (h->failures || h->closed || h->eofs)
		cr_assert(not(rudp_ends_owes_eof(ends)));
	if (h->closed || h->eofs)
		cr_assert(not(rudp_ends_may_deliver(ends)));
	if (rudp_ends_is_over(ends))
		cr_assert(h->fins == 1 && h->eofs == 1 && !h->closed && !h->failures);
}

Test(app_ends, random_events_keep_the_rules)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct random r = {seed};
		struct rudp_ends ends = {0};
		struct history h = {0};

		for (int i = 0; i < FACTS; i++) {
			do_random_event(&r, &ends, &h);
			check(&ends, &h);
		}
	}
	cr_assert(zero(uint, rudp_ends_refused()));
}
