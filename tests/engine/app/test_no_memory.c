/* SPDX-License-Identifier: MIT */
/* Bytes for which there is no memory when they arrive: no later event would report them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/app/app_side.h"
#include "engine/carrier/tcp.h"
#include "engine/loop/loop.h"
#include "proto/pair.h"

static struct rudp_engine engine;
static struct pair pair;
static struct rudp_app *app;
static int program;
static bool kernel_has_none;

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	if (!kernel_has_none)
		return __real_send(fd, data, len, flags);
	errno = ENOBUFS;
	return -1;
}

/* Like a program's socket after accept: the sentinel is there and stays unread. */
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
	cr_assert(eq(sz, (size_t)send(program, "s", 1, 0), 1));
	app->stage = RUDP_APP_OPEN;
	app->unread_tail = 1;
}

static void teardown(void)
{
	close(program);
	rudp_engine_fini(&engine);
}

TestSuite(no_memory, .init = setup, .fini = teardown);

/* Lets time pass until the engine's next deadline. */
static void wait_for_engine(void)
{
	int64_t at_ns = rudp_housekeeping_deadline_ns(&engine);

	cr_assert(le(i64, at_ns - engine.now_at_ns, RUDP_RETRY_NS));
	engine.now_at_ns = rudp_time_max(at_ns, engine.now_at_ns);
	rudp_housekeeping(&engine);
}

static void use_protocol(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	engine.now_at_ns = engine.housekeeping_at_ns = pair.now_ns;
	rudp_app_take_conn(app, pair.conn[0]);
}

static void leave_protocol(void)
{
	app->carrier = (struct rudp_carrier){0};
	rudp_app_free(&engine, app);
	pair_fini(&pair);
}

Test(no_memory, bytes_of_the_program_wait_for_memory)
{
	use_protocol();
	cr_assert(eq(sz, (size_t)send(program, "word", 4, 0), 4));
	fault_deny(true);
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	fault_deny(false);
	pair_run(&pair, RUDP_NS_PER_MS);
	cr_assert(zero(sz, rudp_conn_receive_available(pair.conn[1])));
	wait_for_engine();
	pair_run(&pair, RUDP_NS_PER_MS);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 4));
	cr_assert(eq(i64, engine.retry_at_ns, RUDP_NEVER), "once is enough");
	leave_protocol();
}

Test(no_memory, the_engine_retries_until_there_is_memory)
{
	use_protocol();
	cr_assert(eq(sz, (size_t)send(program, "word", 4, 0), 4));
	fault_deny(true);
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	for (int i = 0; i < 5; i++) {
		wait_for_engine();
		cr_assert(zero(uint, pair_stats(&pair, 0).unacked_bytes > 0));
	}
	fault_deny(false);
	wait_for_engine();
	pair_run(&pair, RUDP_NS_PER_MS);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 4));
	leave_protocol();
}

Test(no_memory, a_freed_app_is_not_retried)
{
	use_protocol();
	cr_assert(eq(sz, (size_t)send(program, "word", 4, 0), 4));
	fault_deny(true);
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	fault_deny(false);
	leave_protocol();
	engine.now_at_ns += RUDP_RETRY_NS;
	rudp_housekeeping(&engine);
	cr_assert(eq(i64, engine.retry_at_ns, RUDP_NEVER));
}

/* A kernel TCP connection. Returns the peer's socket. */
static int connect_relay(void)
{
	struct rudp_addr addr;
	socklen_t len = sizeof addr.in4;
	int listener = socket(AF_INET, SOCK_STREAM, 0), peer = socket(AF_INET, SOCK_STREAM, 0), fd;

	cr_assert(zero(int, rudp_addr_parse(&addr, "127.0.0.1:0")));
	cr_assert(zero(int, bind(listener, &addr.sa, sizeof addr.in4)));
	cr_assert(zero(int, listen(listener, 1)));
	cr_assert(zero(int, getsockname(listener, &addr.sa, &len)));
	cr_assert(zero(int, connect(peer, &addr.sa, len)));
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	cr_assert(ge(int, fd, 0));
	close(listener);
	app->carrier.tcp = rudp_tcp_adopt(&engine, app->id, fd);
	cr_assert(not(zero(ptr, app->carrier.tcp)));
	app->carrier.by_tcp = true;
	engine.housekeeping_at_ns = engine.now_at_ns;
	return peer;
}

Test(no_memory, bytes_from_kernel_tcp_wait_for_memory)
{
	int peer = connect_relay();
	char word[8];

	cr_assert(eq(sz, (size_t)send(peer, "word", 4, 0), 4));
	fault_deny(true);
	rudp_tcp_on_event(&engine, app->carrier.tcp, EPOLLIN | EPOLLOUT);
	fault_deny(false);
	cr_assert(eq(int, (int)recv(program, word, sizeof word, MSG_DONTWAIT), -1));
	wait_for_engine();
	cr_assert(eq(sz, (size_t)recv(program, word, sizeof word, MSG_DONTWAIT), 4));
	rudp_app_free(&engine, app);
	close(peer);
}

Test(no_memory, bytes_to_kernel_tcp_wait_for_memory)
{
	int peer = connect_relay();
	char word[8];

	cr_assert(eq(sz, (size_t)send(program, "word", 4, 0), 4));
	fault_deny(true);
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	fault_deny(false);
	wait_for_engine();
	rudp_tcp_flush_all(&engine);
	cr_assert(eq(sz, (size_t)recv(peer, word, sizeof word, 0), 4));
	rudp_app_free(&engine, app);
	close(peer);
}

Test(no_memory, bytes_of_the_peer_wait_for_memory_of_the_kernel)
{
	char word[8];

	use_protocol();
	rudp_conn_write(pair.conn[1], "word", 4, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_MS);
	engine.now_at_ns = pair.now_ns;
	kernel_has_none = true;
	rudp_app_on_conn(&engine, app, pair_events(&pair, 0));
	for (int i = 0; i < 3; i++)
		wait_for_engine();
	kernel_has_none = false;
	cr_assert(eq(int, (int)recv(program, word, sizeof word, MSG_DONTWAIT), -1));
	wait_for_engine();
	cr_assert(eq(int, (int)recv(program, word, sizeof word, MSG_DONTWAIT), 4));
	cr_assert(eq(i64, engine.retry_at_ns, RUDP_NEVER));
	leave_protocol();
}

Test(no_memory, bytes_before_a_reset_wait_for_memory_too)
{
	char word[8];

	use_protocol();
	rudp_conn_write(pair.conn[1], "word", 4, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_MS);
	rudp_conn_reset(pair.conn[1], RUDP_RESET_APPLICATION, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_MS);
	engine.now_at_ns = pair.now_ns;
	kernel_has_none = true;
	rudp_app_on_conn(&engine, app, pair_events(&pair, 0));
	kernel_has_none = false;
	cr_assert(eq(int, (int)recv(program, word, sizeof word, MSG_DONTWAIT), -1));
	wait_for_engine();
	cr_assert(eq(int, (int)recv(program, word, sizeof word, MSG_DONTWAIT), 4));
	cr_assert(eq(int, (int)recv(program, word, sizeof word, MSG_DONTWAIT), -1));
	cr_assert(eq(int, errno, ECONNRESET));
	pair_fini(&pair);
}
