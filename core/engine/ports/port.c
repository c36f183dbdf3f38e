/* SPDX-License-Identifier: MIT */
#include "engine/ports/port.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/config/policy.h"
#include "engine/ports/port_leaving.h"
#include "engine/ports/port_share.h"

#define PORT_TRIES_MAX 64

static void set_flag(int fd, int level, int option, bool on)
{
	int value = on;

	setsockopt(fd, level, option, &value, sizeof value);
}

/* Binds a kernel TCP socket: the kernel decides whether this port is free. Returns it or -errno. */
static int hold_tcp(const struct rudp_binding *binding, struct rudp_addr *local)
{
	int fd = socket(local->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (local->family == AF_INET6)
		set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, binding->v6only);
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR, binding->reuse_address);
	set_flag(fd, SOL_SOCKET, SO_REUSEPORT, binding->reuse_port);
	set_flag(fd, IPPROTO_IP, IP_FREEBIND, binding->options.freebind);
	if (bind(fd, &local->sa, rudp_addr_len(local)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		rc = -errno;
	else
		rc = rudp_addr_from_sockaddr(local, (struct sockaddr *)&name, len);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/*
 * Connections of a closed listener still use its UDP socket. As with TCP, only a listener with
 * SO_REUSEADDR or SO_REUSEPORT may share the port with them.
 */
static bool orphan_blocks(const struct rudp_engine *engine, const struct rudp_udp *udp,
			  const struct rudp_binding *binding)
{
	return udp->owners == 0 && !binding->reuse_address && !binding->reuse_port &&
	       rudp_endpoint_uses_socket(engine->ep, udp, RUDP_STATE_TIME_WAIT);
}

/*
 * The policy's fixed UDP port: one socket serves all TCP ports of an address. Bindings do not
 * compete for it, so only a socket of another program can be in the way.
 */
static int hold_fixed_udp(struct rudp_engine *engine, const struct rudp_binding *binding,
			  const struct rudp_addr *local, uint16_t fixed, struct rudp_udp **out)
{
	const struct rudp_udp_options options = {.v6only = binding->v6only};
	struct rudp_addr wire = *local;
	struct rudp_udp *udp;

	rudp_addr_set_port(&wire, fixed);
	udp = rudp_udp_find(engine, &wire, binding->v6only);
	if (!udp)
		return rudp_udp_open(engine, &wire, &options, out);
	rudp_udp_hold(udp);
	*out = udp;
	return 0;
}

/*
 * Workers with a common SO_REUSEPORT listener, each with an engine in a thread, must also share the
 * UDP port. No other engine shares it.
 */
static int open_udp(struct rudp_engine *engine, const struct rudp_binding *binding,
		    const struct rudp_addr *local, const struct rudp_udp_options *options,
		    struct rudp_udp **out)
{
	return binding->reuse_port && engine->stays
		       ? rudp_port_share_open_udp(engine, local, options, out)
		       : rudp_udp_open(engine, local, options, out);
}

static int hold_udp(struct rudp_engine *engine, const struct rudp_binding *binding,
		    const struct rudp_addr *local, struct rudp_udp **out)
{
	struct rudp_udp_options options = {.v6only = binding->v6only,
					   .freebind = binding->options.freebind,
					   .device = binding->options.route.device};
	struct rudp_udp *udp = rudp_udp_find(engine, local, binding->v6only);
	uint16_t port = rudp_addr_port(local);
	uint16_t fixed = rudp_policy_settings(engine->settings.policy)->udp_port;
	int rc;

	if (fixed)
		return hold_fixed_udp(engine, binding, local, fixed, out);
	if (udp && orphan_blocks(engine, udp, binding))
		return -EADDRINUSE;
	if (udp) {
		rudp_udp_hold(udp);
		*out = udp;
		return 0;
	}
	rc = open_udp(engine, binding, local, &options, out);
	if (rc != -EADDRINUSE || !rudp_udp_has_port(engine, port))
		return rc;
	/*
	 * Our own sockets with this port are connected, or bound to another address. The TCP side
	 * has allowed the port already, so let the UDP sockets share it. Only for this moment: with
	 * SO_REUSEADDR, another user may bind the port too, and gets its datagrams.
	 */
	rudp_udp_share_port(engine, port, true);
	options.reuse_address = true;
	rc = open_udp(engine, binding, local, &options, out);
	rudp_udp_share_port(engine, port, false);
	return rc;
}

/*
 * Programs use one number for TCP and UDP (iperf3 -u, HTTP/3). If another program has the UDP port,
 * the TCP port is still granted, unless only rudp is allowed. If only TCP is allowed, the UDP
 * port is not taken.
 */
static int hold_udp_or_hide(struct rudp_engine *engine, const struct rudp_binding *binding,
			    const struct rudp_addr *local, struct rudp_udp **out)
{
	enum rudp_way way =
		rudp_engine_decide(engine, RUDP_DIRECTION_LISTEN, local, &binding->program).way;
	int rc;

	if (way == RUDP_WAY_TCP)
		return rudp_udp_open_hidden(engine, local, binding->v6only,
					    binding->options.freebind, out);
	rc = hold_udp(engine, binding, local, out);
	if (rc != -EADDRINUSE || way != RUDP_WAY_AUTO || rudp_addr_port(&binding->local) == 0 ||
	    rudp_udp_has_port(engine, rudp_addr_port(local)))
		return rc;
	rudp_log(RUDP_LOG_INFO, "%s (pid %u): UDP port %u is in use; accepting plain TCP only",
		 binding->program.name, binding->program.pid, rudp_addr_port(local));
	return rudp_udp_open_hidden(engine, local, binding->v6only, binding->options.freebind, out);
}

/* If any port will do, tries until one is free in TCP and UDP. */
static int hold_both(struct rudp_engine *engine, struct rudp_binding *binding,
		     struct rudp_udp **udp)
{
	int rc = -EADDRINUSE;

	for (int i = 0; i < PORT_TRIES_MAX; i++) {
		struct rudp_addr local = binding->local;
		int fd = hold_tcp(binding, &local);

		if (fd < 0)
			return fd;
		rc = hold_udp_or_hide(engine, binding, &local, udp);
		if (rc == 0) {
			binding->tcp_fd = fd;
			binding->local = local;
			return 0;
		}
		close(fd);
		if (rc != -EADDRINUSE || rudp_addr_port(&binding->local) != 0)
			return rc;
	}
	return rc;
}

static struct rudp_port *find_port(const struct rudp_udp *udp, uint16_t number)
{
	RUDP_LIST_EACH(struct rudp_port, port, &udp->ports, link)
		if (port->number == number)
			return port;
	return NULL;
}

static struct rudp_port *make_port(struct rudp_udp *udp, uint16_t number)
{
	struct rudp_port *port = calloc(1, sizeof *port);

	if (!port)
		return NULL;
	port->udp = udp;
	port->number = number;
	rudp_list_init(&port->bindings);
	rudp_list_append(&udp->ports, &port->link);
	return port;
}

int rudp_port_join(struct rudp_engine *engine, struct rudp_binding *binding, struct rudp_udp *udp)
{
	uint16_t number = rudp_addr_port(&binding->local);
	struct rudp_port *port = find_port(udp, number);
	bool had = port != NULL;

	if (!port)
		port = make_port(udp, number);
	if (had || !port)
		rudp_udp_release(engine, udp); /* the port object has one reference already */
	if (!port)
		return -ENOMEM;
	binding->port = port;
	rudp_list_append(&port->bindings, &binding->link);
	return 0;
}

void rudp_port_leave(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_port *port = binding->port;

	binding->port = NULL;
	if (!port)
		return;
	rudp_list_remove(&binding->link);
	if (!rudp_list_is_empty(&port->bindings))
		return;
	if (port->listener)
		rudp_listener_close(port->listener, engine->now_at_ns);
	rudp_list_remove(&port->link);
	rudp_udp_release(engine, port->udp);
	free(port);
}

int rudp_port_take(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_udp *udp;
	int rc = hold_both(engine, binding, &udp);

	if (rc == -EADDRINUSE) {
		/*
		 * The port may belong to a program's socket that was closed a moment ago: check,
		 * then try again.
		 */
		rudp_binding_probe_all(engine);
		if (rudp_addr_port(&binding->local) != 0) {
			rudp_binding_probe_closely(engine, &binding->local);
			rudp_port_leaving_wait(rudp_addr_port(&binding->local));
		}
		rudp_app_look_for_hangups(engine, rudp_addr_port(&binding->local));
		rudp_udp_close_orphans(engine);
		rc = hold_both(engine, binding, &udp);
	}
	if (rc == -EADDRINUSE)
		rudp_log(RUDP_LOG_INFO, "%s (pid %u): port %u is in use, in TCP or in UDP",
			 binding->program.name, binding->program.pid,
			 rudp_addr_port(&binding->local));
	if (rc < 0)
		return rc;
	if (rudp_binding_is_blocked(engine, binding)) {
		rudp_udp_release(engine, udp);
		return -EADDRINUSE;
	}
	return rudp_port_join(engine, binding, udp);
}

int rudp_port_take_adopted(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_udp *udp;
	int rc = hold_udp(engine, binding, &binding->local, &udp);

	return rc < 0 ? rc : rudp_port_join(engine, binding, udp);
}

bool rudp_port_is_hidden(const struct rudp_engine *engine, const struct rudp_port *port)
{
	return !rudp_policy_settings(engine->settings.policy)->udp_port &&
	       rudp_addr_port(&port->udp->local) != port->number;
}
