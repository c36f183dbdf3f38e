/* SPDX-License-Identifier: MIT */
/* The attempt of a connect over rudp: its socket, its addresses, its SYN. */
#include <errno.h>

#include "engine/app/app_side.h"
#include "engine/connect/race_private.h"
#include "engine/ports/binding.h"
#include "engine/ports/port.h"
#include "engine/udp/udp.h"
#include "engine/udp/udp_owner.h"

/* Stores the local address and reserves the pair: no other connection to this peer may use it. */
void rudp_race_set_local(struct rudp_engine *engine, struct rudp_app *app,
			 const struct rudp_addr *local)
{
	if (app->tuple.known && rudp_addr_equal(&app->local, local))
		return;
	app->local = *local;
	rudp_connection_tuple_add(&engine->tuples, &app->tuple, local, &app->remote);
}

/*
 * If the program has bound its socket, the connection uses that address. The UDP socket stays
 * unconnected, as other connections may share it. If it is bound to any address, routing chooses
 * the local address.
 */
static int from_binding(const struct rudp_binding *binding, const struct rudp_addr *remote,
			struct rudp_udp **udp, struct rudp_addr *local)
{
	uint16_t port = rudp_addr_port(&binding->local);
	int rc;

	if (!rudp_addr_is_any(&binding->local)) {
		if (binding->local.family != remote->family)
			return -EINVAL;
		*local = binding->local;
	} else {
		if (binding->local.family == AF_INET && remote->family == AF_INET6)
			return -EINVAL;
		rc = rudp_udp_source_by(remote, &(struct rudp_udp_route){0}, local);
		if (rc < 0)
			return rc;
		rudp_addr_set_port(local, port);
	}
	*udp = binding->port->udp;
	rudp_udp_hold(*udp);
	return 0;
}

/* With a fixed UDP port only the SYN contains the target port. */
struct rudp_addr rudp_race_wire_address(const struct rudp_engine *engine,
					const struct rudp_addr *to)
{
	struct rudp_addr wire = *to;

	if (rudp_policy_settings(engine->settings.policy)->udp_port)
		rudp_addr_set_port(&wire, rudp_policy_settings(engine->settings.policy)->udp_port);
	return wire;
}

/*
 * Peers on this host only: true if a program itself has the UDP port that the SYN would reach, so
 * that no engine answers there. Ports of this engine need no lookup.
 */
static bool is_udp_port_of_program(struct rudp_engine *engine, const struct rudp_addr *local,
				   const struct rudp_addr *wire)
{
	return (rudp_addr_is_loopback(wire) || rudp_addr_same_host(local, wire)) &&
	       !rudp_udp_has_port(engine, rudp_addr_port(wire)) && rudp_udp_owner_is_other(wire);
}

int rudp_race_begin_conn(struct rudp_engine *engine, struct rudp_app *app, struct rudp_udp *udp)
{
	struct rudp_addr wire = rudp_race_wire_address(engine, &app->remote);
	int rc = 0;

	app->carrier.conn = rudp_endpoint_connect(engine->ep, udp, &app->local, &wire,
						  rudp_addr_port(&app->remote), &app->options.conn,
						  engine->now_at_ns, &rc);
	/* The connection has its own reference to the socket now. */
	rudp_udp_release(engine, udp);
	if (!app->carrier.conn)
		return rc;
	rudp_conn_set_user(app->carrier.conn, (void *)(uintptr_t)app->id);
	return 0;
}

int rudp_race_begin_rudp(struct rudp_engine *engine, struct rudp_app *app,
			 const struct rudp_binding *binding)
{
	struct rudp_addr wire = rudp_race_wire_address(engine, &app->remote);
	struct rudp_addr local = app->local;
	struct rudp_udp *udp;
	int rc;

	if (binding) {
		rc = from_binding(binding, &wire, &udp, &local);
		if (rc == 0 &&
		    rudp_connection_tuple_is_taken(engine->tuples, &local, &app->remote)) {
			rudp_udp_release(engine, udp);
			rc = -EADDRNOTAVAIL;
		}
	} else {
		rc = rudp_udp_open_connected(engine, &wire, &app->options.route, &udp);
		if (rc == 0)
			local = udp->local;
	}
	if (rc == 0 && is_udp_port_of_program(engine, &local, &wire)) {
		rudp_udp_release(engine, udp);
		rc = -ECONNREFUSED;
	}
	if (rc < 0)
		return rc;
	rudp_race_set_local(engine, app, &local);
	return rudp_race_begin_conn(engine, app, udp);
}
