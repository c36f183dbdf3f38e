/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/time.h"
#include "conversation/model/commands.h"
#include "conversation/model/flood.h"

static uint32_t penalty(const char *line)
{
	return apo_flood_penalty_ms(line, strlen(line));
}

Test(flood, a_line_costs_its_command_and_its_length)
{
	cr_assert(eq(u32, penalty("PRIVMSG #a x"), 500 + 6));
	cr_assert(eq(u32, penalty("@a=b :src  privmsg #a x"), 500 + 11));
	cr_assert(eq(u32, penalty("WHO"), 2000 + 1));
	cr_assert(eq(u32, penalty("NONSENSE"), 500 + 4));
	cr_assert(eq(u32, penalty("OVERLONGCOMMANDNAME x"), 500 + 10));
	cr_assert(eq(u32, penalty(""), 20));
	cr_assert(eq(u32, penalty(" "), 500));
	cr_assert(eq(u32, penalty("@tags"), 500 + 2));
	cr_assert(eq(u32, penalty("QUIT :so long"), 100 + 6));
}

/* Even a refused DIE is answered each time. */
Test(flood, no_command_is_free)
{
	unsigned i;

	for (i = 0; i < apo_command_count; i++)
		cr_assert(ge(u32, apo_commands[i].penalty_ms, 1), "%s", apo_commands[i].name);
	cr_assert(eq(u32, penalty("DIE"), 500 + 1));
	cr_assert(eq(u32, penalty("@a @b QUIT"), 100 + 5));
}

Test(flood, lines_of_a_batch_cost_less)
{
	cr_assert(eq(u32, penalty("@batch=1 PRIVMSG #a :x"), 100 + 11));
	cr_assert(eq(u32, penalty("@x=y;batch=1;z PRIVMSG #a :x"), 100 + 14));
	cr_assert(eq(u32, penalty("@xbatch=1 PRIVMSG #a :x"), 500 + 11));
	cr_assert(eq(u32, penalty("@x PRIVMSG #a :;batch=1"), 500 + 11));
	cr_assert(eq(u32, penalty("BATCH -1"), 1000 + 4));
	cr_assert(eq(u32, penalty("@"), 500));
}

Test(flood, a_burst_passes_and_then_the_clock_decides)
{
	struct apo_flood flood = {0};
	int64_t now_ns = 100 * RUDP_NS_PER_S;
	int lines = 0;

	while (apo_flood_ready_at_ns(&flood, 3000) <= now_ns) {
		apo_flood_pay(&flood, 1000, now_ns);
		lines++;
	}
	cr_assert(eq(int, lines, 4));
	cr_assert(eq(i64, apo_flood_ready_at_ns(&flood, 3000), now_ns + RUDP_NS_PER_S));
	now_ns += RUDP_NS_PER_S;
	cr_assert(le(i64, apo_flood_ready_at_ns(&flood, 3000), now_ns));
	now_ns += 1000 * RUDP_NS_PER_S;
	apo_flood_pay(&flood, 1000, now_ns);
	cr_assert(eq(i64, apo_flood_ready_at_ns(&flood, 0), now_ns + RUDP_NS_PER_S));
}
