/* SPDX-License-Identifier: MIT */
#include "engine/ports/udp_port_release.h"

#include <errno.h>

#include "base/log.h"
#include "engine/config/policy.h"
#include "engine/failover/failover_state.h"
#include "engine/ports/port.h"
#include "engine/udp/udp.h"
#include "engine/udp/udp_spare.h"

/* Two sockets with the same port conflict unless they are bound to different addresses. */
static bool conflicts(const struct rudp_udp *udp, const struct rudp_addr *addr)
{
	if (udp->connected || rudp_addr_port(&udp->local) != rudp_addr_port(addr))
		return false;
	return rudp_addr_is_any(&udp->local) || rudp_addr_is_any(addr) ||
	       rudp_addr_same_host(&udp->local, addr);
}

static bool may_be_plain(struct rudp_engine *engine, const struct rudp_port *port)
{
	RUDP_LIST_EACH(const struct rudp_binding, binding, &port->bindings, link) {
		if (rudp_engine_decide(engine, RUDP_DIRECTION_LISTEN, &binding->local,
				       &binding->program)
			    .way == RUDP_WAY_RUDP)
			return false;
	}
	return true;
}

static bool may_release(struct rudp_engine *engine, const struct rudp_udp *udp)
{
	/* All listeners share a fixed port. */
	if (rudp_policy_settings(engine->settings.policy)->udp_port)
		return false;
	RUDP_LIST_EACH(const struct rudp_port, port, &udp->ports, link) {
		if (!may_be_plain(engine, port))
			return false;
	}
	/* In TIME_WAIT everything is exchanged. Programs that restart bind the port meanwhile. */
	return !rudp_endpoint_uses_socket(engine->ep, udp, RUDP_STATE_LAST_ACK);
}

static int move_port(struct rudp_engine *engine, struct rudp_port *port)
{
	const struct rudp_binding *first =
		RUDP_LIST_OWNER(port->bindings.next, struct rudp_binding, link);
	struct rudp_udp *old = port->udp, *hidden;
	int rc = rudp_udp_open_hidden(engine, &old->local, old->v6only, first->options.freebind,
				      &hidden);

	if (rc < 0)
		return rc;
	port->udp = hidden;
	if (port->listener)
		rudp_listener_close(port->listener, engine->now_at_ns);
	port->listener = NULL;
	rudp_list_remove(&port->link);
	rudp_list_append(&port->udp->ports, &port->link);
	RUDP_LIST_EACH(struct rudp_binding, binding, &port->bindings, link)
		rudp_failover_listener(engine, binding);
	rudp_udp_release(engine, old);
	rudp_log(RUDP_LOG_INFO, "UDP port %u is released to a program; accepting plain TCP only",
		 port->number);
	return 0;
}

static int release_socket(struct rudp_engine *engine, struct rudp_udp *udp)
{
	int rc = 0;

	if (!may_release(engine, udp))
		return -EADDRINUSE;
	while (rc == 0 && !rudp_list_is_empty(&udp->ports))
		rc = move_port(engine, RUDP_LIST_OWNER(udp->ports.next, struct rudp_port, link));
	if (rc == 0 && udp->owners == 0)
		rudp_udp_close(engine, udp);
	return rc;
}

int rudp_udp_port_release(struct rudp_engine *engine, const struct rudp_addr *addr)
{
	struct rudp_list *head = &engine->udps_by_port[rudp_port_bucket(addr)];
	int rc = -ENOENT;

	rudp_udp_close_orphans(engine);
	rudp_udp_drop_spares_with(engine, rudp_addr_port(addr));
	RUDP_LIST_EACH_SAFE(struct rudp_udp, udp, head, port_link) {
		if (!conflicts(udp, addr))
			continue;
		rc = release_socket(engine, udp);
		if (rc < 0)
			return rc;
	}
	return rc;
}
