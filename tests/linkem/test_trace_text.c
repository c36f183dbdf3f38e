/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/trace_text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MS UINT64_C(1000000)

static struct nm_trace trace;
static unsigned line;

Test(trace_text, times_rates_and_delays)
{
	const char *text = "# a comment\n"
			   "0     100M\n"
			   "\n"
			   "1.5s  10M  20ms\n"
			   "2000  0\n"
			   "3s    repeat";

	cr_assert(eq(ptr, (void *)trace_parse(&trace, text, &line), NULL));
	cr_assert(eq(sz, trace.count, 3));
	cr_assert(eq(u64, trace.segments[1].from_ns, 1500 * MS));
	cr_assert(eq(dbl, trace.segments[1].bits_per_s, 10e6));
	cr_assert(eq(u64, trace.segments[1].delay_ns, 20 * MS));
	cr_assert(eq(u64, trace.segments[2].from_ns, 2000 * MS));
	cr_assert(eq(u64, trace.period_ns, 3000 * MS));
	cr_assert(epsilon_eq(dbl, trace_mean_bps(&trace), 155e6 / 3, 1));
	nm_trace_fini(&trace);
}

/* Three opportunities in the first millisecond, one in the second, none until the fifth. */
Test(trace_text, opportunities_of_mahimahi)
{
	cr_assert(eq(ptr, (void *)trace_parse(&trace, "0\n1\n1\n2\n5\n", &line), NULL));
	cr_assert(eq(u64, trace.period_ns, 5 * MS));
	cr_assert(epsilon_eq(dbl, trace.period_bits, 5 * 12000, 0.01));
	cr_assert(epsilon_eq(dbl, nm_trace_bits(&trace, 0, MS), 36000, 0.01));
	cr_assert(epsilon_eq(dbl, nm_trace_bits(&trace, MS, 2 * MS), 12000, 0.01));
	cr_assert(epsilon_eq(dbl, nm_trace_bits(&trace, 2 * MS, 4 * MS), 0, 0.01));
	cr_assert(epsilon_eq(dbl, nm_trace_bits(&trace, 4 * MS, 5 * MS), 12000, 0.01));
	nm_trace_fini(&trace);
}

static void is_wrong_in(const char *text, unsigned expected)
{
	cr_assert(ne(ptr, (void *)trace_parse(&trace, text, &line), NULL));
	cr_assert(eq(uint, line, expected));
}

Test(trace_text, what_is_wrong_is_refused_with_its_line)
{
	is_wrong_in("0 10M\n5 fast\n", 2);
	is_wrong_in("0 10M\n5 1M 2ms 3\n", 2);
	is_wrong_in("5 10M\n", 1);
	is_wrong_in("0 10M\n5 1M\n5 2M\n", 3);
	is_wrong_in("0 10M\n5 repeat\n6 1M\n", 3);
	is_wrong_in("0 10M\n7\n", 2);
	is_wrong_in("3\n2\n", 2);
	is_wrong_in("3\n4 5M\n", 2);
	cr_assert(ne(ptr, (void *)trace_parse(&trace, "# nothing\n", &line), NULL));
	cr_assert(ne(ptr, (void *)trace_read(&trace, "/nonexistent/trace", &line), NULL));
	cr_assert(eq(uint, line, 0));
}
