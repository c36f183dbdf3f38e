/* SPDX-License-Identifier: MIT */
/* Who says whether the engine looks or sleeps at once: the setting, else busy_poll.h. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/loop/engine.h"
#include "engine/loop/loop.h"

static struct rudp_engine engine;

static void setup(void)
{
	static struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	rudp_busy_poll_init(&engine.busy_poll, true, 0);
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(loop, .init = setup, .fini = teardown);

static void sleep_shortly(void)
{
	for (int i = 0; i < RUDP_BUSY_POLL_FIRST; i++)
		rudp_busy_poll_on_woken(&engine.busy_poll, 20 * RUDP_NS_PER_US);
}

Test(loop, an_engine_at_rest_sleeps_at_once)
{
	cr_assert(zero(i64, rudp_engine_busy_poll_ns(&engine)));
}

Test(loop, it_looks_where_sleeps_were_short)
{
	sleep_shortly();
	cr_assert(eq(i64, rudp_engine_busy_poll_ns(&engine), RUDP_BUSY_POLL_NS));
}

Test(loop, what_is_set_holds)
{
	engine.settings.has_busy_poll = true;
	engine.settings.busy_poll_ns = 10 * RUDP_BUSY_POLL_NS;
	cr_assert(eq(i64, rudp_engine_busy_poll_ns(&engine), 10 * RUDP_BUSY_POLL_NS));
}

Test(loop, set_to_nothing_it_never_looks)
{
	engine.settings.has_busy_poll = true;
	sleep_shortly();
	cr_assert(zero(i64, rudp_engine_busy_poll_ns(&engine)));
}
