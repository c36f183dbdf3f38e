/* SPDX-License-Identifier: MIT */
#include "engine/udp/udp.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/ports/port_share.h"
#include "engine/udp/udp_owner.h"
#include "engine/udp/udp_spare.h"

socklen_t rudp_udp_address_for(sa_family_t family, const struct rudp_addr *addr,
			       struct sockaddr_in6 *out)
{
	if (family == AF_INET6 && addr->family == AF_INET) {
		memset(out, 0, sizeof *out);
		out->sin6_family = AF_INET6;
		out->sin6_port = addr->in4.sin_port;
		out->sin6_addr.s6_addr[10] = out->sin6_addr.s6_addr[11] = 0xff;
		memcpy(&out->sin6_addr.s6_addr[12], &addr->in4.sin_addr, 4);
		return sizeof *out;
	}
	memcpy(out, &addr->sa, rudp_addr_len(addr));
	return rudp_addr_len(addr);
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static void set_buffer(int fd, int force, int option)
{
	if (set_int(fd, SOL_SOCKET, force, RUDP_UDP_BUFFER_BYTES) < 0)
		set_int(fd, SOL_SOCKET, option, RUDP_UDP_BUFFER_BYTES);
}

void rudp_udp_widen(struct rudp_udp *udp)
{
	if (udp->wide)
		return;
	udp->wide = true;
	set_buffer(udp->fd, SO_SNDBUFFORCE, SO_SNDBUF);
	set_buffer(udp->fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_int(udp->fd, IPPROTO_UDP, UDP_GRO, 1);
}

/*
 * Errors are ignored: each option is an improvement, not a requirement. PMTUDISC_PROBE sets
 * don't-fragment and ignores the kernel's path MTU: the protocol measures it itself (RFC 8899).
 */
static void set_options(int fd, sa_family_t family)
{
	set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
	set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
	set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	if (family != AF_INET6)
		return;
	set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
}

/* Only for a socket without a fixed address: others receive only datagrams to their own one. */
static void ask_for_addresses(const struct rudp_udp *udp)
{
	set_int(udp->fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (udp->family == AF_INET6)
		set_int(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

static int learn_local(struct rudp_udp *udp)
{
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;

	if (getsockname(udp->fd, (struct sockaddr *)&name, &len) < 0)
		return -errno;
	return rudp_addr_from_sockaddr(&udp->local, (struct sockaddr *)&name, len);
}

static int register_udp(struct rudp_engine *engine, struct rudp_udp *udp)
{
	int rc;

	udp->id = rudp_slots_add(&engine->slots, RUDP_KIND_UDP, udp);
	if (!udp->id)
		return -ENOMEM;
	rc = rudp_engine_watch(engine, udp->fd, EPOLLIN, udp->id);
	if (rc < 0) {
		rudp_slots_remove(&engine->slots, udp->id);
		return rc;
	}
	rudp_list_append(&engine->udps, &udp->link);
	rudp_list_append(&engine->udps_by_port[rudp_port_bucket(&udp->local)], &udp->port_link);
	return 0;
}

/* Returns a descriptor or -errno. */
static int open_fd(sa_family_t family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static void init_fields(struct rudp_udp *udp, sa_family_t family)
{
	udp->share_fd = -1;
	udp->family = family;
	udp->gso = true;
	udp->owners = 1;
	udp->batch = 1;
	rudp_moderation_init(&udp->moderation);
	rudp_list_init(&udp->ports);
}

static struct rudp_udp *make(struct rudp_engine *engine, sa_family_t family, int *error)
{
	struct rudp_udp *udp = rudp_pool_take(&engine->udp_pool);

	*error = -ENOMEM;
	if (!udp)
		return NULL;
	udp->fd = open_fd(family);
	if (rudp_udp_gives_way(engine, udp->fd))
		udp->fd = open_fd(family);
	if (udp->fd < 0) {
		*error = udp->fd;
		rudp_pool_give(&engine->udp_pool, udp);
		return NULL;
	}
	init_fields(udp, family);
	set_options(udp->fd, family);
	return udp;
}

static int abort_open(struct rudp_engine *engine, struct rudp_udp *udp, int rc)
{
	close(udp->fd);
	rudp_pool_give(&engine->udp_pool, udp);
	return rc;
}

/* Last step of opening, when the local address is final. */
static int finish(struct rudp_engine *engine, struct rudp_udp *udp, struct rudp_udp **out)
{
	int rc = learn_local(udp);

	if (rc == 0)
		rc = register_udp(engine, udp);
	if (rc < 0)
		return abort_open(engine, udp, rc);
	*out = udp;
	return 0;
}

int rudp_udp_open(struct rudp_engine *engine, const struct rudp_addr *local,
		  const struct rudp_udp_options *options, struct rudp_udp **out)
{
	int rc;
	struct rudp_udp *udp;

	/* A spare socket is unused, so it must not keep anyone from this port. */
	rudp_udp_drop_spares_with(engine, rudp_addr_port(local));
	udp = make(engine, local->family, &rc);
	if (!udp)
		return rc;
	udp->v6only = options->v6only;
	rudp_udp_widen(udp);
	if (rudp_addr_is_any(local))
		ask_for_addresses(udp);
	if (udp->family == AF_INET6)
		set_int(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, options->v6only);
	if (options->reuse_address)
		set_int(udp->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (options->reuse_port)
		set_int(udp->fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (options->device)
		set_int(udp->fd, SOL_SOCKET, SO_BINDTOIFINDEX, options->device);
	if (options->freebind)
		set_int(udp->fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (bind(udp->fd, &local->sa, rudp_addr_len(local)) < 0)
		return abort_open(engine, udp, -errno);
	rudp_udp_owner_mark(udp->fd);
	return finish(engine, udp, out);
}

int rudp_udp_adopt(struct rudp_engine *engine, int fd, bool v6only, struct rudp_udp **out)
{
	struct rudp_udp *udp = rudp_pool_take(&engine->udp_pool);
	int domain = AF_UNSPEC;
	socklen_t len = sizeof domain;

	if (!udp) {
		close(fd);
		return -ENOMEM;
	}
	udp->fd = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return abort_open(engine, udp, -errno);
	init_fields(udp, (sa_family_t)domain);
	udp->v6only = v6only;
	udp->wide = true;
	return finish(engine, udp, out);
}

/*
 * connect() to a broadcast address needs SO_BROADCAST on a UDP socket. A stream socket would fail
 * for want of a route, so return that error.
 */
static int connect_to(int fd, const struct rudp_addr *remote)
{
	if (connect(fd, &remote->sa, rudp_addr_len(remote)) == 0)
		return 0;
	if (errno != EACCES || set_int(fd, SOL_SOCKET, SO_BROADCAST, 1) < 0)
		return -errno;
	return connect(fd, &remote->sa, rudp_addr_len(remote)) == 0 ? -ENETUNREACH : -errno;
}

/* Fails if device or mark cannot be set: the connection must not take another route. */
static int set_route(int fd, const struct rudp_udp_route *route)
{
	int rc = 0;

	if (route->device)
		rc = set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, route->device);
	if (rc == 0 && route->mark)
		rc = set_int(fd, SOL_SOCKET, SO_MARK, (int)route->mark);
	return rc;
}

int rudp_udp_open_connected(struct rudp_engine *engine, const struct rudp_addr *remote,
			    const struct rudp_udp_route *route, struct rudp_udp **out)
{
	struct rudp_udp *udp = rudp_udp_take_spare(engine, remote, route);
	int rc;

	if (udp) {
		*out = udp;
		return 0;
	}
	udp = make(engine, remote->family, &rc);
	if (!udp)
		return rc;
	rc = set_route(udp->fd, route);
	if (rc == 0)
		rc = connect_to(udp->fd, remote);
	if (rc < 0)
		return abort_open(engine, udp, rc == -EAGAIN ? -EADDRNOTAVAIL : rc);
	udp->connected = true;
	udp->remote = *remote;
	udp->route = *route;
	return finish(engine, udp, out);
}

int rudp_udp_open_hidden(struct rudp_engine *engine, const struct rudp_addr *local, bool v6only,
			 bool freebind, struct rudp_udp **out)
{
	const struct rudp_udp_options options = {.v6only = v6only, .freebind = freebind};
	struct rudp_addr hidden = *local;

	rudp_addr_set_port(&hidden, 0);
	return rudp_udp_open(engine, &hidden, &options, out);
}

int rudp_udp_connect_anew(struct rudp_engine *engine, struct rudp_udp *udp)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	int rc = connect(udp->fd, &nobody, sizeof nobody) < 0 ? -errno : 0;

	/* Disconnecting has also removed the device. */
	if (rc == 0)
		rc = set_route(udp->fd, &udp->route);
	if (rc == 0)
		rc = connect_to(udp->fd, &udp->remote);
	if (rc == 0)
		rc = learn_local(udp);
	udp->reconnect_failed = rc < 0;
	if (rc < 0)
		return rc;
	rudp_list_remove(&udp->port_link);
	rudp_list_append(&engine->udps_by_port[rudp_port_bucket(&udp->local)], &udp->port_link);
	return 0;
}

int rudp_udp_source_by(const struct rudp_addr *remote, const struct rudp_udp_route *route,
		       struct rudp_addr *source)
{
	struct rudp_udp scratch = {0};
	int rc;

	scratch.fd = socket(remote->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (scratch.fd < 0)
		return -errno;
	rc = set_route(scratch.fd, route);
	if (rc == 0)
		rc = connect_to(scratch.fd, remote);
	if (rc == 0)
		rc = learn_local(&scratch);
	close(scratch.fd);
	*source = scratch.local;
	if (rc == 0)
		rudp_addr_set_port(source, 0);
	return rc;
}

void rudp_udp_hold(struct rudp_udp *udp)
{
	udp->owners++;
}

void rudp_udp_release(struct rudp_engine *engine, struct rudp_udp *udp)
{
	if (--udp->owners == 0 && !rudp_list_is_linked(&udp->orphan_link))
		rudp_list_append(&engine->orphan_udps, &udp->orphan_link);
}

void rudp_udp_close(struct rudp_engine *engine, struct rudp_udp *udp)
{
	if (engine->ep)
		rudp_endpoint_socket_gone(engine->ep, udp);
	for (unsigned i = 0; i < udp->pending_count; i++)
		free(udp->pending[i].data);
	free(udp->pending);
	rudp_list_remove(&udp->link);
	rudp_list_remove(&udp->port_link);
	rudp_list_remove(&udp->orphan_link);
	rudp_list_remove(&udp->moderation.link);
	rudp_udp_unspare(engine, udp);
	rudp_slots_remove(&engine->slots, udp->id);
	close(udp->fd);
	rudp_port_share_leave(engine, udp);
	rudp_pool_give(&engine->udp_pool, udp);
}

/* If datagrams wait for space in the socket, they may be the last of a connection: do not close. */
static void close_if_unused(struct rudp_engine *engine, struct rudp_udp *udp, bool ended_well)
{
	if (udp->owners == 0 && udp->pending_count == 0 &&
	    !rudp_endpoint_uses_socket(engine->ep, udp, RUDP_STATE_RESET_SENT) &&
	    !(ended_well && rudp_udp_spare(engine, udp)))
		rudp_udp_close(engine, udp);
}

void rudp_udp_close_orphans(struct rudp_engine *engine)
{
	struct rudp_list *link;
	struct rudp_udp *udp;
	bool ended_well = false;

	while ((udp = rudp_endpoint_next_unused_socket(engine->ep, &ended_well)))
		close_if_unused(engine, udp, ended_well);
	while ((link = rudp_list_pop(&engine->orphan_udps)))
		close_if_unused(engine, RUDP_LIST_OWNER(link, struct rudp_udp, orphan_link), false);
}

/* The next socket with this port, or NULL; before is NULL at first. */
static struct rudp_udp *next_with_port(const struct rudp_engine *engine, uint16_t port,
				       const struct rudp_udp *before)
{
	const struct rudp_list *head = &engine->udps_by_port[port % RUDP_PORT_BUCKETS];
	const struct rudp_list *link = before ? &before->port_link : head;

	while ((link = link->next) != head) {
		struct rudp_udp *udp = RUDP_LIST_OWNER(link, struct rudp_udp, port_link);

		if (rudp_addr_port(&udp->local) == port)
			return udp;
	}
	return NULL;
}

struct rudp_udp *rudp_udp_find(struct rudp_engine *engine, const struct rudp_addr *local,
			       bool v6only)
{
	struct rudp_udp *udp = NULL;

	while ((udp = next_with_port(engine, rudp_addr_port(local), udp)))
		if (!udp->connected && rudp_addr_equal(&udp->local, local) &&
		    (local->family == AF_INET || udp->v6only == v6only))
			return udp;
	return NULL;
}

bool rudp_udp_has_port(struct rudp_engine *engine, uint16_t port)
{
	return next_with_port(engine, port, NULL) != NULL;
}

void rudp_udp_share_port(struct rudp_engine *engine, uint16_t port, bool is_shared)
{
	struct rudp_udp *udp = NULL;

	while ((udp = next_with_port(engine, port, udp)))
		set_int(udp->fd, SOL_SOCKET, SO_REUSEADDR, is_shared);
}

void rudp_udp_on_event(struct rudp_engine *engine, struct rudp_udp *udp, uint32_t events)
{
	if (events & EPOLLERR && rudp_list_is_linked(&udp->spare_link)) {
		rudp_udp_close(engine, udp);
		return;
	}
	if (events & EPOLLERR)
		rudp_udp_receive_errors(engine, udp);
	if (events & EPOLLOUT)
		rudp_udp_send_pending(engine, udp);
	if (events & (EPOLLIN | EPOLLHUP))
		rudp_udp_receive(engine, udp);
}
