/* SPDX-License-Identifier: MIT */
#include "engine/ports/listener.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mark.h"
#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/carrier/tcp.h"
#include "engine/control/caller.h"
#include "engine/failover/failover_state.h"
#include "engine/identity/peer_check.h"
#include "engine/ports/port.h"

/*
 * The engine calls listen(), so SO_PEERCRED of the listener names it, which the shim's accept
 * checks.
 */
static int listen_native(int fd, int backlog)
{
	return listen(fd, backlog) < 0 ? -errno : 0;
}

static unsigned waiting_max_of(const struct rudp_binding *binding)
{
	return binding->backlog < 0 || binding->backlog > SOMAXCONN ? SOMAXCONN
								    : (unsigned)binding->backlog;
}

/* The sum of the backlogs of all programs on this port. */
static unsigned backlog_of(const struct rudp_port *port)
{
	unsigned sum = 0;

	RUDP_LIST_EACH(const struct rudp_binding, binding, &port->bindings, link) {
		if (rudp_binding_serves_rudp(binding))
			sum += waiting_max_of(binding);
	}
	return sum;
}

/* The program's own setting has precedence; the rule is for programs without one. */
static unsigned early_max_of_binding(const struct rudp_binding *binding)
{
	if (binding->options.early_max > 0 || !binding->early)
		return binding->options.early_max;
	return waiting_max_of(binding);
}

/* It is not known in advance which binding gets a connection: all of them must want early data. */
static unsigned early_max_of(const struct rudp_port *port)
{
	unsigned sum = 0;

	RUDP_LIST_EACH(const struct rudp_binding, binding, &port->bindings, link) {
		if (!rudp_binding_serves_rudp(binding))
			continue;
		if (early_max_of_binding(binding) == 0)
			return 0;
		sum += early_max_of_binding(binding);
	}
	return sum;
}

static void set_limits(const struct rudp_port *port)
{
	if (!port->listener)
		return;
	rudp_listener_set_backlog(port->listener, backlog_of(port));
	rudp_listener_set_early(port->listener, early_max_of(port));
}

void rudp_listener_on_options(struct rudp_engine *engine, struct rudp_binding *binding)
{
	set_limits(binding->port);
	/* With SO_REUSEPORT several bindings have one listener: the options set last apply. */
	if (binding->port->listener && rudp_binding_serves_rudp(binding))
		rudp_listener_set_options(binding->port->listener, &binding->options.conn);
	rudp_failover_listener(engine, binding);
}

/*
 * A port on which only rudp is served must be taken like a listening one: SO_REUSEADDR would let
 * others in.
 */
static void guard_tcp(const struct rudp_binding *binding, bool guard)
{
	int value = binding->reuse_address && !guard;

	if (!binding->adopted)
		setsockopt(binding->tcp_fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value);
}

struct rudp_binding *rudp_listener_on_tcp_for(const struct rudp_binding *binding)
{
	const struct rudp_list *bindings = &binding->port->bindings;

	if (!rudp_binding_serves_tcp(binding))
		return NULL;
	RUDP_LIST_EACH(struct rudp_binding, other, bindings, link) {
		if (other->tcp_listening && rudp_listener_shares_tcp(other, binding))
			return other;
	}
	return NULL;
}

/* The sum of the backlogs of all that share this one's kernel socket, this one included. */
static int tcp_backlog_of(const struct rudp_binding *binding)
{
	const struct rudp_list *bindings = &binding->port->bindings;
	unsigned sum = 0;

	RUDP_LIST_EACH(const struct rudp_binding, other, bindings, link) {
		if (rudp_binding_serves_tcp(other) && rudp_listener_shares_tcp(other, binding))
			sum += waiting_max_of(other);
	}
	return sum > SOMAXCONN ? SOMAXCONN : (int)sum;
}

static int watch_tcp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	int rc = rudp_engine_watch(engine, binding->tcp_fd, EPOLLIN | EPOLLET, binding->id);

	if (rc == 0)
		binding->tcp_listening = binding->tcp_may_accept = true;
	return rc;
}

static int start_tcp(struct rudp_engine *engine, struct rudp_binding *binding, int fd)
{
	struct rudp_binding *front = rudp_listener_on_tcp_for(binding);
	struct rudp_stored_options stored;
	bool has_stored = rudp_stored_options_get(fd, &stored) == 0;
	int tcp_fd = front ? front->tcp_fd : binding->tcp_fd;

	guard_tcp(binding, false);
	rudp_tcp_put_options(tcp_fd, has_stored ? &stored : NULL, &binding->options);
	if (listen(tcp_fd, tcp_backlog_of(binding)) < 0)
		return -errno;
	return front ? 0 : watch_tcp(engine, binding);
}

/*
 * When a socket stops listening the kernel resets its pending handshakes. The engine closes it some
 * time after the program has closed its listener. So the socket continues to listen for
 * another binding.
 */
static bool hand_tcp_socket_over(struct rudp_engine *engine, struct rudp_binding *binding)
{
	const struct rudp_list *bindings = &binding->port->bindings;

	RUDP_LIST_EACH(struct rudp_binding, other, bindings, link) {
		int fd = other->tcp_fd;

		if (other == binding || !rudp_binding_serves_tcp(other) ||
		    !rudp_listener_shares_tcp(other, binding) ||
		    rudp_engine_rewatch(engine, binding->tcp_fd, EPOLLIN | EPOLLET, other->id) < 0)
			continue;
		other->tcp_fd = binding->tcp_fd;
		other->tcp_listening = other->tcp_may_accept = true;
		binding->tcp_fd = fd;
		rudp_failover_listener(engine, other);
		return true;
	}
	return false;
}

/* The port stays taken, but peers are refused from now on. */
static void stop_tcp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	if (!binding->tcp_listening)
		return;
	binding->tcp_listening = binding->tcp_may_accept = false;
	if (hand_tcp_socket_over(engine, binding))
		return;
	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, binding->tcp_fd, NULL);
	if (binding->adopted)
		return;
	shutdown(binding->tcp_fd, SHUT_RD);
	/*
	 * shutdown() gives back a port that the kernel has chosen, so bind it again. A requested
	 * port stays bound.
	 */
	(void)bind(binding->tcp_fd, &binding->local.sa, rudp_addr_len(&binding->local));
}

/*
 * No plain TCP from now on. A service manager's socket continues to listen, because the manager
 * shares it. Its peers are reset (rudp_listener_on_tcp): otherwise they would wait for ever.
 */
static int refuse_tcp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	int rc = 0;

	guard_tcp(binding, true);
	if (!binding->adopted)
		stop_tcp(engine, binding);
	else if (!binding->tcp_listening)
		rc = watch_tcp(engine, binding);
	return rc;
}

static int start_rudp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_port *port = binding->port;

	if (rudp_port_is_hidden(engine, port) && binding->way == RUDP_WAY_AUTO)
		return 0;
	if (!port->listener)
		port->listener =
			rudp_endpoint_listen(engine->ep, port->udp, rudp_addr_port(&binding->local),
					     0, port, &binding->options.conn);
	set_limits(port);
	return port->listener ? 0 : -ENOMEM;
}

static bool any_serves_rudp(const struct rudp_port *port)
{
	RUDP_LIST_EACH(struct rudp_binding, binding, &port->bindings, link)
		if (rudp_binding_serves_rudp(binding))
			return true;
	return false;
}

static void stop_rudp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	if (!binding->port->listener)
		return;
	if (any_serves_rudp(binding->port)) {
		set_limits(binding->port);
		return;
	}
	rudp_listener_close(binding->port->listener, engine->now_at_ns);
	binding->port->listener = NULL;
}

static const char *carried_by(enum rudp_transport transport)
{
	return transport == RUDP_TRANSPORT_BOTH  ? "rudp and plain TCP"
	       : transport == RUDP_TRANSPORT_TCP ? "plain TCP"
						 : "rudp";
}

static void log_listening(const struct rudp_engine *engine, const struct rudp_binding *binding)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	if (rudp_log_wants(RUDP_LOG_INFO))
		rudp_log(RUDP_LOG_INFO, "%s (pid %u) listens on %s for %s", binding->program.name,
			 binding->program.pid, rudp_addr_format(&binding->local, text),
			 carried_by(rudp_listener_transport(engine, binding)));
}

static int start(struct rudp_engine *engine, struct rudp_binding *binding, int fd)
{
	struct rudp_decision decision = rudp_engine_decide(engine, RUDP_DIRECTION_LISTEN,
							   &binding->local, &binding->program);
	int rc;

	binding->way = decision.way;
	binding->policy_line = decision.line;
	binding->early = decision.early;
	binding->listening = true;
	/* A second listen() may find other rules than the first. */
	if (binding->way != RUDP_WAY_RUDP)
		rc = start_tcp(engine, binding, fd);
	else
		rc = refuse_tcp(engine, binding);
	if (rc == 0 && binding->way != RUDP_WAY_TCP)
		rc = start_rudp(engine, binding);
	else
		stop_rudp(engine, binding);
	if (rc < 0)
		rudp_listener_stop(engine, binding);
	return rc;
}

void rudp_listener_forbid_tcp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	binding->way = RUDP_WAY_RUDP;
	if (refuse_tcp(engine, binding) < 0 || start_rudp(engine, binding) < 0)
		rudp_listener_stop(engine, binding);
	else
		rudp_failover_listener(engine, binding);
	log_listening(engine, binding);
}

int rudp_listener_start(struct rudp_engine *engine, struct rudp_binding *binding,
			const struct rudp_call *call, int backlog)
{
	int fd = call->held_fd;
	bool again = binding->listening;
	int rc;

	if (!again && rudp_binding_is_blocked(engine, binding))
		return -EADDRINUSE;
	if (again && backlog == RUDP_CONTROL_AS_BEFORE)
		return listen_native(fd, binding->backlog);
	rc = listen_native(fd, backlog);
	if (rc < 0)
		return rc;
	rudp_sock_options_read(&binding->options, fd, rudp_mark_get(fd), &engine->settings);
	rudp_caller_limit(call, &binding->options);
	binding->backlog = backlog;
	rc = start(engine, binding, fd);
	if (rc == 0)
		rudp_failover_listener(engine, binding);
	if (rc == 0 && !again)
		log_listening(engine, binding);
	return rc;
}

/* epoll reports what waits in the kernel's queues already. */
int rudp_listener_go_on(struct rudp_engine *engine, struct rudp_binding *binding)
{
	int rc = 0;

	if (binding->tcp_listening)
		rc = watch_tcp(engine, binding);
	if (rc == 0 && binding->way != RUDP_WAY_TCP)
		rc = start_rudp(engine, binding);
	return rc;
}

enum rudp_transport rudp_listener_transport(const struct rudp_engine *engine,
					    const struct rudp_binding *binding)
{
	if (binding->way == RUDP_WAY_AUTO && rudp_port_is_hidden(engine, binding->port))
		return RUDP_TRANSPORT_TCP;
	switch (binding->way) {
	case RUDP_WAY_AUTO:
		return RUDP_TRANSPORT_BOTH;
	case RUDP_WAY_TCP:
		return RUDP_TRANSPORT_TCP;
	case RUDP_WAY_RUDP:
		break;
	}
	return RUDP_TRANSPORT_RUDP;
}

void rudp_listener_stop(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_app *waiting = rudp_app_find(engine, binding->waiting_id);

	if (!binding->listening)
		return;
	rudp_failover_forget(engine, binding);
	binding->listening = false;
	if (waiting)
		rudp_app_reset(engine, waiting);
	binding->waiting_id = 0;
	guard_tcp(binding, false);
	stop_tcp(engine, binding);
	stop_rudp(engine, binding);
}

void rudp_listener_reset_queued(struct rudp_engine *engine, const struct rudp_binding *binding)
{
	struct rudp_list *link, *before;

	/* Connections that are not accepted yet are among the newest. */
	for (link = engine->apps.prev; binding->queued > 0 && link != &engine->apps;
	     link = before) {
		struct rudp_app *app = RUDP_LIST_OWNER(link, struct rudp_app, link);

		before = link->prev;
		if (app->binding_id == binding->id && app->stage == RUDP_APP_UNDECIDED &&
		    !rudp_app_is_accepted(engine, app))
			rudp_app_reset(engine, app);
	}
}

void rudp_listener_retry_all(struct rudp_engine *engine)
{
	struct rudp_list turn, *link;

	/* Handling one may close others. Each is in one of the two lists and leaves it then. */
	rudp_list_init(&turn);
	rudp_list_move_all(&engine->bindings, &turn);
	while ((link = rudp_list_pop(&turn))) {
		rudp_list_append(&engine->bindings, link);
		rudp_listener_retry(engine,
				    RUDP_LIST_OWNER(link, struct rudp_binding, all_link)->id);
	}
}

static void probe_port(struct rudp_engine *engine, struct rudp_port *port)
{
	struct rudp_list *link, *next;

	for (link = port->bindings.next; link != &port->bindings; link = next) {
		bool last = link->next == &port->bindings;

		next = link->next;
		/* The port object is freed with its last binding. */
		rudp_binding_probe(engine, RUDP_LIST_OWNER(link, struct rudp_binding, link));
		if (last)
			return;
	}
}

void rudp_listener_probe(struct rudp_engine *engine, const struct rudp_udp *udp, uint16_t port)
{
	RUDP_LIST_EACH(struct rudp_port, one, &udp->ports, link) {
		if (one->number != port)
			continue;
		probe_port(engine, one);
		return; /* the port may be freed */
	}
}
