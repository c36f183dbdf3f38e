/* SPDX-License-Identifier: MIT */
#include "engine/udp/roam.h"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/loop/engine.h"
#include "engine/udp/udp.h"
#include "engine/udp/udp_spare.h"

/* Of IPv4 routes that go down with their interface the kernel says nothing: so the links, too. */
#define GROUPS                                                                                     \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR |               \
	 RTMGRP_IPV6_ROUTE)

/* One look at all connections. */
struct look {
	struct rudp_engine *engine;
	const struct ifaddrs *own; /* this host's addresses */
	struct rudp_addr remote;   /* asked about last, and what routing said: many have one peer */
	struct rudp_udp_route route;
	struct rudp_addr source;
	int rc;
	struct rudp_addr from, to; /* of the first that has moved */
	unsigned moved;
};

void rudp_roam_open(struct rudp_engine *engine)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = GROUPS};
	const int on = 1;
	struct rudp_roam *roam = &engine->roam;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	*roam = (struct rudp_roam){.fd = -1, .look_at_ns = RUDP_NEVER};
	if (fd < 0)
		return;
	/* Too many messages are no error: epoll would report one even of what it does not look for. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&groups, sizeof groups) < 0 ||
	    !(roam->id = rudp_slots_add(&engine->slots, RUDP_KIND_ROAM, roam))) {
		close(fd);
		return;
	}
	roam->fd = fd;
	if (rudp_engine_watch(engine, fd, EPOLLIN, roam->id) < 0)
		rudp_roam_close(engine);
}

void rudp_roam_close(struct rudp_engine *engine)
{
	struct rudp_roam *roam = &engine->roam;

	if (roam->fd < 0)
		return;
	rudp_slots_remove(&engine->slots, roam->id);
	close(roam->fd);
	roam->fd = -1;
}

void rudp_roam_on_event(struct rudp_engine *engine)
{
	struct rudp_roam *roam = &engine->roam;

	if (roam->look_at_ns != RUDP_NEVER)
		return; /* an error is reported, whatever is looked for: nothing puts a look off */
	roam->look_at_ns =
		rudp_time_max(engine->now_at_ns + RUDP_ROAM_SETTLE_NS, roam->not_before_ns);
	/* Routers change their routes all the time: what comes until then wakes nobody. */
	rudp_engine_rewatch(engine, roam->fd, 0, roam->id);
}

/* What they say is looked up afterwards, as it is by then. */
static void take_off(const struct rudp_roam *roam)
{
	uint8_t ignored[1];

	for (int i = 0; i < RUDP_ROAM_MESSAGES_MAX; i++)
		if (recv(roam->fd, ignored, sizeof ignored, MSG_DONTWAIT) < 0)
			return;
}

/* The name of the interface that has this address; NULL: none. */
static const char *interface_of(const struct ifaddrs *own, const struct rudp_addr *addr)
{
	struct rudp_addr other;

	for (; own; own = own->ifa_next)
		if (own->ifa_addr && own->ifa_addr->sa_family == addr->family &&
		    rudp_addr_from_sockaddr(&other, own->ifa_addr, rudp_addr_len(addr)) == 0 &&
		    rudp_addr_same_host(&other, addr))
			return own->ifa_name;
	return NULL;
}

static bool is_same_way(const struct look *look, const struct rudp_addr *remote,
			const struct rudp_udp_route *route)
{
	return look->remote.family == remote->family &&
	       rudp_addr_same_host(&look->remote, remote) && look->route.device == route->device &&
	       look->route.mark == route->mark;
}

/* What leaves from local should leave from look->source now. false: it should stay, or has no way. */
static bool must_move(struct look *look, const struct rudp_addr *local,
		      const struct rudp_addr *remote, const struct rudp_udp_route *route)
{
	const char *before, *now;

	if (rudp_addr_is_loopback(remote))
		return false;
	if (!is_same_way(look, remote, route)) {
		look->remote = *remote;
		look->route = *route;
		look->rc = rudp_udp_source_by(remote, route, &look->source);
	}
	if (look->rc < 0 || rudp_addr_same_host(&look->source, local))
		return false;
	before = interface_of(look->own, local);
	now = interface_of(look->own, &look->source);
	return !before || (now && strcmp(before, now) != 0);
}

/* Of a socket that is connected there is one connection; from one that is not, many may speak. */
static int find_source(struct look *look, struct rudp_udp *udp, struct rudp_addr *local)
{
	int rc;

	if (!udp->connected) {
		*local = look->source;
		rudp_addr_set_port(local, rudp_addr_port(&udp->local));
		return 0;
	}
	rc = rudp_udp_connect_anew(look->engine, udp);
	*local = udp->local;
	return rc;
}

static void move(struct look *look, struct rudp_conn *conn, struct rudp_udp *udp)
{
	struct rudp_addr before = *rudp_conn_path_local(conn), local;

	if (find_source(look, udp, &local) < 0)
		return;
	if (look->moved++ == 0) {
		look->from = before;
		look->to = local;
	}
	rudp_conn_rebind(conn, udp, &local, look->engine->now_at_ns);
}

static bool look_at(void *context, struct rudp_conn *conn)
{
	static const struct rudp_udp_route anyhow;
	struct look *look = context;
	struct rudp_udp *udp = rudp_conn_socket(conn);

	if (udp)
		rudp_conn_probe(conn, look->engine->now_at_ns);
	if (!udp || !rudp_conn_is_initiator(conn) ||
	    (!udp->connected && !rudp_addr_is_any(&udp->local)))
		return true;
	if (udp->adrift || must_move(look, rudp_conn_path_local(conn), rudp_conn_remote(conn),
				     udp->connected ? &udp->route : &anyhow))
		move(look, conn, udp);
	return true;
}

static bool is_own(void *own, const struct rudp_addr *addr)
{
	return rudp_addr_is_loopback(addr) || interface_of(own, addr);
}

/* Where connections are many a look is long: a small part of the time at most goes by looking. */
static void put_off(struct rudp_roam *roam, int64_t began_at_ns)
{
	int64_t ended_at_ns = rudp_clock_now_ns(&rudp_clock_monotonic);
	int64_t rest_ns = RUDP_ROAM_REST_TIMES * rudp_time_max(ended_at_ns - began_at_ns, 0);

	roam->not_before_ns = began_at_ns + rudp_time_max(RUDP_ROAM_AGAIN_NS, rest_ns);
}

void rudp_roam_look(struct rudp_engine *engine)
{
	char from[RUDP_ADDR_TEXT_SIZE], to[RUDP_ADDR_TEXT_SIZE];
	struct rudp_roam *roam = &engine->roam;
	struct look look = {.engine = engine};
	unsigned conns = rudp_endpoint_conn_count(engine->ep);
	struct ifaddrs *own;

	take_off(roam);
	roam->look_at_ns = RUDP_NEVER;
	rudp_engine_rewatch(engine, roam->fd, EPOLLIN, roam->id);
	rudp_udp_drop_spares(engine);
	if ((conns > 0 || engine->route_cache.count > 0) && getifaddrs(&own) == 0) {
		look.own = own;
		rudp_route_cache_forget_unless(&engine->route_cache, is_own, own);
		rudp_endpoint_visit(engine->ep, look_at, &look);
		freeifaddrs(own);
	}
	put_off(roam, engine->now_at_ns);
	if (look.moved > 0)
		rudp_log(RUDP_LOG_INFO,
			 "this host's addresses have changed: connections that go on from others: "
			 "%u; one from %s, before %s",
			 look.moved, rudp_addr_format(&look.to, to),
			 rudp_addr_format(&look.from, from));
}
