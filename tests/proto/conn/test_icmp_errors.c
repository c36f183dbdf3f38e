/* SPDX-License-Identifier: MIT */
/* What others say of a peer, and when it is believed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/conn/icmp_errors.h"

#define PTO_NS 100

static struct rudp_icmp_errors icmp_errors;

static enum rudp_icmp_errors_advice refused(int64_t now_at_ns)
{
	return rudp_icmp_errors_on_refused(&icmp_errors, PTO_NS, now_at_ns);
}

static void start(void)
{
	icmp_errors = (struct rudp_icmp_errors){0};
}

Test(icmp_errors, one_or_two_refusals_make_us_ask_however_late, .init = start)
{
	cr_assert(eq(int, refused(1), RUDP_ICMP_ERRORS_ASK));
	cr_assert(eq(int, refused(1 + 100 * PTO_NS), RUDP_ICMP_ERRORS_ASK));
}

Test(icmp_errors, the_third_is_believed_when_the_peer_has_had_time_to_answer, .init = start)
{
	refused(1);
	refused(2);
	cr_assert(eq(int, refused(1 + 2 * PTO_NS), RUDP_ICMP_ERRORS_WAIT));
	cr_assert(eq(int, refused(2 + 2 * PTO_NS), RUDP_ICMP_ERRORS_BELIEVE));
}

Test(icmp_errors, silence_counts_from_the_first_refusal_on_not_from_the_start, .init = start)
{
	refused(1000 * PTO_NS);
	refused(1000 * PTO_NS);
	cr_assert(eq(int, refused(1001 * PTO_NS), RUDP_ICMP_ERRORS_WAIT));
}

Test(icmp_errors, a_word_of_the_peer_makes_all_of_it_void, .init = start)
{
	for (int i = 0; i < 3; i++)
		refused(i);
	rudp_icmp_errors_on_no_way(&icmp_errors, EHOSTUNREACH);
	rudp_icmp_errors_forget(&icmp_errors);
	cr_assert(eq(int, rudp_icmp_errors_timeout_error(&icmp_errors), ETIMEDOUT));
	cr_assert(eq(int, refused(50 * PTO_NS), RUDP_ICMP_ERRORS_ASK));
	cr_assert(eq(int, refused(50 * PTO_NS), RUDP_ICMP_ERRORS_ASK));
	cr_assert(eq(int, refused(50 * PTO_NS), RUDP_ICMP_ERRORS_WAIT));
}

Test(icmp_errors, who_waits_in_vain_is_told_the_last_reason, .init = start)
{
	cr_assert(eq(int, rudp_icmp_errors_timeout_error(&icmp_errors), ETIMEDOUT));
	rudp_icmp_errors_on_no_way(&icmp_errors, ENETUNREACH);
	rudp_icmp_errors_on_no_way(&icmp_errors, EHOSTUNREACH);
	refused(1);
	cr_assert(eq(int, rudp_icmp_errors_timeout_error(&icmp_errors), EHOSTUNREACH));
}
