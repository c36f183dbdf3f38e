/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/trace/drop_log.h"

static unsigned lines;
static char last[512];

static void catch (void *context, enum rudp_log_level level, const char *text)
{
	(void)context;
	(void)level;
	lines++;
	snprintf(last, sizeof last, "%s", text);
}

Test(drop_log, each_cause_is_logged_at_intervals_and_the_rest_at_the_end)
{
	struct rudp_drop_log drop_log = {.next_at_ns = 0};
	struct rudp_verdict_counts counts = {{0}};

	rudp_log_set(catch, NULL, RUDP_LOG_INFO);
	counts.count[RUDP_VERDICT_OK] = 5;
	counts.count[RUDP_VERDICT_DUPLICATE_SYN] = 5;
	rudp_drop_log_report(&drop_log, &counts, 1);
	cr_assert(eq(uint, lines, 0));
	counts.count[RUDP_VERDICT_REPLAYED] = 3;
	rudp_drop_log_report(&drop_log, &counts, 2);
	cr_assert(eq(uint, lines, 1));
	cr_assert(ne(ptr, strstr(last, "dropped 3 datagrams (3 in all), REPLAYED"), NULL));
	counts.count[RUDP_VERDICT_REPLAYED] = 10;
	rudp_drop_log_report(&drop_log, &counts, 3);
	cr_assert(eq(uint, lines, 1), "told twice within ten seconds");
	rudp_drop_log_report(&drop_log, &counts, RUDP_NEVER);
	cr_assert(eq(uint, lines, 2));
	cr_assert(ne(ptr, strstr(last, "dropped 7 datagrams (10 in all), REPLAYED"), NULL));
}

Test(drop_log, nothing_is_forgotten_while_the_log_is_off)
{
	struct rudp_drop_log drop_log = {.next_at_ns = 0};
	struct rudp_verdict_counts counts = {{0}};

	rudp_log_set(NULL, NULL, RUDP_LOG_OFF);
	counts.count[RUDP_VERDICT_BAD_TYPE] = 1;
	rudp_drop_log_report(&drop_log, &counts, 1);
	rudp_log_set(catch, NULL, RUDP_LOG_INFO);
	rudp_drop_log_report(&drop_log, &counts, 2);
	cr_assert(eq(uint, lines, 1));
}
