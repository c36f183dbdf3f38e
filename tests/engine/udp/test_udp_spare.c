/* SPDX-License-Identifier: MIT */
/* Connected sockets are reused: which ones, for which connection, and for how long. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/loop/engine.h"
#include "engine/udp/udp_spare.h"
#include "proto/wire/packet.h"

#define STEPS_MAX 64
#define WAIT_MS 30000

static struct rudp_engine engine;
static struct rudp_udp *served, *used;
static struct rudp_addr there;
static const struct rudp_udp_route anyhow;

static void setup(void)
{
	static struct rudp_settings settings;
	const struct rudp_udp_options options = {0};
	struct rudp_addr any;

	cr_assert(zero(int, rudp_addr_parse(&any, "127.0.0.1:0")));
	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	cr_assert(zero(int, rudp_udp_open(&engine, &any, &options, &served)));
	there = served->local;
	cr_assert(zero(int, rudp_udp_open_connected(&engine, &there, &anyhow, &used)));
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(udp_spare, .init = setup, .fini = teardown);

/* Drops the last reference to used. true: the socket was kept as a spare. */
static bool keep_as_spare(void)
{
	used->owners = 0;
	if (rudp_udp_spare(&engine, used))
		return true;
	rudp_udp_close(&engine, used);
	return false;
}

static struct rudp_udp *open_there(void)
{
	struct rudp_udp *udp;

	cr_assert(zero(int, rudp_udp_open_connected(&engine, &there, &anyhow, &udp)));
	return udp;
}

/*
 * Delivers everything that is sent, until nothing is left. On a busy machine a datagram may arrive
 * after the call that sends it has returned.
 */
static void deliver_all(void)
{
	struct rudp_train train = {.data = engine.train_buffer, .cap = RUDP_TRAIN_BYTES_MAX};

	for (int i = 0; rudp_endpoint_transmit(engine.ep, &train, engine.now_at_ns); i++) {
		struct pollfd arrival = {.fd = train.socket == used ? served->fd : used->fd,
					 .events = POLLIN};

		cr_assert(lt(int, i, STEPS_MAX), "it does not end");
		rudp_udp_send(&engine, train.socket, &train);
		cr_assert(eq(int, poll(&arrival, 1, WAIT_MS), 1));
		rudp_udp_receive(&engine, served);
		rudp_udp_receive(&engine, used);
		while (rudp_endpoint_next_event(engine.ep))
			;
		train = (struct rudp_train){.data = engine.train_buffer,
					    .cap = RUDP_TRAIN_BYTES_MAX};
	}
}

/* As after a move to another network: the connect must not fail because of the old address. */
Test(udp_spare, a_socket_whose_address_is_gone_is_not_reused)
{
	int stale = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	struct rudp_addr gone;

	cr_assert(zero(int, rudp_addr_parse(&gone, "192.0.2.1:0")));
	cr_assert(zero(int, setsockopt(stale, IPPROTO_IP, IP_FREEBIND, &on, sizeof on)));
	cr_assert(zero(int, bind(stale, &gone.sa, rudp_addr_len(&gone))));
	cr_assert(eq(int, dup2(stale, used->fd), used->fd));
	used->local = gone;
	cr_assert(zero(int, close(stale)));
	cr_assert(keep_as_spare());
	cr_assert(eq(i64, send(open_there()->fd, "x", 1, 0), 1));
	cr_assert(zero(u32, engine.spare_udp_count));
}

/* Establishes a connection over used; *peer is its other end. */
static struct rudp_conn *establish(struct rudp_conn **peer)
{
	struct rudp_listener *listener =
		rudp_endpoint_listen(engine.ep, served, rudp_addr_port(&there), 1, NULL, NULL);
	struct rudp_conn *conn;
	int error;

	conn = rudp_endpoint_connect(engine.ep, used, &used->local, &there, rudp_addr_port(&there),
				     NULL, engine.now_at_ns, &error);
	cr_assert(not(zero(ptr, conn)));
	rudp_udp_release(&engine, used);
	deliver_all();
	*peer = rudp_listener_accept(listener);
	cr_assert(not(zero(ptr, *peer)));
	return conn;
}

Test(udp_spare, the_socket_of_an_orderly_close_is_reused)
{
	struct rudp_conn *peer, *conn = establish(&peer);

	rudp_conn_close(peer, engine.now_at_ns);
	deliver_all();
	rudp_conn_close(conn, engine.now_at_ns);
	deliver_all();
	rudp_udp_close_orphans(&engine);
	cr_assert(eq(ptr, open_there(), used));
	cr_assert(eq(uint, used->owners, 1));
}

Test(udp_spare, the_socket_of_a_reset_is_not_reused)
{
	struct rudp_conn *peer, *conn = establish(&peer);
	uint64_t id = used->id;

	rudp_conn_reset(peer, RUDP_RESET_APPLICATION, engine.now_at_ns);
	rudp_conn_close(peer, engine.now_at_ns);
	deliver_all();
	rudp_conn_close(conn, engine.now_at_ns);
	engine.now_at_ns += 10 * RUDP_NS_PER_S;
	rudp_endpoint_on_time(engine.ep, engine.now_at_ns);
	while (rudp_endpoint_conn_count(engine.ep) > 0 &&
	       rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP)) {
		struct rudp_train train = {.data = engine.train_buffer,
					   .cap = RUDP_TRAIN_BYTES_MAX};

		if (!rudp_endpoint_transmit(engine.ep, &train, engine.now_at_ns))
			break;
	}
	rudp_udp_close_orphans(&engine);
	cr_assert(zero(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP)));
}

/* A peer that missed our last acknowledgements retransmits when we have forgotten the
 * connection. */
Test(udp_spare, a_late_retransmission_is_answered_by_a_reset)
{
	uint8_t repeated[100] = {0x40}, answer[100];
	struct rudp_train train = {.data = engine.train_buffer, .cap = RUDP_TRAIN_BYTES_MAX};
	struct pollfd arrival = {.fd = used->fd, .events = POLLIN};

	cr_assert(keep_as_spare());
	engine.now_at_ns += RUDP_UDP_LINGER_NS - 1;
	rudp_udp_drop_old_spares(&engine);
	cr_assert(eq(i64,
		     sendto(served->fd, repeated, sizeof repeated, 0, &used->local.sa,
			    rudp_addr_len(&used->local)),
		     (ssize_t)sizeof repeated));
	cr_assert(eq(int, poll(&arrival, 1, WAIT_MS), 1));
	rudp_udp_receive(&engine, used);
	cr_assert(rudp_endpoint_transmit(engine.ep, &train, engine.now_at_ns));
	cr_assert(eq(ptr, train.socket, used));
	rudp_udp_send(&engine, used, &train);
	arrival.fd = served->fd;
	cr_assert(eq(int, poll(&arrival, 1, WAIT_MS), 1));
	cr_assert(eq(i64, recv(served->fd, answer, sizeof answer, 0), (ssize_t)RUDP_RESET_BYTES));
	cr_assert(eq(u8, answer[0] >> 4, RUDP_PACKET_RESET));
}

Test(udp_spare, an_older_spare_only_answers)
{
	cr_assert(keep_as_spare());
	engine.now_at_ns += RUDP_UDP_SPARE_NS;
	cr_assert(ne(ptr, open_there(), used));
	cr_assert(eq(uint, engine.spare_udp_count, 1));
}

Test(udp_spare, spares_are_closed_if_descriptors_are_scarce)
{
	struct rlimit limit, before;
	uint64_t id = used->id;
	int next = dup(used->fd);
	struct rudp_udp *udp;

	cr_assert(keep_as_spare());
	engine.now_at_ns += RUDP_UDP_SPARE_NS;
	cr_assert(zero(int, close(next)));
	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &before)));
	limit = (struct rlimit){(rlim_t)next, before.rlim_max};
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	udp = open_there();
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &before)));
	cr_assert(lt(int, udp->fd, next));
	cr_assert(zero(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP)));
}

Test(udp_spare, a_low_descriptor_limit_means_few_spares)
{
	struct rudp_udp *all[20];

	engine.closer.fd_max = 100;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		all[i] = open_there();
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		used = all[i];
		cr_assert(keep_as_spare());
	}
	cr_assert(eq(uint, engine.spare_udp_count, 100 / 8));
}

Test(udp_spare, a_spare_serves_one_connection_at_a_time)
{
	struct rudp_udp *next;

	cr_assert(keep_as_spare());
	next = open_there();
	cr_assert(eq(ptr, next, used));
	cr_assert(ne(ptr, open_there(), used));
	cr_assert(zero(uint, engine.spare_udp_count));
}

Test(udp_spare, another_address_gets_another_socket)
{
	const struct rudp_udp_route marked = {.mark = 7};

	cr_assert(keep_as_spare());
	cr_assert(zero(ptr, rudp_udp_take_spare(&engine, &there, &marked)));
	rudp_addr_set_port(&there, (uint16_t)(rudp_addr_port(&there) ^ 1));
	cr_assert(zero(ptr, rudp_udp_take_spare(&engine, &there, &anyhow)));
}

Test(udp_spare, a_socket_with_an_error_is_not_kept)
{
	rudp_udp_receive_errors(&engine, used);
	cr_assert(not(keep_as_spare()));
}

Test(udp_spare, an_error_closes_a_spare)
{
	uint64_t id = used->id;

	cr_assert(keep_as_spare());
	rudp_udp_on_event(&engine, used, EPOLLERR);
	cr_assert(zero(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP)));
	cr_assert(zero(uint, engine.spare_udp_count));
}

Test(udp_spare, a_spare_is_closed_after_its_time)
{
	uint64_t id = used->id;

	cr_assert(keep_as_spare());
	cr_assert(eq(i64, rudp_udp_spares_deadline_ns(&engine),
		     engine.now_at_ns + RUDP_UDP_LINGER_NS));
	engine.now_at_ns += RUDP_UDP_LINGER_NS - 1;
	rudp_udp_drop_old_spares(&engine);
	cr_assert(eq(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP), used));
	engine.now_at_ns++;
	rudp_udp_drop_old_spares(&engine);
	cr_assert(zero(ptr, rudp_slots_find(&engine.slots, id, RUDP_KIND_UDP)));
	cr_assert(eq(i64, rudp_udp_spares_deadline_ns(&engine), RUDP_NEVER));
}

Test(udp_spare, a_program_can_bind_the_port_of_a_spare)
{
	const struct rudp_udp_options options = {0};
	struct rudp_addr wanted = used->local;
	struct rudp_udp *udp;

	cr_assert(keep_as_spare());
	cr_assert(zero(int, rudp_udp_open(&engine, &wanted, &options, &udp)));
	cr_assert(eq(u16, rudp_addr_port(&udp->local), rudp_addr_port(&wanted)));
}

Test(udp_spare, the_oldest_spare_is_closed_above_the_limit)
{
	static struct rudp_udp *all[RUDP_UDP_SPARES_MAX + 1];
	struct rlimit limit;
	uint64_t first_id = used->id;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	rudp_closer_init(&engine.closer);
	cr_assert(ge(int, engine.closer.fd_max, 8 * (int)RUDP_UDP_SPARES_MAX),
		  "the hard limit is too low");
	all[0] = used;
	for (unsigned i = 1; i <= RUDP_UDP_SPARES_MAX; i++)
		all[i] = open_there();
	for (unsigned i = 0; i <= RUDP_UDP_SPARES_MAX; i++) {
		used = all[i];
		cr_assert(keep_as_spare());
	}
	cr_assert(eq(uint, engine.spare_udp_count, RUDP_UDP_SPARES_MAX));
	cr_assert(zero(ptr, rudp_slots_find(&engine.slots, first_id, RUDP_KIND_UDP)));
}
