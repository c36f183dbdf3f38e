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

/*
 * The link group is needed too: when an interface goes down, the kernel does not report the removal
 * of its IPv4 routes.
 */
#define GROUPS                                                                                     \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR |               \
	 RTMGRP_IPV6_ROUTE)

/* State of one check of all connections. */
struct check {
	struct rudp_engine *engine;
	const struct ifaddrs *own; /* this host's addresses */
	struct rudp_addr remote;   /* of the last lookup: many connections have the same peer */
	struct rudp_udp_route route;
	struct rudp_addr source;
	int rc;
	struct rudp_addr from, to; /* addresses of the first connection that moved */
	unsigned moved;
};

void rudp_roam_open(struct rudp_engine *engine)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = GROUPS};
	const int on = 1;
	struct rudp_roam *roam = &engine->roam;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	*roam = (struct rudp_roam){.fd = -1, .check_at_ns = RUDP_NEVER};
	if (fd < 0)
		return;
	/*
	 * An overrun of messages must not be an error: epoll reports errors even on a socket that
	 * it does not watch for input.
	 */
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

	if (roam->check_at_ns != RUDP_NEVER)
		return; /* epoll reports errors anyway; do not postpone the check */
	roam->check_at_ns =
		rudp_time_max(engine->now_at_ns + RUDP_ROAM_SETTLE_NS, roam->not_before_ns);
	/* Until the check no message wakes the engine: a router changes its routes all the time. */
	rudp_engine_rewatch(engine, roam->fd, 0, roam->id);
}

/* The content is ignored: the check reads the present state. */
static void discard_messages(const struct rudp_roam *roam)
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

static bool is_same_lookup(const struct check *check, const struct rudp_addr *remote,
			   const struct rudp_udp_route *route)
{
	return check->remote.family == remote->family &&
	       rudp_addr_same_host(&check->remote, remote) &&
	       check->route.device == route->device && check->route.mark == route->mark;
}

/*
 * Whether the connection from local should move to check->source. false: it should stay, or there
 * is no route to the peer.
 */
static bool must_move(struct check *check, const struct rudp_addr *local,
		      const struct rudp_addr *remote, const struct rudp_udp_route *route)
{
	const char *before, *now;

	if (rudp_addr_is_loopback(remote))
		return false;
	if (!is_same_lookup(check, remote, route)) {
		check->remote = *remote;
		check->route = *route;
		check->rc = rudp_udp_source_by(remote, route, &check->source);
	}
	if (check->rc < 0 || rudp_addr_same_host(&check->source, local))
		return false;
	before = interface_of(check->own, local);
	now = interface_of(check->own, &check->source);
	return !before || (now && strcmp(before, now) != 0);
}

/*
 * A connected socket belongs to one connection, so it is reconnected. An unconnected socket may
 * serve many, so only the connection's source address changes.
 */
static int find_source(struct check *check, struct rudp_udp *udp, struct rudp_addr *local)
{
	int rc;

	if (!udp->connected) {
		*local = check->source;
		rudp_addr_set_port(local, rudp_addr_port(&udp->local));
		return 0;
	}
	rc = rudp_udp_connect_anew(check->engine, udp);
	*local = udp->local;
	return rc;
}

static void move(struct check *check, struct rudp_conn *conn, struct rudp_udp *udp)
{
	struct rudp_addr before = *rudp_conn_path_local(conn), local;

	if (find_source(check, udp, &local) < 0)
		return;
	if (check->moved++ == 0) {
		check->from = before;
		check->to = local;
	}
	rudp_conn_rebind(conn, udp, &local, check->engine->now_at_ns);
}

static bool check_conn(void *context, struct rudp_conn *conn)
{
	static const struct rudp_udp_route no_route_options;
	struct check *check = context;
	struct rudp_udp *udp = rudp_conn_socket(conn);

	if (udp)
		rudp_conn_probe(conn, check->engine->now_at_ns);
	if (!udp || !rudp_conn_is_initiator(conn) ||
	    (!udp->connected && !rudp_addr_is_any(&udp->local)))
		return true;
	if (udp->reconnect_failed ||
	    must_move(check, rudp_conn_path_local(conn), rudp_conn_remote(conn),
		      udp->connected ? &udp->route : &no_route_options))
		move(check, conn, udp);
	return true;
}

static bool is_own(void *own, const struct rudp_addr *addr)
{
	return rudp_addr_is_loopback(addr) || interface_of(own, addr);
}

/*
 * With many connections a check takes long. The pause after it is a multiple of its duration, so
 * that checks use a small part of the time.
 */
static void set_pause(struct rudp_roam *roam, int64_t began_at_ns)
{
	int64_t ended_at_ns = rudp_clock_now_ns();
	int64_t pause_ns = RUDP_ROAM_REST_TIMES * rudp_time_max(ended_at_ns - began_at_ns, 0);

	roam->not_before_ns = began_at_ns + rudp_time_max(RUDP_ROAM_AGAIN_NS, pause_ns);
}

void rudp_roam_check(struct rudp_engine *engine)
{
	char from[RUDP_ADDR_TEXT_SIZE], to[RUDP_ADDR_TEXT_SIZE];
	struct rudp_roam *roam = &engine->roam;
	struct check check = {.engine = engine};
	unsigned conns = rudp_endpoint_conn_count(engine->ep);
	struct ifaddrs *own;

	discard_messages(roam);
	roam->check_at_ns = RUDP_NEVER;
	rudp_engine_rewatch(engine, roam->fd, EPOLLIN, roam->id);
	rudp_udp_drop_spares(engine);
	if ((conns > 0 || engine->route_cache.count > 0) && getifaddrs(&own) == 0) {
		check.own = own;
		rudp_route_cache_forget_unless(&engine->route_cache, is_own, own);
		rudp_endpoint_visit(engine->ep, check_conn, &check);
		freeifaddrs(own);
	}
	set_pause(roam, engine->now_at_ns);
	if (check.moved > 0)
		rudp_log(RUDP_LOG_INFO,
			 "addresses have changed: %u connections moved, one from %s to %s",
			 check.moved, rudp_addr_format(&check.from, from),
			 rudp_addr_format(&check.to, to));
}
