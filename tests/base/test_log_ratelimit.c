/* SPDX-License-Identifier: MIT */
/* Tests that peers cannot fill the log. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/log_ratelimit.h"
#include "base/log.h"

static unsigned lines;
static char last[128];

static void count_line(void *context, enum rudp_log_level level, const char *text)
{
	(void)context;
	(void)level;
	lines++;
	strncpy(last, text, sizeof last - 1);
}

static void setup(void)
{
	rudp_log_set(count_line, NULL, RUDP_LOG_WARN);
}

TestSuite(ratelimit, .init = setup);

static unsigned allowed(struct rudp_log_ratelimit *ratelimit, unsigned tries, int64_t now_at_ns)
{
	unsigned count = 0;

	while (tries-- > 0)
		count += rudp_log_ratelimit_allows(ratelimit, now_at_ns);
	return count;
}

Test(ratelimit, a_few_lines_are_allowed_and_the_rest_is_counted)
{
	struct rudp_log_ratelimit ratelimit = {0};
	int64_t now_at_ns = 5000 * RUDP_NS_PER_S;

	cr_assert(eq(uint, allowed(&ratelimit, 1000, now_at_ns), RUDP_LOG_RATELIMIT_MAX));
	cr_assert(zero(uint, allowed(&ratelimit, 1, now_at_ns + RUDP_LOG_RATELIMIT_SPAN_NS - 1)));
	cr_assert(zero(uint, lines));
	cr_assert(eq(uint, allowed(&ratelimit, 1, now_at_ns + RUDP_LOG_RATELIMIT_SPAN_NS), 1));
	cr_assert(eq(uint, lines, 1));
	cr_assert(eq(str, last, "991 more log lines caused by peers were suppressed"));
}

Test(ratelimit, without_suppressed_lines_nothing_is_logged)
{
	struct rudp_log_ratelimit ratelimit = {0};

	for (int64_t i = 0; i < 100; i++)
		cr_assert(eq(
			uint,
			allowed(&ratelimit, RUDP_LOG_RATELIMIT_MAX, i * RUDP_LOG_RATELIMIT_SPAN_NS),
			RUDP_LOG_RATELIMIT_MAX));
	cr_assert(zero(uint, lines));
}
