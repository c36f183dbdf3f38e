/* SPDX-License-Identifier: MIT */
/*
 * Calls that epoll does not watch: every request on them is seen, sooner or later, and they are
 * closed.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/control_client.h"
#include "engine/control/control.h"
#include "engine/loop/engine.h"
#include "engine/loop/loop.h"

static struct rudp_engine engine;

static void setup(void)
{
	static struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	engine.now_at_ns = RUDP_NS_PER_S;
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(calls_aside, .init = setup, .fini = teardown);

/* Connects as a program and waits. */
static int connect_as_program(void)
{
	struct rudp_control_call call;
	int fd;

	rudp_control_begin(&call, &engine.nonce, RUDP_CONTROL_HELLO, -1);
	fd = rudp_control_open(&call);
	cr_assert(ge(int, fd, 0));
	return fd;
}

static void open_control_listener(void)
{
	rudp_control_listener_on_event(
		&engine,
		RUDP_LIST_OWNER(engine.control_listeners.next, struct rudp_control_listener, link));
}

/* A call that was accepted and has sent no request yet. */
static int caller(void)
{
	int fd = connect_as_program();

	open_control_listener();
	return fd;
}

static struct rudp_call *first(void)
{
	return RUDP_LIST_OWNER(engine.calls.next, struct rudp_call, link);
}

/* Answers the first call as if its connect was pending, which does not close it. */
static void answer(void)
{
	struct rudp_control_reply reply = {.operation = RUDP_CONTROL_CONNECT};

	rudp_call_answer(&engine, first(), &reply);
}

/* Handles what epoll reports. Returns how many events. */
static int handle_events(void)
{
	struct epoll_event events[2 * RUDP_ASIDE_MAX];
	int count = epoll_wait(engine.epoll_fd, events, 2 * RUDP_ASIDE_MAX, 0);

	for (int i = 0; i < count; i++)
		if (rudp_call_find(&engine, events[i].data.u64))
			rudp_call_on_event(&engine, rudp_call_find(&engine, events[i].data.u64),
					   events[i].events);
	return count;
}

static void ask_list(int fd)
{
	struct rudp_control_request request = {.version = RUDP_CONTROL_VERSION,
					       .operation = RUDP_CONTROL_LIST};

	cr_assert(eq(sz, (size_t)send(fd, &request, sizeof request, 0), sizeof request));
}

static bool is_answered(int fd)
{
	struct rudp_control_reply reply;

	return recv(fd, &reply, sizeof reply, MSG_DONTWAIT) == (ssize_t)sizeof reply;
}

Test(calls_aside, callers_are_accepted_one_by_one_and_many_at_once)
{
	int fds[4];

	for (int i = 0; i < 4; i++)
		fds[i] = connect_as_program();
	engine.turns = 10;
	open_control_listener();
	cr_assert(eq(u32, engine.call_count, 1));
	engine.turns = 11;
	open_control_listener();
	cr_assert(eq(u32, engine.call_count, 4));
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void run_housekeeping(int64_t now_at_ns)
{
	engine.now_at_ns = engine.housekeeping_at_ns = now_at_ns;
	rudp_housekeeping(&engine);
}

Test(calls_aside, an_engine_that_ends_accepts_all_callers_that_wait)
{
	int fds[4];

	RUDP_LIST_OWNER(engine.control_listeners.next, struct rudp_control_listener, link)->kind =
		RUDP_CONTROL_LISTENER_WELL_KNOWN;
	run_housekeeping(RUDP_NS_PER_S);
	for (int i = 0; i < 4; i++)
		fds[i] = connect_as_program();
	run_housekeeping(RUDP_NS_PER_S + RUDP_IDLE_END_NS);
	cr_assert(eq(u32, engine.call_count + engine.unauthenticated_count, 4));
	cr_assert(not(engine.over));
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

Test(calls_aside, an_engine_does_not_end_between_short_connections)
{
	int64_t now_at_ns = RUDP_NS_PER_S;

	for (int i = 0; i < 10; i++) {
		engine.apps_made++; /* a connection opened and closed since the last check */
		run_housekeeping(now_at_ns += RUDP_NS_PER_S);
		cr_assert(not(engine.over));
	}
	for (int i = 0; i < 2; i++) {
		run_housekeeping(now_at_ns += RUDP_NS_PER_S);
		cr_assert(not(engine.over));
	}
	run_housekeeping(now_at_ns += RUDP_NS_PER_S);
	cr_assert(engine.over);
}

Test(calls_aside, a_late_request_is_found_by_polling)
{
	int fd = caller();

	cr_assert(eq(u32, engine.calls_aside_count, 1));
	cr_assert(not(rudp_calls_aside_serve(&engine)));
	ask_list(fd);
	cr_assert(rudp_calls_aside_serve(&engine));
	cr_assert(is_answered(fd));
	cr_assert(zero(u32, engine.call_count));
	cr_assert(zero(u32, engine.calls_aside_count));
	close(fd);
}

Test(calls_aside, before_a_sleep_epoll_gets_calls_without_a_request)
{
	int fd = caller();

	rudp_calls_aside_settle(&engine);
	cr_assert(zero(u32, engine.calls_aside_count));
	ask_list(fd);
	cr_assert(eq(int, handle_events(), 1));
	cr_assert(is_answered(fd));
	close(fd);
}

Test(calls_aside, an_answered_call_ends_when_its_caller_closes)
{
	int fd = caller();

	answer();
	cr_assert(not(rudp_calls_aside_serve(&engine)));
	cr_assert(is_answered(fd));
	close(fd);
	cr_assert(rudp_calls_aside_serve(&engine));
	cr_assert(zero(u32, engine.call_count));
}

static void send_with(int fd, const struct rudp_control_request *request, int passed)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof passed)] = {0};
	struct iovec iov = {(void *)request, sizeof *request};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof control};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof passed);
	memcpy(CMSG_DATA(cmsg), &passed, sizeof passed);
	cr_assert(eq(sz, (size_t)sendmsg(fd, &message, 0), sizeof *request));
}

/* The lowest free descriptor number. */
static int next_number(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A reset carries no descriptors: the numbers of an earlier message belong to others by now. */
Test(calls_aside, a_reset_closes_no_descriptor_but_its_own)
{
	const struct rudp_control_request request = {.version = RUDP_CONTROL_VERSION,
						     .operation = RUDP_CONTROL_HELLO};
	struct rudp_control_reply reply = {.error = EPERM};
	int first_caller = caller(), second_caller = caller(), passed, number, taken;
	struct rudp_call *second = RUDP_LIST_OWNER(first()->link.next, struct rudp_call, link);

	/* The second caller has its reply and closes without reading it. */
	cr_assert(rudp_call_answer(&engine, second, &reply));
	passed = dup(0);
	send_with(first_caller, &request, passed);
	number = next_number();
	rudp_call_on_event(&engine, first(), 0);
	while ((taken = dup(0)) < number)
		;
	cr_assert(eq(int, taken, number));
	close(second_caller);
	rudp_call_on_event(&engine, second, 0);
	cr_assert(ge(int, fcntl(number, F_GETFD), 0));
	close(first_caller);
}

Test(calls_aside, an_answered_call_is_watched_only_when_it_is_old)
{
	int fd = caller();
	int64_t answered_at_ns = engine.now_at_ns;

	answer();
	cr_assert(eq(i64, rudp_calls_aside_deadline_ns(&engine), answered_at_ns + RUDP_ASIDE_NS));
	rudp_calls_aside_settle(&engine);
	cr_assert(eq(u32, engine.calls_aside_count, 1));
	engine.now_at_ns += RUDP_ASIDE_NS;
	rudp_calls_aside_settle(&engine);
	cr_assert(zero(u32, engine.calls_aside_count));
	cr_assert(eq(i64, rudp_calls_aside_deadline_ns(&engine), RUDP_NEVER));
	close(fd);
	cr_assert(eq(int, handle_events(), 1));
	cr_assert(zero(u32, engine.call_count));
}

Test(calls_aside, beyond_the_maximum_the_oldest_is_watched)
{
	int fds[RUDP_ASIDE_MAX + 1];

	for (int i = 0; i <= RUDP_ASIDE_MAX; i++)
		fds[i] = caller();
	cr_assert(eq(u32, engine.calls_aside_count, RUDP_ASIDE_MAX));
	ask_list(fds[0]);
	cr_assert(eq(int, handle_events(), 1));
	cr_assert(is_answered(fds[0]));
	for (int i = 0; i <= RUDP_ASIDE_MAX; i++)
		close(fds[i]);
}

Test(calls_aside, a_call_that_waits_does_not_hide_later_ones)
{
	int waiting = caller(), late;

	first()->app_id = UINT64_MAX; /* of no app: but the engine skips this call */
	late = caller();
	ask_list(late);
	cr_assert(rudp_calls_aside_serve(&engine));
	cr_assert(is_answered(late));
	close(late);
	close(waiting);
}

Test(calls_aside, none_is_put_aside_if_descriptors_are_scarce)
{
	int fd;

	engine.closer.fd_max = 0;
	cr_assert(rudp_sockets_make(&engine.sockets));
	fd = caller();
	cr_assert(zero(u32, engine.calls_aside_count));
	cr_assert(zero(u32, engine.sockets.count));
	ask_list(fd);
	cr_assert(eq(int, handle_events(), 1));
	cr_assert(is_answered(fd));
	close(fd);
}
