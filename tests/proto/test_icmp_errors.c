/* SPDX-License-Identifier: MIT */
/* What others say of a peer, and when it is believed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/icmp_errors.h"

#define PTO_NS 100

static struct rudp_hearsay hearsay;

static enum rudp_hearsay_advice refused(int64_t now_at_ns)
{
	return rudp_hearsay_on_refused(&hearsay, PTO_NS, now_at_ns);
}

static void start(void)
{
	hearsay = (struct rudp_hearsay){0};
}

Test(hearsay, one_or_two_refusals_make_us_ask_however_late, .init = start)
{
	cr_assert(eq(int, refused(1), RUDP_HEARSAY_ASK));
	cr_assert(eq(int, refused(1 + 100 * PTO_NS), RUDP_HEARSAY_ASK));
}

Test(hearsay, the_third_is_believed_when_the_peer_has_had_time_to_answer, .init = start)
{
	refused(1);
	refused(2);
	cr_assert(eq(int, refused(1 + 2 * PTO_NS), RUDP_HEARSAY_WAIT));
	cr_assert(eq(int, refused(2 + 2 * PTO_NS), RUDP_HEARSAY_BELIEVE));
}

Test(hearsay, silence_counts_from_the_first_refusal_on_not_from_the_start, .init = start)
{
	refused(1000 * PTO_NS);
	refused(1000 * PTO_NS);
	cr_assert(eq(int, refused(1001 * PTO_NS), RUDP_HEARSAY_WAIT));
}

Test(hearsay, a_word_of_the_peer_makes_all_of_it_void, .init = start)
{
	for (int i = 0; i < 3; i++)
		refused(i);
	rudp_hearsay_on_no_way(&hearsay, EHOSTUNREACH);
	rudp_hearsay_forget(&hearsay);
	cr_assert(eq(int, rudp_hearsay_timeout_error(&hearsay), ETIMEDOUT));
	cr_assert(eq(int, refused(50 * PTO_NS), RUDP_HEARSAY_ASK));
	cr_assert(eq(int, refused(50 * PTO_NS), RUDP_HEARSAY_ASK));
	cr_assert(eq(int, refused(50 * PTO_NS), RUDP_HEARSAY_WAIT));
}

Test(hearsay, who_waits_in_vain_is_told_the_last_reason, .init = start)
{
	cr_assert(eq(int, rudp_hearsay_timeout_error(&hearsay), ETIMEDOUT));
	rudp_hearsay_on_no_way(&hearsay, ENETUNREACH);
	rudp_hearsay_on_no_way(&hearsay, EHOSTUNREACH);
	refused(1);
	cr_assert(eq(int, rudp_hearsay_timeout_error(&hearsay), EHOSTUNREACH));
}
