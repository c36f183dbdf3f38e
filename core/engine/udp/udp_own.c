/* SPDX-License-Identifier: MIT */
#include "engine/udp/udp.h"

/* A false match only costs one read of an empty queue. */
static bool is_for(const struct rudp_udp *udp, const struct rudp_addr *to)
{
	if (rudp_addr_port(&udp->local) != rudp_addr_port(to))
		return false;
	return rudp_addr_is_any(&udp->local) ? !udp->v6only || to->family == AF_INET6
					     : rudp_addr_same_host(&udp->local, to);
}

struct rudp_udp *rudp_udp_own_at(struct rudp_engine *engine, const struct rudp_addr *to)
{
	struct rudp_list *head = &engine->udps_by_port[rudp_port_bucket(to)];

	if (!rudp_addr_is_loopback(to))
		return NULL;
	RUDP_LIST_EACH(struct rudp_udp, udp, head, port_link) {
		if (is_for(udp, to))
			return udp;
	}
	return NULL;
}
