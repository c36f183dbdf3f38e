/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/trace/failures.h"

TestSuite(failures);

static struct rudp_failures failures;

static struct rudp_failure of_program(const char *to, enum rudp_failure_cause cause)
{
	struct rudp_failure failure = {
		.cause = cause, .error = ETIMEDOUT, .pid = 7, .program = "curl"};

	cr_assert(zero(int, rudp_addr_parse(&failure.remote, to)));
	return failure;
}

static struct rudp_failure of_peer(const char *from)
{
	struct rudp_failure failure = of_program(from, RUDP_FAILURE_KEY_OF_PEER);

	failure.pid = 0;
	failure.error = 0;
	cr_assert(zero(int, rudp_addr_parse(&failure.local, "192.0.2.9:22")));
	return failure;
}

static void add(struct rudp_failure failure)
{
	rudp_failures_add(&failures, &failure);
}

static unsigned count_all(void)
{
	const struct rudp_failure *at = NULL;
	unsigned count = 0;

	while ((at = rudp_failures_next(&failures, at ? at->number : 0)))
		count++;
	return count;
}

Test(failures, one_that_repeats_itself_is_one_entry_and_the_newest)
{
	const struct rudp_failure *first, *second;
	char text[RUDP_ADDR_TEXT_SIZE];

	add(of_program("192.0.2.1:80", RUDP_FAILURE_SILENT));
	add(of_program("192.0.2.2:80", RUDP_FAILURE_SILENT));
	add(of_program("192.0.2.1:80", RUDP_FAILURE_SILENT));
	first = rudp_failures_next(&failures, 0);
	second = rudp_failures_next(&failures, first->number);
	cr_assert(eq(u32, first->count, 1));
	cr_assert(eq(u32, second->count, 2));
	cr_assert(eq(str, rudp_addr_format(&second->remote, text), "192.0.2.1:80"));
	cr_assert(eq(ptr, (void *)rudp_failures_next(&failures, second->number), NULL));
	cr_assert(eq(u64, failures.counts[RUDP_FAILURE_SILENT], 3));
}

Test(failures, another_cause_port_or_program_is_another_entry)
{
	struct rudp_failure other = of_program("192.0.2.1:80", RUDP_FAILURE_SILENT);

	add(other);
	add(of_program("192.0.2.1:80", RUDP_FAILURE_KEY));
	add(of_program("192.0.2.1:81", RUDP_FAILURE_SILENT));
	strcpy(other.program, "ssh");
	add(other);
	cr_assert(eq(uint, count_all(), 4));
}

Test(failures, a_peer_is_one_entry_whatever_ports_it_comes_from)
{
	add(of_peer("192.0.2.1:1024"));
	add(of_peer("192.0.2.1:1025"));
	add(of_peer("192.0.2.2:1025"));
	cr_assert(eq(uint, count_all(), 2));
}

Test(failures, the_oldest_makes_room_and_peers_displace_no_program)
{
	const struct rudp_failure *first;
	char text[RUDP_ADDR_TEXT_SIZE];

	add(of_program("192.0.2.1:80", RUDP_FAILURE_KEY));
	for (unsigned i = 0; i <= RUDP_FAILURES_MAX; i++) {
		snprintf(text, sizeof text, "198.51.100.%u:80", i);
		add(of_peer(text));
	}
	cr_assert(eq(uint, count_all(), RUDP_FAILURES_MAX + 1));
	first = rudp_failures_next(&failures, 0);
	cr_assert(eq(u32, first->pid, 7));
	first = rudp_failures_next(&failures, first->number);
	cr_assert(eq(str, rudp_addr_format(&first->remote, text), "198.51.100.1:80"));
}

Test(failures, an_errno_names_its_cause)
{
	cr_assert(eq(int, (int)rudp_failure_cause_of(EKEYREJECTED), RUDP_FAILURE_KEY));
	cr_assert(eq(int, (int)rudp_failure_cause_of(ETIMEDOUT), RUDP_FAILURE_SILENT));
	cr_assert(eq(int, (int)rudp_failure_cause_of(EPERM), RUDP_FAILURE_FILTERED));
	cr_assert(eq(int, (int)rudp_failure_cause_of(ENOMEM), RUDP_FAILURE_OTHER));
}

Test(failures, a_host_is_forgotten_and_the_counts_stay)
{
	struct rudp_failure failure = of_program("192.0.2.1:9", RUDP_FAILURE_SILENT);

	add(of_program("192.0.2.1:80", RUDP_FAILURE_SILENT));
	add(of_program("192.0.2.1:81", RUDP_FAILURE_KEY));
	add(of_program("192.0.2.2:80", RUDP_FAILURE_SILENT));
	add(of_peer("192.0.2.1:1024"));
	cr_assert(eq(uint, rudp_failures_forget_host(&failures, &failure.remote), 3));
	cr_assert(eq(uint, count_all(), 1));
	cr_assert(zero(uint, rudp_failures_forget_host(&failures, &failure.remote)));
	cr_assert(eq(u64, failures.counts[RUDP_FAILURE_SILENT], 2));
	add(of_program("192.0.2.1:80", RUDP_FAILURE_SILENT)); /* the places are free again */
	cr_assert(eq(uint, rudp_failures_forget_host(&failures, NULL), 2));
	cr_assert(zero(uint, count_all()));
}
