/* SPDX-License-Identifier: MIT */
/* A connected socket is reconnected, as after a change of this host's addresses. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/loop/engine.h"
#include "engine/udp/udp.h"

#define WAIT_MS 30000

static struct rudp_engine engine;
static struct rudp_udp *there, *udp;

static void setup(void)
{
	static struct rudp_settings settings;
	const struct rudp_udp_options options = {0};
	const struct rudp_udp_route anyhow = {0};
	struct rudp_addr any;

	cr_assert(zero(int, rudp_addr_parse(&any, "127.0.0.1:0")));
	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	cr_assert(zero(int, rudp_udp_open(&engine, &any, &options, &there)));
	cr_assert(zero(int, rudp_udp_open_connected(&engine, &there->local, &anyhow, &udp)));
}

static void teardown(void)
{
	rudp_engine_fini(&engine);
}

TestSuite(roam, .init = setup, .fini = teardown);

Test(roam, reconnecting_keeps_the_peer_and_updates_the_address)
{
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	struct pollfd arrival = {.fd = there->fd, .events = POLLIN};
	char byte;

	cr_assert(zero(int, rudp_udp_connect_anew(&engine, udp)));
	cr_assert(not(udp->reconnect_failed));
	cr_assert(eq(i64, send(udp->fd, "x", 1, 0), 1));
	cr_assert(eq(int, poll(&arrival, 1, WAIT_MS), 1));
	cr_assert(eq(i64, recvfrom(there->fd, &byte, 1, 0, (struct sockaddr *)&from, &len), 1));
	cr_assert(eq(u16, ntohs(from.sin_port), rudp_addr_port(&udp->local)));
	cr_assert(rudp_udp_has_port(&engine, rudp_addr_port(&udp->local)));
}

Test(roam, without_a_route_reconnecting_fails_until_there_is_one)
{
	struct rudp_addr remote = udp->remote;

	rudp_addr_parse(&udp->remote, "255.255.255.255:9");
	cr_assert(lt(int, rudp_udp_connect_anew(&engine, udp), 0));
	cr_assert(udp->reconnect_failed);
	udp->remote = remote;
	cr_assert(zero(int, rudp_udp_connect_anew(&engine, udp)));
	cr_assert(not(udp->reconnect_failed));
}

Test(roam, cached_routes_from_a_lost_address_are_dropped)
{
	struct rudp_addr to, gone;
	int64_t rtt_ns;
	bool tcp;

	cr_assert(zero(int, rudp_addr_parse(&to, "192.0.2.1:80")));
	cr_assert(zero(int, rudp_addr_parse(&gone, "192.0.2.99:0")));
	rudp_route_cache_put(&engine.route_cache, &to, &gone, true, 0, engine.now_at_ns);
	rudp_route_cache_put(&engine.route_cache, &there->local, &udp->local, true, 0,
			     engine.now_at_ns);
	rudp_roam_check(&engine);
	cr_assert(not(rudp_route_cache_find(&engine.route_cache, &to, RUDP_NS_PER_S,
					    engine.now_at_ns, &tcp, &rtt_ns)));
	cr_assert(rudp_route_cache_find(&engine.route_cache, &there->local, RUDP_NS_PER_S,
					engine.now_at_ns, &tcp, &rtt_ns));
}

/* A router changes its routes all the time, so checks are limited. */
Test(roam, a_change_causes_one_check_and_then_a_pause)
{
	if (engine.roam.fd < 0)
		return; /* the kernel reports no changes here */
	/* Ahead of the clock, so that the duration of the check does not count on a slow
	 * machine. */
	engine.now_at_ns += 3600 * RUDP_NS_PER_S;
	cr_assert(eq(i64, engine.roam.check_at_ns, RUDP_NEVER));
	rudp_roam_on_event(&engine);
	cr_assert(eq(i64, engine.roam.check_at_ns, engine.now_at_ns + RUDP_ROAM_SETTLE_NS));
	engine.now_at_ns += RUDP_ROAM_SETTLE_NS / 2;
	rudp_roam_on_event(&engine); /* epoll reports errors even without interest in input */
	cr_assert(eq(i64, engine.roam.check_at_ns, engine.now_at_ns + RUDP_ROAM_SETTLE_NS / 2));
	engine.now_at_ns = engine.roam.check_at_ns;
	rudp_roam_check(&engine);
	cr_assert(eq(i64, engine.roam.check_at_ns, RUDP_NEVER));
	rudp_roam_on_event(&engine);
	cr_assert(eq(i64, engine.roam.check_at_ns, engine.now_at_ns + RUDP_ROAM_AGAIN_NS));
}
