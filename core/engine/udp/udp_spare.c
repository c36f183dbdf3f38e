/* SPDX-License-Identifier: MIT */
#include "engine/udp/udp_spare.h"

#include <errno.h>
#include <sys/socket.h>

static struct rudp_udp *spare_of(struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct rudp_udp, spare_link);
}

void rudp_udp_unspare(struct rudp_engine *engine, struct rudp_udp *udp)
{
	if (!rudp_list_is_linked(&udp->spare_link))
		return;
	rudp_list_remove(&udp->spare_link);
	engine->spare_udp_count--;
}

/* A socket with large buffers is not reused: the next connection rarely needs them. */
static bool fits(const struct rudp_udp *udp, const struct rudp_addr *remote,
		 const struct rudp_udp_route *route)
{
	return !udp->had_error && !udp->wide && udp->route.device == route->device &&
	       udp->route.mark == route->mark && rudp_addr_equal(&udp->remote, remote);
}

/*
 * Reconnects the socket. It fails if this host has lost the socket's address and has not noticed
 * yet (roam.h). Without this check the SYN would fail, and the connect with it. A host does not
 * lose loopback addresses, and the check takes half a percent of a local connection's set-up.
 */
static bool reconnect(const struct rudp_udp *udp)
{
	if (rudp_addr_is_loopback(&udp->local) && rudp_addr_is_loopback(&udp->remote))
		return true;
	return connect(udp->fd, &udp->remote.sa, rudp_addr_len(&udp->remote)) == 0;
}

struct rudp_udp *rudp_udp_take_spare(struct rudp_engine *engine, const struct rudp_addr *remote,
				     const struct rudp_udp_route *route)
{
	int64_t since_ns = engine->now_at_ns - RUDP_UDP_SPARE_NS;
	struct rudp_list *link = engine->spare_udps.prev, *before;

	for (unsigned i = 0; i < RUDP_UDP_SPARES_TRIED && link != &engine->spare_udps;
	     i++, link = before) {
		struct rudp_udp *udp = spare_of(link);

		before = link->prev;
		if (udp->spare_since_ns <= since_ns)
			return NULL;
		if (!fits(udp, remote, route))
			continue;
		if (!reconnect(udp)) {
			rudp_udp_close(engine, udp);
			continue;
		}
		rudp_udp_unspare(engine, udp);
		udp->owners = 1;
		udp->narrow_bytes = 0;
		return udp;
	}
	return NULL;
}

/* fd_max is half of the descriptor limit, so this is a sixteenth of the limit. */
static unsigned spares_max(const struct rudp_engine *engine)
{
	unsigned share = (unsigned)engine->closer.fd_max / 8;

	if (share < RUDP_UDP_SPARES_MIN)
		return RUDP_UDP_SPARES_MIN;
	return share < RUDP_UDP_SPARES_MAX ? share : RUDP_UDP_SPARES_MAX;
}

bool rudp_udp_spare(struct rudp_engine *engine, struct rudp_udp *udp)
{
	if (!udp->connected || udp->had_error || udp->fd >= engine->closer.fd_max)
		return false;
	if (engine->spare_udp_count >= spares_max(engine))
		rudp_udp_close(engine, spare_of(engine->spare_udps.next));
	udp->spare_since_ns = engine->now_at_ns;
	rudp_list_remove(&udp->orphan_link);
	rudp_list_append(&engine->spare_udps, &udp->spare_link);
	engine->spare_udp_count++;
	return true;
}

void rudp_udp_drop_spares_with(struct rudp_engine *engine, uint16_t port)
{
	struct rudp_list *head = &engine->udps_by_port[port % RUDP_PORT_BUCKETS];

	RUDP_LIST_EACH_SAFE(struct rudp_udp, udp, head, port_link) {
		if (rudp_addr_port(&udp->local) == port && rudp_list_is_linked(&udp->spare_link))
			rudp_udp_close(engine, udp);
	}
}

void rudp_udp_drop_spares(struct rudp_engine *engine)
{
	while (!rudp_list_is_empty(&engine->spare_udps))
		rudp_udp_close(engine, spare_of(engine->spare_udps.next));
}

bool rudp_udp_gives_way(struct rudp_engine *engine, int rc)
{
	if ((rc != -EMFILE && rc != -ENFILE) || engine->spare_udp_count == 0)
		return false;
	rudp_udp_drop_spares(engine);
	return true;
}

int64_t rudp_udp_spares_deadline_ns(const struct rudp_engine *engine)
{
	return rudp_list_is_empty(&engine->spare_udps)
		       ? RUDP_NEVER
		       : spare_of(engine->spare_udps.next)->spare_since_ns + RUDP_UDP_LINGER_NS;
}

void rudp_udp_drop_old_spares(struct rudp_engine *engine)
{
	while (rudp_udp_spares_deadline_ns(engine) <= engine->now_at_ns)
		rudp_udp_close(engine, spare_of(engine->spare_udps.next));
}
