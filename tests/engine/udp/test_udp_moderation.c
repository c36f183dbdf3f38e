/* SPDX-License-Identifier: MIT */
/* Bulk from one sender is read at intervals; everything else is read at once. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/loop/engine.h"
#include "engine/udp/udp.h"
#include "proto/conn/conn_private.h"

#define MS RUDP_NS_PER_MS
#define APART_NS (100 * RUDP_NS_PER_US)
#define RTT_NS (RUDP_MODERATION_RTT_DIVISOR * RUDP_MODERATION_NS_MAX)

enum { READS = 3 * RTT_NS / APART_NS }; /* enough for two checks */

static struct rudp_engine engine;
static struct rudp_udp *udp;
static struct rudp_conn *conn;
static int peer, other;
static struct rudp_addr peers_addr;

static int plain(struct rudp_addr *self)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof self->in4;

	cr_assert(zero(int, rudp_addr_parse(self, "127.0.0.1:0")));
	cr_assert(zero(int, bind(fd, &self->sa, sizeof self->in4)));
	cr_assert(zero(int, getsockname(fd, &self->sa, &len)));
	return fd;
}

/* Makes a connection from udp to peer that has received bulk over a path of 50 ms. */
static void setup(void)
{
	static struct rudp_settings settings;
	struct rudp_addr here, other_addr;
	struct rudp_udp_options options = {0};
	int error;

	settings = (struct rudp_settings){0};
	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	cr_assert(zero(int, rudp_addr_parse(&here, "127.0.0.1:0")));
	cr_assert(zero(int, rudp_udp_open(&engine, &here, &options, &udp)));
	peer = plain(&peers_addr);
	other = plain(&other_addr);
	conn = rudp_endpoint_connect(engine.ep, udp, &udp->local, &peers_addr, 80, NULL,
				     engine.now_at_ns, &error);
	cr_assert(ne(ptr, conn, NULL));
	conn->packets_received = RUDP_MODERATION_PACKETS_MIN;
	conn->rtt.min_ns = RTT_NS;
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
	close(peer);
	close(other);
}

TestSuite(udp_moderation, .init = setup, .fini = teardown);

static void send_from(int fd)
{
	uint8_t nonsense[20] = {0xff};

	cr_assert(eq(int,
		     (int)sendto(fd, nonsense, sizeof nonsense, 0, &udp->local.sa,
				 sizeof udp->local.in4),
		     (int)sizeof nonsense));
}

/* On loopback a datagram has arrived when the send returns. */
static bool is_unread(void)
{
	struct pollfd one = {.fd = udp->fd, .events = POLLIN};

	return poll(&one, 1, 0) == 1;
}

static bool is_watched(void)
{
	struct epoll_event events[8];
	int count = epoll_wait(engine.epoll_fd, events, 8, 0);

	for (int i = 0; i < count; i++)
		if (events[i].data.u64 == udp->id)
			return true;
	return false;
}

static bool is_moderated(void)
{
	return udp->moderation.span_ns > 0;
}

/* Receives up to count datagrams, until the socket is moderated. */
static void receive_one_by_one(int64_t apart_ns, int count)
{
	for (int i = 0; i < count && !is_moderated(); i++) {
		engine.now_at_ns += apart_ns;
		send_from(peer);
		rudp_udp_receive(&engine, udp);
	}
}

static void read_due(void)
{
	engine.now_at_ns = rudp_udp_moderated_at_ns(&engine);
	rudp_udp_read_moderated(&engine);
}

Test(udp_moderation, bulk_is_read_at_common_times)
{
	receive_one_by_one(APART_NS, READS);
	cr_assert(is_moderated());
	cr_assert(lt(i64, engine.now_at_ns, rudp_udp_moderated_at_ns(&engine)));
	cr_assert(zero(i64, rudp_udp_moderated_at_ns(&engine) % RUDP_MODERATION_NS_MAX));
	for (int i = 0; i < 5; i++) {
		send_from(peer);
		send_from(peer);
		rudp_udp_read_moderated(&engine); /* the interval is not over */
		cr_assert(all(is_unread(), not(is_watched())));
		read_due();
		cr_assert(all(not(is_unread()), is_moderated()));
	}
}

Test(udp_moderation, one_read_takes_all_waiting_datagrams)
{
	receive_one_by_one(APART_NS, READS);
	for (int i = 0; i < 3 * RUDP_RECEIVE_BATCH + 1; i++)
		send_from(peer);
	read_due();
	cr_assert(not(is_unread()));
	cr_assert(lt(i64, engine.now_at_ns, rudp_udp_moderated_at_ns(&engine)));
}

Test(udp_moderation, little_traffic_ends_it)
{
	receive_one_by_one(APART_NS, READS);
	send_from(peer);
	read_due();
	cr_assert(is_moderated());
	read_due();
	cr_assert(not(is_moderated()));
	cr_assert(eq(i64, rudp_udp_moderated_at_ns(&engine), RUDP_NEVER));
	send_from(peer);
	cr_assert(is_watched());
}

Test(udp_moderation, a_second_sender_ends_it)
{
	receive_one_by_one(APART_NS, READS);
	cr_assert(is_moderated());
	send_from(peer);
	send_from(other);
	read_due();
	cr_assert(not(is_moderated()));
	receive_one_by_one(APART_NS, 8);
	cr_assert(not(is_moderated()));
}

Test(udp_moderation, pending_trains_are_still_watched_for)
{
	receive_one_by_one(APART_NS, READS);
	udp->pending_count = 1;
	rudp_udp_rewatch(&engine, udp);
	send_from(peer);
	cr_assert(is_watched()); /* for room to send */
	udp->pending_count = 0;
	rudp_udp_rewatch(&engine, udp);
	cr_assert(not(is_watched()));
}

Test(udp_moderation, not_for_slow_traffic)
{
	receive_one_by_one(RUDP_MODERATION_NS_MAX, 2 * READS);
	cr_assert(not(is_moderated()));
}

Test(udp_moderation, not_for_a_short_round_trip)
{
	conn->rtt.min_ns = RUDP_MODERATION_RTT_DIVISOR * RUDP_MODERATION_NS_MIN - 1;
	receive_one_by_one(APART_NS, 2 * READS);
	cr_assert(not(is_moderated()));
}

Test(udp_moderation, not_for_less_than_two_datagrams_in_an_interval)
{
	conn->rtt.min_ns = RUDP_MODERATION_RTT_DIVISOR * RUDP_MODERATION_NS_MIN;
	receive_one_by_one(RUDP_MODERATION_NS_MIN * 3 / 4, 2 * READS);
	cr_assert(not(is_moderated()));
}

Test(udp_moderation, not_without_a_round_trip_sample)
{
	conn->rtt.min_ns = RUDP_NEVER;
	receive_one_by_one(APART_NS, 2 * READS);
	cr_assert(not(is_moderated()));
}

Test(udp_moderation, not_at_the_start_of_a_connection)
{
	conn->packets_received = RUDP_MODERATION_PACKETS_MIN - 1;
	receive_one_by_one(APART_NS, 2 * READS);
	cr_assert(not(is_moderated()));
}

static void receive_for_a_round_trip(void)
{
	receive_one_by_one(APART_NS, RTT_NS / APART_NS + 1);
}

Test(udp_moderation, not_while_a_round_trip_brings_more_than_an_eighth_of_all_before)
{
	for (uint64_t packets = 800; packets < 100000; packets += packets / 8 + 1) {
		conn->packets_received = packets;
		receive_for_a_round_trip();
		cr_assert(not(is_moderated()));
	}
	conn->packets_received = udp->moderation.packets / 8 * 9;
	receive_for_a_round_trip();
	cr_assert(is_moderated());
}

Test(udp_moderation, another_connection_with_fewer_packets_is_counted_anew)
{
	conn->packets_received = 100000;
	receive_for_a_round_trip();
	conn->packets_received = 1000;
	receive_for_a_round_trip();
	cr_assert(not(is_moderated()));
	receive_for_a_round_trip();
	cr_assert(is_moderated());
}

Test(udp_moderation, not_with_busy_polling)
{
	engine.settings.has_busy_poll = true;
	engine.settings.busy_poll_ns = 50 * RUDP_NS_PER_US;
	receive_one_by_one(APART_NS, 2 * READS);
	cr_assert(not(is_moderated()));
}

Test(udp_moderation, a_shorter_path_has_a_shorter_interval)
{
	conn->rtt.min_ns = RUDP_MODERATION_RTT_DIVISOR * RUDP_MODERATION_NS_MAX - 1;
	receive_one_by_one(APART_NS, READS);
	cr_assert(eq(i64, udp->moderation.span_ns, RUDP_MODERATION_NS_MAX / 2));
}

/* Without privileges the socket's buffer may hold only about two hundred datagrams. */
Test(udp_moderation, much_traffic_shortens_the_interval)
{
	receive_one_by_one(APART_NS, READS);
	for (unsigned i = 0; i <= RUDP_MODERATION_HEARD_MAX; i++)
		send_from(peer);
	read_due();
	cr_assert(eq(i64, udp->moderation.span_ns, RUDP_MODERATION_NS_MAX / 2));
}

Test(udp_moderation, a_closed_socket_is_removed)
{
	receive_one_by_one(APART_NS, READS);
	cr_assert(is_moderated());
	rudp_udp_close(&engine, udp);
	cr_assert(eq(i64, rudp_udp_moderated_at_ns(&engine), RUDP_NEVER));
}
