/* SPDX-License-Identifier: MIT */
/*
 * How connections end, as two programs see it. Each has one end of a rudp connection through an app
 * of its own, and does random things between two turns of the engine.
 *
 * What a program may see follows from what both have done:
 *
 *  bytes     the bytes received are those written, from the first on, without a gap
 *  end       comes once, after all bytes, and only if the other has ended in order
 *  reset     never looks like an end; comes only if the other has closed with unread bytes, has
 *            asked for it, or has closed while bytes were on the way to it
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "engine/app/app_side.h"
#include "engine/loop/engine.h"
#include "engine/running_engine.h"
#include "proto/pair.h"

#define SEEDS 3000
#define STEPS_MAX 24
#define WRITE_MAX 9000
#define TURNS_MAX 2000
#define LATER_NS (200 * RUDP_NS_PER_MS)

struct side {
	struct rudp_app *app; /* look it up by id: it may be freed */
	uint64_t app_id;
	int program;   /* -1: the program has closed it */
	bool accepted; /* the program has the descriptor */
	bool is_server;
	uint64_t written, read;
	bool has_linger; /* SO_LINGER of 0 */
	bool shut_send, shut_receive, closed;
	/* Its close resets, by the option: it had not shut both directions before */
	bool resets;
	bool left_unread;        /* at its close, in the kernel's buffer */
	bool has_end, has_reset; /* the program has seen it */
};

static struct rudp_engine engine;
static struct pair pair;
static struct side sides[2];
static unsigned seed;

static struct rudp_app *app_of(const struct side *s)
{
	return rudp_app_find(&engine, s->app_id);
}

static uint8_t letter(const struct side *from, uint64_t at)
{
	return (uint8_t)(at * 7 + at / 251 + (from->is_server ? 3 : 0));
}

/* The engine's loop, with the pair's network and time in place of sockets and a clock. */
static bool take_epoll(void)
{
	struct epoll_event events[8];
	int count = epoll_wait(engine.epoll_fd, events, 8, 0);

	for (int i = 0; i < count; i++) {
		struct rudp_app *app = rudp_app_find(&engine, events[i].data.u64);

		if (app)
			rudp_app_on_epoll(&engine, app, events[i].events);
	}
	return count > 0;
}

static bool take_conn_events(void)
{
	struct rudp_conn *conn;
	bool any = false;

	for (int i = 0; i < 2; i++)
		while ((conn = rudp_endpoint_next_event(pair.ep[i]))) {
			unsigned events = rudp_conn_take_events(conn);
			uint64_t id = (uint64_t)(uintptr_t)rudp_conn_user(conn);
			struct rudp_app *app = rudp_app_find(&engine, id);

			any = true;
			if (app)
				rudp_app_on_conn(&engine, app, events);
		}
	return any;
}

static bool take_ready(void)
{
	struct rudp_list *link = rudp_list_pop(&engine.ready);

	if (link)
		rudp_app_pump(&engine, RUDP_LIST_OWNER(link, struct rudp_app, ready_link));
	return link;
}

static void turns(void)
{
	bool more = true;

	for (int i = 0; more; i++) {
		cr_assert(lt(int, i, TURNS_MAX), "seed %u", seed);
		engine.now_at_ns = pair.now_ns;
		engine.turns++;
		more = take_epoll();
		more |= take_ready();
		more |= take_conn_events();
		pair_settle(&pair);
		more |= take_conn_events();
	}
}

static void wait_later(void)
{
	pair_run(&pair, LATER_NS);
	engine.now_at_ns = pair.now_ns;
	rudp_app_consume_due(&engine);
	turns();
}

static void put(struct side *s, size_t len)
{
	uint8_t bytes[WRITE_MAX];
	ssize_t n;

	for (size_t i = 0; i < len; i++)
		bytes[i] = letter(s, s->written + i);
	n = send(s->program, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		s->written += (uint64_t)n;
}

/* A reset must have a cause in what the other has done. */
static bool may_be_reset(const struct side *s, const struct side *other)
{
	bool takes_none = other->closed || (other->shut_send && other->shut_receive);

	return takes_none && (other->resets || other->left_unread || s->written > other->read);
}

static bool may_end(const struct side *other)
{
	return other->shut_send || (other->closed && !other->resets && !other->left_unread);
}

static void see_end(struct side *s, const struct side *other)
{
	if (s->shut_receive)
		return;
	cr_assert(may_end(other), "seed %u: a reset, or nothing, is no end", seed);
	cr_assert(eq(u64, s->read, other->written), "seed %u: the end is behind all bytes", seed);
	s->has_end = true;
}

/* false: there is nothing more now. */
static bool get(struct side *s, size_t len)
{
	const struct side *other = &sides[s == &sides[0]];
	uint8_t bytes[WRITE_MAX];
	ssize_t n = recv(s->program, bytes, len, MSG_DONTWAIT);

	if (n < 0 && errno == ECONNRESET) {
		cr_assert(s->shut_receive || may_be_reset(s, other),
			  "seed %u: a reset without a cause", seed);
		s->has_reset = true;
	}
	if (n < 0)
		return false;
	if (n == 0 && !s->has_reset)
		see_end(s, other);
	if (n > 0)
		cr_assert(not(s->has_end), "seed %u: something comes behind the end", seed);
	for (ssize_t i = 0; i < n; i++)
		cr_assert(eq(u8, bytes[i], letter(other, s->read + (uint64_t)i)), "seed %u", seed);
	s->read += (uint64_t)n;
	return n > 0;
}

/* Does what serve_shutdown() of control_calls.c and shutdown_connection() of api/call_address.c
 * do. */
static void shut(struct side *s, int how)
{
	struct rudp_app *app = app_of(s);

	if (how != SHUT_WR && app) {
		rudp_ends_on_shutdown_receive(&app->ends);
		rudp_carrier_shutdown_receive(&app->carrier);
		rudp_app_again(&engine, app);
	}
	if (how != SHUT_RD && s->has_linger && app)
		rudp_ends_on_shutdown_send(&app->ends);
	shutdown(s->program, how);
	s->shut_receive |= how != SHUT_WR;
	s->shut_send |= how != SHUT_RD;
}

/* Does what set_on_app() does. */
static void set_linger(struct side *s)
{
	struct rudp_app *app = app_of(s);

	s->has_linger = true;
	if (!app)
		return;
	app->options.reset_on_close = true;
	if (rudp_app_has_half_closed(app))
		rudp_ends_on_shutdown_send(&app->ends);
}

/* Also what happens to a program that is killed. */
static void close_program(struct side *s)
{
	int unread = 0;

	cr_assert(zero(int, ioctl(s->program, FIONREAD, &unread)));
	close(s->program);
	s->program = -1;
	s->closed = true;
	s->resets = s->has_linger && !(s->shut_send && s->shut_receive);
	s->left_unread = unread > 0;
}

/* Like fork, exec or dup: another descriptor of the socket stays open when the first is closed. */
static void hold_by_another(struct side *s)
{
	int copy = dup(s->program);

	cr_assert(ge(int, copy, 0));
	close(s->program);
	s->program = copy;
}

/* Passes the descriptor in a message; no process has it in the meantime. */
static void hand_over(struct side *s)
{
	uint8_t byte;
	char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = room,
				 .msg_controllen = sizeof room};
	int way[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, way)));
	send_raw(way[0], "x", 1, &s->program, 1);
	close(s->program);
	turns();
	cr_assert(eq(int, (int)recvmsg(way[1], &message, 0), 1));
	memcpy(&s->program, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof s->program);
	close(way[0]);
	close(way[1]);
}

static void act(struct random *r, struct side *s)
{
	static const int ways[] = {SHUT_WR, SHUT_WR, SHUT_RD, SHUT_RDWR};

	if (s->program < 0 || !s->accepted)
		return;
	switch (random_below(r, 13)) {
	case 0:
	case 1:
	case 2:
		put(s, 1 + random_below(r, 40));
		break;
	case 3:
		put(s, 1 + random_below(r, WRITE_MAX));
		break;
	case 4:
	case 5:
	case 6:
		get(s, 1 + random_below(r, WRITE_MAX));
		break;
	case 7:
	case 8:
		shut(s, ways[random_below(r, 4)]);
		break;
	case 9:
		if (random_below(r, 3) == 0)
			set_linger(s);
		break;
	case 10:
		hold_by_another(s);
		break;
	case 11:
		hand_over(s);
		break;
	case 12:
		close_program(s);
		break;
	}
}

/* The shim's accept: only now the program has the descriptor. */
static void accept_at_server(void)
{
	struct side *server = &sides[1];

	if (server->accepted)
		return;
	cr_assert(eq(int, (int)send(server->program, &engine.nonce, RUDP_SENTINEL_BYTES, 0),
		     RUDP_SENTINEL_BYTES));
	server->accepted = true;
}

static void begin_side(struct side *s, bool is_server)
{
	static const struct rudp_sock_options options;
	static const struct rudp_addr nowhere = {.family = AF_INET};
	int ends[2];

	*s = (struct side){.is_server = is_server};
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)));
	s->program = ends[1];
	s->app = rudp_app_new(&engine, &options, &nowhere, &nowhere);
	cr_assert(not(zero(ptr, s->app)));
	s->app_id = s->app->id;
	cr_assert(zero(int, rudp_app_attach(&engine, s->app, ends[0])));
}

/*
 * The client's connection attempt, with a gate. It may write behind the gate, and close before an
 * answer comes.
 */
static void connect_client(void)
{
	struct side *client = &sides[0];

	begin_side(client, false);
	cr_assert(zero(int, rudp_app_connect_gate(client->app, client->program, false)));
	client->app->race = (struct rudp_race){
		.way = RUDP_WAY_RUDP, .tcp_due_at_ns = RUDP_NEVER, .give_up_at_ns = RUDP_NEVER};
	client->app->reason = RUDP_REASON_DEFAULT;
	pair_connect(&pair, PAIR_PORT);
	rudp_app_take_conn(client->app, pair.conn[0]);
	client->accepted = true;
}

static void accept_connection(void)
{
	struct side *server = &sides[1];

	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(not(zero(ptr, pair.conn[1])));
	begin_side(server, true);
	rudp_app_take_conn(server->app, pair.conn[1]);
	server->app->stage = RUDP_APP_UNDECIDED;
}

/* Reads all that can still be read; a program that lives continues to read. */
static void read_all(void)
{
	bool more = true;

	for (int i = 0; more; i++) {
		cr_assert(lt(int, i, TURNS_MAX), "seed %u", seed);
		more = false;
		turns();
		for (int k = 0; k < 2; k++)
			while (sides[k].program >= 0 && get(&sides[k], WRITE_MAX))
				more = true;
	}
}

static void check_outcome(struct side *s, const struct side *other)
{
	if (s->program < 0 || s->shut_receive)
		return;
	if (!may_be_reset(s, other)) {
		cr_assert(eq(u64, s->read, other->written), "seed %u: all is there", seed);
		cr_assert(eq(int, s->has_end, may_end(other)), "seed %u: and the end", seed);
		cr_assert(not(s->has_reset));
	}
	if (other->closed)
		cr_assert(s->has_end || s->has_reset, "seed %u: it ends somehow", seed);
	if (other->closed && (other->resets || other->left_unread) && !other->shut_send)
		cr_assert(s->has_reset, "seed %u: a reset is told", seed);
}

static void run(void)
{
	struct random r = {seed};
	unsigned steps = 1 + (unsigned)random_below(&r, STEPS_MAX);

	pair_init(&pair, 0, 0);
	connect_client();
	pair_settle(&pair);
	if (random_below(&r, 2))
		turns();
	accept_connection();
	for (unsigned i = 0; i < steps; i++) {
		if (random_below(&r, 3) == 0)
			accept_at_server();
		act(&r, &sides[random_below(&r, 2)]);
		if (random_below(&r, 2))
			turns();
		else if (random_below(&r, 4) == 0)
			pair_drop(&pair);
	}
	accept_at_server();
	read_all();
	wait_later();
	read_all();
	for (int k = 0; k < 2; k++)
		check_outcome(&sides[k], &sides[!k]);
	for (int k = 0; k < 2; k++)
		if (sides[k].program >= 0)
			close(sides[k].program);
	turns();
	wait_later();
	cr_assert(zero(uint, engine.app_count), "seed %u: nothing is left", seed);
	cr_assert(zero(uint, rudp_ends_refused()), "seed %u", seed);
	pair_fini(&pair);
}

Test(ends_model, two_programs_see_the_right_ends_after_random_actions, .timeout = 300)
{
	static struct rudp_settings settings;

	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	for (seed = 1; seed <= SEEDS; seed++)
		run();
	rudp_engine_fini(&engine);
}
