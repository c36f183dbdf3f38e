/* SPDX-License-Identifier: MIT */
/* Endpoints of the protocol behind the steering program: what several engines must not break. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "bench/speaker.h"

#define ENGINES 4
#define HOSTS 16
#define CONNECTIONS_EACH 3
#define CONNECTIONS (HOSTS * CONNECTIONS_EACH)
#define TARGET_PORT 7
#define LIMIT_NS (20 * RUDP_NS_PER_S)

struct stage {
	struct steer steer;
	struct speaker engines[ENGINES], hosts; /* one speaker is all hosts */
	struct speaker_socket *sockets[ENGINES];
	struct rudp_addr server;
	struct rudp_conn *conns[CONNECTIONS];
	unsigned established, answers, reset;
};

static struct stage stage;

static void on_engine_event(struct speaker *engine, struct rudp_conn *conn, unsigned events)
{
	struct rudp_listener *listener = rudp_conn_listener(conn);
	size_t len = rudp_conn_receive_available(conn);

	if (listener && events & RUDP_EVENT_ESTABLISHED)
		while ((conn = rudp_listener_accept(listener)))
			rudp_conn_set_user(conn, engine);
	else if (len > 0) {
		rudp_conn_receive_consume(conn, len, engine->now_ns);
		rudp_conn_write(conn, "pong", 4, engine->now_ns);
	}
}

static void on_host_event(struct speaker *hosts, struct rudp_conn *conn, unsigned events)
{
	size_t len = rudp_conn_receive_available(conn);

	stage.established += (events & RUDP_EVENT_ESTABLISHED) != 0;
	stage.answers += len > 0;
	stage.reset += events & RUDP_EVENT_FAILED && rudp_conn_error(conn) == ECONNRESET;
	rudp_conn_receive_consume(conn, len, hosts->now_ns);
}

static struct rudp_addr host(unsigned network, unsigned number)
{
	char text[RUDP_ADDR_TEXT_SIZE];
	struct rudp_addr addr;

	snprintf(text, sizeof text, "127.%u.%u.9:0", network, number);
	cr_assert(eq(int, rudp_addr_parse(&addr, text), 0));
	return addr;
}

static void listen_on(unsigned i)
{
	struct rudp_listener *listener =
		rudp_endpoint_listen(stage.engines[i].ep, stage.sockets[i], TARGET_PORT,
				     CONNECTIONS, &stage.engines[i], NULL);

	cr_assert(ne(ptr, listener, NULL));
}

static void open_engine(unsigned i)
{
	struct speaker *engine = &stage.engines[i];

	*engine = (struct speaker){.steer = &stage.steer, .engine = i, .on_event = on_engine_event};
	speaker_init(engine);
	stage.sockets[i] =
		speaker_open(engine, &stage.server, NULL, true, i == 0 ? &stage.steer : NULL);
	stage.server = stage.sockets[i]->local;
	listen_on(i);
}

static void open_stage(void)
{
	steer_init(&stage.steer, ENGINES, 0x9e3779b1);
	rudp_addr_parse(&stage.server, "127.0.0.1:0");
	for (unsigned i = 0; i < ENGINES; i++)
		open_engine(i);
	stage.hosts = (struct speaker){.on_event = on_host_event};
	speaker_init(&stage.hosts);
}

static void close_stage(void)
{
	for (unsigned i = 0; i < ENGINES; i++)
		speaker_fini(&stage.engines[i]);
	speaker_fini(&stage.hosts);
}

/* Runs everybody in turn until there are so many. */
static void run_until(const unsigned *count, unsigned wanted)
{
	int64_t end_ns = rudp_clock_now_ns() + LIMIT_NS;

	while (*count < wanted) {
		cr_assert(lt(i64, rudp_clock_now_ns(), end_ns));
		speaker_turn(&stage.hosts, 0);
		for (unsigned i = 0; i < ENGINES; i++)
			speaker_turn(&stage.engines[i], 0);
	}
}

static struct rudp_conn *connect_from(const struct rudp_addr *from)
{
	struct speaker_socket *socket_ =
		speaker_open(&stage.hosts, from, &stage.server, false, NULL);
	int error;
	struct rudp_conn *conn =
		rudp_endpoint_connect(stage.hosts.ep, socket_, &socket_->local, &stage.server,
				      TARGET_PORT, NULL, stage.hosts.now_ns, &error);

	cr_assert(ne(ptr, conn, NULL));
	rudp_conn_set_user(conn, &stage);
	return conn;
}

static void connect_all(void)
{
	unsigned before = stage.established;

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct rudp_addr from = host(32, i / CONNECTIONS_EACH);

		stage.conns[i] = connect_from(&from);
	}
	run_until(&stage.established, before + CONNECTIONS);
}

static void ask_all(void)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		rudp_conn_write(stage.conns[i], "ping", 4, stage.hosts.now_ns);
}

static unsigned engine_of(const struct rudp_conn *conn)
{
	return (unsigned)(rudp_conn_peer_id(conn) % ENGINES);
}

Test(engines, a_host_has_all_its_connections_in_one_engine)
{
	open_stage();
	connect_all();
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct rudp_addr from = host(32, i / CONNECTIONS_EACH);
		unsigned engine = engine_of(stage.conns[i]);

		cr_expect(eq(uint, engine, steer_engine_of(&stage.steer, &from)));
		cr_expect(ne(ptr,
			     rudp_endpoint_find(stage.engines[engine].ep,
						rudp_conn_peer_id(stage.conns[i])),
			     NULL));
	}
	close_stage();
}

Test(engines, connections_outlive_a_change_of_address)
{
	open_stage();
	connect_all();
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct rudp_addr to = host(33, i);
		struct speaker_socket *socket_ =
			speaker_open(&stage.hosts, &to, &stage.server, false, NULL);

		rudp_conn_rebind(stage.conns[i], socket_, &socket_->local, stage.hosts.now_ns);
	}
	ask_all();
	run_until(&stage.answers, CONNECTIONS);
	cr_expect(eq(uint, stage.reset, 0));
	for (unsigned i = 0; i < ENGINES; i++)
		cr_expect(eq(
			u64,
			rudp_endpoint_verdicts(stage.engines[i].ep)->count[RUDP_VERDICT_UNKNOWN_ID],
			0));
	close_stage();
}

/* A host whose address belongs to another engine. */
static struct rudp_addr host_of_another_than(unsigned engine)
{
	for (unsigned number = 0; number < 256; number++) {
		struct rudp_addr addr = host(34, number);

		if (steer_engine_of(&stage.steer, &addr) != engine)
			return addr;
	}
	cr_assert(false, "no such host");
	return (struct rudp_addr){0};
}

Test(engines, an_association_is_found_from_another_address)
{
	struct rudp_addr first = host(32, 0), other;
	struct rudp_conn_stats stats;
	struct rudp_conn *conn;
	unsigned engine;

	open_stage();
	conn = connect_from(&first);
	run_until(&stage.established, 1);
	rudp_conn_write(conn, "ping", 4, stage.hosts.now_ns);
	run_until(&stage.answers, 1);
	engine = engine_of(conn);
	other = host_of_another_than(engine);
	conn = connect_from(&other);
	run_until(&stage.established, 2);
	rudp_conn_stats(conn, &stats);
	cr_expect(eq(int, stats.handshake_kind, RUDP_HANDSHAKE_KIND_RESUMED));
	cr_expect(eq(uint, engine_of(conn), engine));
	close_stage();
}

/* Another engine takes the dead one's socket, and with it its place: as a supervisor does. */
static void replace_engine(unsigned i)
{
	speaker_forget(&stage.engines[i]);
	listen_on(i);
}

Test(engines, the_death_of_one_ends_its_connections_and_no_others)
{
	unsigned lost = 0;

	open_stage();
	connect_all();
	for (unsigned i = 0; i < CONNECTIONS; i++)
		lost += engine_of(stage.conns[i]) == 1;
	cr_assert(all(lt(uint, 0, lost), lt(uint, lost, CONNECTIONS)));
	replace_engine(1);
	ask_all();
	run_until(&stage.answers, CONNECTIONS - lost);
	run_until(&stage.reset, lost);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		cr_expect(eq(int, rudp_conn_error(stage.conns[i]),
			     engine_of(stage.conns[i]) == 1 ? ECONNRESET : 0));
	/* The successor serves all clients, from the same hosts. */
	connect_all();
	stage.answers = 0;
	ask_all();
	run_until(&stage.answers, CONNECTIONS);
	close_stage();
}
