/* SPDX-License-Identifier: MIT */
/*
 * Which events the program's end raises at the engine's end (only useful ones), and how bytes are
 * read.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/app/app_side.h"
#include "engine/loop/engine.h"
#include "engine/running_engine.h"
#include "proto/pair.h"

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

/* The events that epoll reports for the engine's end, or 0. */
static uint32_t raised_events(void)
{
	struct epoll_event event;

	return epoll_wait(engine.epoll_fd, &event, 1, 0) == 1 ? event.events : 0;
}

static void deliver_to_program(void)
{
	cr_assert(eq(sz, (size_t)send(app->fd, "word", 4, 0), 4));
}

static void read_by_program(void)
{
	char word[4];

	cr_assert(eq(sz, (size_t)recv(program, word, sizeof word, 0), sizeof word));
}

Test(app_side, a_read_by_the_program_raises_no_event)
{
	deliver_to_program();
	read_by_program();
	cr_assert(zero(u32, raised_events()));
}

Test(app_side, a_read_raises_an_event_if_the_engine_waits_for_it)
{
	deliver_to_program();
	rudp_app_await_reading(&engine, app);
	cr_assert(eq(u32, raised_events(), EPOLLOUT), "there is room already");
	read_by_program();
	cr_assert(eq(u32, raised_events(), EPOLLOUT));
	cr_assert(zero(u32, raised_events()), "an edge, once");
}

Test(app_side, a_read_before_the_engine_waits_raises_an_event_too)
{
	deliver_to_program();
	read_by_program();
	rudp_app_await_reading(&engine, app);
	cr_assert(eq(u32, raised_events(), EPOLLOUT));
}

Test(app_side, a_write_by_the_program_raises_only_epollin)
{
	cr_assert(eq(sz, (size_t)send(program, "word", 4, 0), 4));
	cr_assert(eq(u32, raised_events(), EPOLLIN));
}

/* The peer has received exactly this word. */
static void expect_word(struct rudp_conn *peer, const char *word)
{
	size_t len = 0;
	char got[64];
	struct iovec iov[2];
	int count = rudp_conn_receive_readable(peer, iov);

	for (int i = 0; i < count; i++) {
		cr_assert(lt(sz, len + iov[i].iov_len, sizeof got));
		memcpy(got + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	got[len] = '\0';
	cr_assert(eq(str, got, (char *)word));
}

/* Together they are several times the initial send buffer, so some wrap around its end. */
Test(app_side, short_words_arrive_whole_at_any_place_of_the_buffer)
{
	static struct pair pair;
	char word[64];

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_app_take_conn(app, pair.conn[0]);
	app->stage = RUDP_APP_OPEN;
	cr_assert(eq(sz, (size_t)send(program, "s", 1, 0), 1)); /* the sentinel */
	app->unread_tail = 1;
	for (unsigned i = 0; i < 5000; i++) {
		size_t len = (size_t)snprintf(word, sizeof word, "%0*u", 41 + (int)(i % 20), i);

		cr_assert(eq(sz, (size_t)send(program, word, len, 0), len));
		app->may_read = true;
		engine.now_at_ns = pair.now_ns;
		cr_assert(not(rudp_app_drain(&engine, app)));
		pair_run(&pair, RUDP_NS_PER_US);
		expect_word(pair.conn[1], word);
		rudp_conn_receive_consume(pair.conn[1], strlen(word), pair.now_ns);
	}
	app->carrier = (struct rudp_carrier){0};
	pair_fini(&pair);
}

static struct pair pair;

static void open_over_protocol(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_app_take_conn(app, pair.conn[0]);
	app->stage = RUDP_APP_OPEN;
	cr_assert(eq(sz, (size_t)send(program, "s", 1, 0), 1)); /* the sentinel */
	app->unread_tail = 1;
	engine.now_at_ns = pair.now_ns;
}

static void close_over_protocol(void)
{
	app->carrier = (struct rudp_carrier){0};
	pair_fini(&pair);
}

static void expect_all(const char *words)
{
	pair_run(&pair, RUDP_NS_PER_MS);
	engine.now_at_ns = pair.now_ns;
	expect_word(pair.conn[1], words);
}

/* TCP ignores descriptors in messages; an AF_UNIX socket stops reading after them. */
Test(app_side, words_behind_descriptors_are_read_one_by_one)
{
	char words[64] = "";

	open_over_protocol();
	for (int i = 0; i < 6; i++) {
		if (i % 2)
			send_raw(program, "word", 4, &program, 1);
		else
			cr_assert(eq(sz, (size_t)send(program, "more", 4, 0), 4));
		memcpy(words + 4 * i, i % 2 ? "word" : "more", 5);
		rudp_app_on_epoll(&engine, app, EPOLLIN);
		expect_all(words);
	}
	close_over_protocol();
}

Test(app_side, words_behind_descriptors_are_read_together)
{
	open_over_protocol();
	send_raw(program, "a", 1, &program, 1);
	send_raw(program, "word", 4, &program, 1);
	cr_assert(eq(sz, (size_t)send(program, "more", 4, 0), 4));
	send_raw(program, "b", 1, &program, 1);
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	expect_all("awordmoreb");
	cr_assert(eq(sz, (size_t)send(program, "end", 3, 0), 3));
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	expect_all("awordmorebend");
	close_over_protocol();
}

Test(app_side, words_behind_descriptors_are_read_to_the_end)
{
	open_over_protocol();
	cr_assert(eq(sz, (size_t)send(program, "more", 4, 0), 4));
	send_raw(program, "word", 4, &program, 1);
	cr_assert(eq(sz, (size_t)send(program, "end", 3, 0), 3));
	shutdown(program, SHUT_RDWR);
	rudp_app_on_epoll(&engine, app, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	expect_all("morewordend");
	cr_assert(rudp_conn_receive_available(pair.conn[1]) == 11);
	app = rudp_app_new(&engine, &(struct rudp_sock_options){0}, &pair.addr[0], &pair.addr[0]);
	pair_fini(&pair);
}

/* The program may belong to another user. */
Test(app_side, a_descriptor_in_the_stream_does_not_block_the_engine, .timeout = 20)
{
	int fd = lingering();

	open_over_protocol();
	send_raw(program, "word", 4, &fd, 1);
	close(fd);
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	cr_assert(eq(sz, (size_t)send(program, "more", 4, 0), 4));
	rudp_app_on_epoll(&engine, app, EPOLLIN);
	expect_all("wordmore");
	close_over_protocol();
}

static void pass_time(int64_t ns, bool carries)
{
	if (carries)
		pair_run(&pair, ns);
	else
		pair_wait(&pair, ns);
	pair_drop(&pair);
	engine.now_at_ns = pair.now_ns;
	rudp_app_retry_all(&engine);
}

/* The program has filled all buffers, and closes with input unread. carries: the network does. */
static void abort_with_full_buffers(bool carries)
{
	static const char block[16384];

	open_over_protocol();
	deliver_to_program();
	while (send(program, block, sizeof block, 0) > 0) {
		rudp_app_on_epoll(&engine, app, EPOLLIN);
		pass_time(50 * RUDP_NS_PER_MS, carries);
	}
	close(program);
	rudp_app_on_epoll(&engine, app, EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
}

static void expect_reset_within(int64_t ns, bool carries)
{
	pass_time(ns, carries);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_RESET_SENT));
	program = -1;
	app = rudp_app_new(&engine, &(struct rudp_sock_options){0}, &pair.addr[0], &pair.addr[0]);
	pair_fini(&pair);
}

Test(app_side, what_is_left_after_an_abort_waits_a_second_for_a_reader)
{
	abort_with_full_buffers(true);
	pass_time(RUDP_NO_READER_NS - 100 * RUDP_NS_PER_MS, true);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	expect_reset_within(200 * RUDP_NS_PER_MS, true);
}

Test(app_side, what_is_left_after_an_abort_waits_a_minute_for_the_network)
{
	abort_with_full_buffers(false);
	for (int i = 0; i < 59; i++)
		pass_time(RUDP_NS_PER_S, false);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	expect_reset_within(2 * RUDP_NS_PER_S, false);
}

/* The peer's host answers all the time. */
Test(app_side, what_is_left_after_a_close_does_not_wait_for_ever_for_a_reader)
{
	static const char block[16384];

	open_over_protocol();
	while (send(program, block, sizeof block, 0) > 0) {
		rudp_app_on_epoll(&engine, app, EPOLLIN);
		pass_time(50 * RUDP_NS_PER_MS, true);
	}
	close(program);
	program = -1;
	rudp_app_on_epoll(&engine, app, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	pass_time(RUDP_ORPHAN_NS - RUDP_NS_PER_S, true);
	cr_assert(zero(int, rudp_conn_error(pair.conn[0])));
	pass_time(30 * RUDP_NS_PER_S, true); /* probes of the window are 25 s apart */
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ETIMEDOUT));
	rudp_app_on_conn(&engine, app, RUDP_EVENT_FAILED);
	cr_assert(zero(uint, engine.app_count));
	app = rudp_app_new(&engine, &(struct rudp_sock_options){0}, &pair.addr[0], &pair.addr[0]);
	pair_fini(&pair);
}

/* SOCK_SEQPACKET refuses urgent bytes, like SOCK_STREAM without CONFIG_AF_UNIX_OOB. */
Test(app_side, an_urgent_byte_that_the_kernel_does_not_know_is_delivered)
{
	char word[8];
	int ends[2];

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends)));
	cr_assert(eq(int, dup2(ends[0], app->fd), app->fd));
	rudp_app_take_conn(app, pair.conn[0]);
	app->stage = RUDP_APP_OPEN;
	rudp_conn_write(pair.conn[1], "u", 1, pair.now_ns);
	rudp_conn_mark_urgent(pair.conn[1]);
	rudp_conn_write(pair.conn[1], "word", 4, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_MS);
	engine.now_at_ns = pair.now_ns;
	rudp_app_deliver(&engine, app);
	cr_assert(eq(sz, (size_t)recv(ends[1], word, sizeof word, 0), 1));
	cr_assert(eq(sz, (size_t)recv(ends[1], word, sizeof word, 0), 4));
	app->carrier = (struct rudp_carrier){0};
	close(ends[0]);
	close(ends[1]);
	pair_fini(&pair);
}

/* A blocking sendfile() would wait for the engine itself to read. */
Test(app_side, a_blocking_descriptor_is_gated_without_waiting, .timeout = 20)
{
	struct pollfd one = {.fd = program, .events = POLLOUT};
	int bytes = 1;

	cr_assert(zero(int, fcntl(program, F_SETFL, 0)));
	cr_assert(zero(int, setsockopt(program, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes)));
	cr_assert(zero(int, rudp_app_connect_gate(app, program, false)));
	cr_assert(ne(u32, app->gate_bytes, 0));
	cr_assert(zero(int, poll(&one, 1, 0)));
	rudp_app_open_gate(&engine, app);
	cr_assert(eq(int, poll(&one, 1, 0), 1));
	cr_assert(eq(int, (int)send(program, "", 1, MSG_DONTWAIT), 1));
}

Test(app_side, a_large_buffer_of_a_blocking_descriptor_is_gated)
{
	struct pollfd one = {.fd = program, .events = POLLOUT};
	int bytes = 1 << 20, has = 0;
	socklen_t len = sizeof has;

	/* The kernel doubles the value, and limits it without a privilege: read back what it is. */
	cr_assert(zero(int, fcntl(program, F_SETFL, 0)));
	for (; bytes <= 16 << 20; bytes *= 2) {
		if (setsockopt(program, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
			setsockopt(program, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
		cr_assert(zero(int, getsockopt(program, SOL_SOCKET, SO_SNDBUF, &has, &len)));
		cr_assert(zero(int, rudp_app_connect_gate(app, program, false)), "of %d bytes",
			  has);
		cr_assert(zero(int, poll(&one, 1, 0)));
		rudp_app_open_gate(&engine, app);
	}
}

/*
 * Another user who connects to the name of a connection has no part in it, and cannot block the
 * engine.
 */
Test(app_side, another_user_at_the_join_does_not_block_the_engine, .timeout = 20)
{
	struct sockaddr_un un;
	socklen_t len = rudp_app_name(&engine, app, &un);
	struct timeval before = {3, 0}, after = {0};
	socklen_t after_len = sizeof after;
	int fd = lingering(), stranger = socket(AF_UNIX, SOCK_STREAM, 0);
	int joins = socket(AF_UNIX, SOCK_STREAM, 0), first = app->fd;

	setsockopt(joins, SOL_SOCKET, SO_SNDTIMEO, &before, sizeof before);
	cr_assert(zero(int, rudp_app_join_begin(&engine, app, joins)));
	getsockopt(joins, SOL_SOCKET, SO_SNDTIMEO, &after, &after_len);
	cr_assert(eq(long, after.tv_sec, 3), "the program's own limit stays");
	cr_assert(zero(int, connect(stranger, (struct sockaddr *)&un, len)));
	send_raw(stranger, "x", 1, &fd, 1);
	close(fd);
	close(stranger);
	cr_assert(zero(int, rudp_app_join_end(&engine, app)));
	rudp_closer_all(&engine.closer);
	close(first);
	close(joins);
}
