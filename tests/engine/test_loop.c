/* SPDX-License-Identifier: MIT */
/* When the engine looks on instead of sleeping at once. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/app_side.h"
#include "engine/engine.h"
#include "engine/loop.h"

static struct rudp_engine engine;

static void setup(void)
{
	static struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	engine.has_processors = true;
	engine.now_at_ns += RUDP_NS_PER_S;
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(loop, .init = setup, .fini = teardown);

static struct rudp_app *connection(void)
{
	static const struct rudp_sock_options options;
	static const struct rudp_addr nowhere = {.family = AF_INET};
	struct rudp_app *app = rudp_app_new(&engine, &options, &nowhere, &nowhere);

	cr_assert(not(zero(ptr, app)));
	return app;
}

Test(loop, an_engine_at_rest_sleeps_at_once)
{
	cr_assert(zero(i64, rudp_engine_look_on_ns(&engine)));
}

Test(loop, it_looks_on_while_connections_come)
{
	connection();
	cr_assert(eq(i64, rudp_engine_look_on_ns(&engine), RUDP_LOOK_ON_NS));
	engine.now_at_ns += RUDP_BRISK_NS;
	cr_assert(zero(i64, rudp_engine_look_on_ns(&engine)));
}

Test(loop, it_looks_on_while_connections_go)
{
	struct rudp_app *app = connection();

	engine.now_at_ns += RUDP_NS_PER_S;
	rudp_app_free(&engine, app);
	cr_assert(eq(i64, rudp_engine_look_on_ns(&engine), RUDP_LOOK_ON_NS));
	engine.now_at_ns += RUDP_BRISK_NS;
	cr_assert(zero(i64, rudp_engine_look_on_ns(&engine)));
}

Test(loop, with_one_processor_the_programs_could_not_go_on)
{
	engine.has_processors = false;
	connection();
	cr_assert(zero(i64, rudp_engine_look_on_ns(&engine)));
}

Test(loop, a_longer_setting_holds)
{
	engine.settings.busy_poll_ns = 10 * RUDP_LOOK_ON_NS;
	connection();
	cr_assert(eq(i64, rudp_engine_look_on_ns(&engine), 10 * RUDP_LOOK_ON_NS));
	engine.settings.busy_poll_ns = RUDP_LOOK_ON_NS / 10;
	cr_assert(eq(i64, rudp_engine_look_on_ns(&engine), RUDP_LOOK_ON_NS));
	engine.now_at_ns += RUDP_BRISK_NS;
	cr_assert(eq(i64, rudp_engine_look_on_ns(&engine), RUDP_LOOK_ON_NS / 10));
}
