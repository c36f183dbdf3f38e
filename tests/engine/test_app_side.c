/* SPDX-License-Identifier: MIT */
/* What the program's end raises at ours: nothing that has no use. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/app_side.h"
#include "engine/engine.h"

static struct rudp_engine engine;
static struct rudp_app *app;
static int program;

static void setup(void)
{
	static struct rudp_settings settings;
	static const struct rudp_sock_options options;
	static const struct rudp_addr nowhere = {.family = AF_INET};
	int ends[2];

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)));
	program = ends[1];
	app = rudp_app_new(&engine, &options, &nowhere, &nowhere);
	cr_assert(not(zero(ptr, app)));
	cr_assert(zero(int, rudp_app_attach(&engine, app, ends[0])));
}

static void teardown(void)
{
	close(program);
	rudp_app_free(&engine, app);
	rudp_engine_fini(&engine);
}

TestSuite(app_side, .init = setup, .fini = teardown);

/* What epoll has to say of our end, or 0. */
static uint32_t raised(void)
{
	struct epoll_event event;

	return epoll_wait(engine.epoll_fd, &event, 1, 0) == 1 ? event.events : 0;
}

static void give(void)
{
	cr_assert(eq(sz, (size_t)send(app->fd, "word", 4, 0), 4));
}

static void read_by_program(void)
{
	char word[4];

	cr_assert(eq(sz, (size_t)recv(program, word, sizeof word, 0), sizeof word));
}

Test(app_side, a_read_by_the_program_wakes_nobody)
{
	give();
	read_by_program();
	cr_assert(zero(u32, raised()));
}

Test(app_side, a_read_is_told_to_who_waits_for_it)
{
	give();
	rudp_app_await_reading(&engine, app);
	cr_assert(eq(u32, raised(), EPOLLOUT), "there is room already");
	read_by_program();
	cr_assert(eq(u32, raised(), EPOLLOUT));
	cr_assert(zero(u32, raised()), "an edge, once");
}

Test(app_side, a_read_before_somebody_waits_is_told_as_well)
{
	give();
	read_by_program();
	rudp_app_await_reading(&engine, app);
	cr_assert(eq(u32, raised(), EPOLLOUT));
}

Test(app_side, what_the_program_writes_is_told_alone)
{
	cr_assert(eq(sz, (size_t)send(program, "word", 4, 0), 4));
	cr_assert(eq(u32, raised(), EPOLLIN));
}
