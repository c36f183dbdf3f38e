/* SPDX-License-Identifier: MIT */
#include "engine/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mark.h"
#include "base/log.h"
#include "engine/binding.h"
#include "engine/udp.h"

/* Any address means this host; the rest is as kernel TCP answers it. */
static int check_remote(struct rudp_addr *remote, unsigned mark_flags)
{
	bool v6 = (mark_flags & RUDP_MARK_IPV6) != 0;

	if (remote->family != AF_INET && remote->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (remote->family == AF_INET6 && !v6)
		return -EAFNOSUPPORT;
	if (remote->family == AF_INET && v6 && mark_flags & RUDP_MARK_V6ONLY)
		return -ENETUNREACH;
	rudp_addr_resolve_any(remote);
	if (remote->family == AF_INET &&
	    (IN_MULTICAST(ntohl(remote->in4.sin_addr.s_addr)) ||
	     remote->in4.sin_addr.s_addr == htonl(INADDR_BROADCAST)))
		return -ENETUNREACH;
	if (remote->family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&remote->in6.sin6_addr))
		return -ENETUNREACH;
	return rudp_addr_port(remote) == 0 ? -ECONNREFUSED : 0;
}

/*
 * A program that has bound its socket speaks from there. That socket stays unconnected: others may
 * share it. Where it was bound to any address, routing says which one it is.
 */
static int from_binding(struct rudp_engine *engine, const struct rudp_binding *binding,
			const struct rudp_addr *remote, struct rudp_udp **udp,
			struct rudp_addr *local)
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
		rc = rudp_udp_source_for(remote, local);
		if (rc < 0)
			return rc;
		rudp_addr_set_port(local, port);
	}
	*udp = binding->port->udp;
	rudp_udp_hold(engine, *udp);
	return 0;
}

/* With one hold on *udp for the caller. */
static int choose_socket(struct rudp_engine *engine, const struct rudp_binding *binding,
			 const struct rudp_addr *remote, struct rudp_udp **udp,
			 struct rudp_addr *local)
{
	int rc;

	if (binding)
		return from_binding(engine, binding, remote, udp, local);
	rc = rudp_udp_open_connected(engine, remote, udp);
	if (rc == 0)
		*local = (*udp)->local;
	return rc;
}

static bool is_connected(int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof un;

	return getpeername(fd, (struct sockaddr *)&un, &len) == 0;
}

static int make_app(struct rudp_engine *engine, struct rudp_call *call,
		    const struct rudp_binding *binding, const struct rudp_addr *remote,
		    struct rudp_app **out)
{
	struct rudp_sock_options options;
	struct rudp_addr local;
	struct rudp_conn *conn;
	struct rudp_udp *udp;
	int rc = choose_socket(engine, binding, remote, &udp, &local);

	if (rc < 0)
		return rc;
	rudp_sock_options_read(&options, call->held_fd, &engine->settings);
	conn = rudp_endpoint_connect(engine->ep, udp, &local, remote, rudp_addr_port(remote),
				     &options.conn, engine->now_at_ns, &rc);
	/* From here on the connection keeps the socket; the sweep sees that. */
	rudp_udp_release(engine, udp);
	if (!conn)
		return rc;
	*out = rudp_app_new(engine, conn, &options, &local, remote);
	if (!*out) {
		rudp_conn_close(conn, engine->now_at_ns);
		return -ENOMEM;
	}
	rudp_engine_look_at_program(engine, call->pid, &(*out)->program);
	return 0;
}

static int join_and_plug(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int rc = rudp_app_join(engine, app, program_fd);

	return rc < 0 ? rc : rudp_app_plug(app, program_fd);
}

int rudp_connect_begin(struct rudp_engine *engine, struct rudp_call *call,
		       const struct rudp_control_request *request, unsigned mark_flags,
		       struct rudp_app **app)
{
	const struct rudp_binding *binding = rudp_binding_of(engine, call->held_fd);
	struct rudp_addr remote = request->addr;
	int rc;

	if (is_connected(call->held_fd) || (binding && binding->listening))
		return -EISCONN;
	rc = check_remote(&remote, mark_flags);
	if (rc == 0)
		rc = make_app(engine, call, binding, &remote, app);
	if (rc < 0)
		return rc;
	if (!(request->flags & RUDP_CONTROL_NONBLOCKING)) {
		(*app)->call_id = call->id;
		call->app_id = (*app)->id;
		return 0;
	}
	rc = join_and_plug(engine, *app, call->held_fd);
	if (rc < 0) {
		rudp_app_free(engine, *app);
		return rc;
	}
	return -EINPROGRESS;
}

int rudp_connect_go_on(struct rudp_engine *engine, struct rudp_call *call, struct rudp_app *app)
{
	int rc = join_and_plug(engine, app, call->held_fd);

	app->call_id = 0;
	call->app_id = 0;
	if (rc < 0)
		rudp_app_free(engine, app);
	return rc;
}

static void answer(struct rudp_engine *engine, struct rudp_app *app, int error)
{
	struct rudp_call *call = rudp_call_find(engine, app->call_id);
	struct rudp_control_reply reply = {.operation = RUDP_CONTROL_CONNECT,
					   .error = error,
					   .id = app->id,
					   .local = app->local,
					   .remote = app->remote};

	app->call_id = 0;
	if (call)
		rudp_call_answer(engine, call, &reply);
}

static void log_established(const struct rudp_app *app)
{
	char local[RUDP_ADDR_TEXT_SIZE], remote[RUDP_ADDR_TEXT_SIZE];

	if (rudp_log_wants(RUDP_LOG_INFO))
		rudp_log(RUDP_LOG_INFO, "%s (pid %u): %s is connected to %s", app->program.name,
			 app->program.pid, rudp_addr_format(&app->local, local),
			 rudp_addr_format(&app->remote, remote));
}

static int join_now(struct rudp_engine *engine, struct rudp_app *app)
{
	const struct rudp_call *call = rudp_call_find(engine, app->call_id);
	int rc;

	if (!call || call->held_fd < 0)
		return -ECONNABORTED;
	rc = rudp_app_join(engine, app, call->held_fd);
	if (rc == 0)
		rc = rudp_app_put_sentinel(app, call->held_fd);
	return rc;
}

void rudp_connect_on_established(struct rudp_engine *engine, struct rudp_app *app)
{
	int rc = app->call_id ? join_now(engine, app) : 0;

	if (rc < 0) {
		answer(engine, app, -rc);
		rudp_app_reset(engine, app);
		return;
	}
	log_established(app);
	app->stage = RUDP_APP_OPEN;
	rudp_app_unplug(engine, app);
	if (app->call_id)
		answer(engine, app, 0);
}

void rudp_connect_on_failed(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->call_id)
		answer(engine, app, app->error);
	/* A plugged end is closed with the plug unread: the very poll bits of a refused TCP connect. */
	rudp_app_free(engine, app);
}
