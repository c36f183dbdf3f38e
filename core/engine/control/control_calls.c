/* SPDX-License-Identifier: MIT */
/*
 * The operations of the control protocol, one function each. Errors are negative here and positive
 * in the reply.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "api/mark.h"
#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/carrier/tcp.h"
#include "engine/connect/connect.h"
#include "engine/control/caller.h"
#include "engine/control/control.h"
#include "engine/control/forget.h"
#include "engine/control/info.h"
#include "engine/ports/binding.h"
#include "engine/ports/listener.h"
#include "engine/ports/udp_port_release.h"

/* The reply is sent later. */
#define LATER 1

struct work {
	struct rudp_engine *engine;
	struct rudp_call *call;
	const struct rudp_control_request *request;
	const uint8_t *more; /* CONNECT: the bytes that follow the request */
	struct rudp_control_reply reply;
	unsigned mark; /* flags of the descriptor's mark */
};

static int serve_hello(struct work *w)
{
	w->reply.nonce = w->engine->nonce;
	memcpy(w->reply.token, w->engine->token, sizeof w->reply.token);
	w->reply.pid = w->engine->pid;
	rudp_client_add(w->engine, w->call->pid);
	return 0;
}

static int check_local(const struct rudp_addr *addr, unsigned mark)
{
	bool v6 = (mark & RUDP_MARK_IPV6) != 0;

	if (addr->family != AF_INET && addr->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (addr->family == AF_INET6 && !v6)
		return -EAFNOSUPPORT;
	if (addr->family == AF_INET && v6 && mark & RUDP_MARK_V6ONLY)
		return -EINVAL;
	return 0;
}

static int bind_to(struct work *w, const struct rudp_addr *addr, struct rudp_binding **binding)
{
	int rc = check_local(addr, w->mark);

	if (rc < 0)
		return rc;
	if (!rudp_caller_may_bind(w->call, rudp_addr_port(addr)))
		return -EACCES;
	return rudp_binding_new(w->engine, w->call->held_fd, w->mark, addr, w->call->pid, binding);
}

static bool is_named_or_connected(int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof un;

	if (getpeername(fd, (struct sockaddr *)&un, &len) == 0)
		return true;
	len = sizeof un;
	return getsockname(fd, (struct sockaddr *)&un, &len) == 0 && len > sizeof un.sun_family;
}

static int serve_bind(struct work *w)
{
	struct rudp_binding *binding;
	int rc;

	if (is_named_or_connected(w->call->held_fd))
		return -EINVAL;
	rc = bind_to(w, &w->request->addr, &binding);
	if (rc < 0)
		return rc;
	w->reply.local = binding->local;
	w->reply.id = binding->id;
	return 0;
}

static int serve_listen(struct work *w)
{
	struct rudp_binding *binding = rudp_binding_of(w->engine, w->call->held_fd);
	struct rudp_addr any = {.family = w->mark & RUDP_MARK_IPV6 ? AF_INET6 : AF_INET};
	int rc;

	if (!binding) {
		if (is_named_or_connected(w->call->held_fd))
			return -EINVAL;
		rc = bind_to(w, &any, &binding);
		if (rc < 0)
			return rc;
	}
	rc = rudp_listener_start(w->engine, binding, w->call, w->request->number);
	if (rc < 0)
		return rc;
	w->reply.local = binding->local;
	w->reply.id = binding->id;
	return 0;
}

static int serve_adopt(struct work *w)
{
	struct rudp_binding *binding;
	int rc;

	if (is_named_or_connected(w->call->held_fd))
		return -EINVAL;
	rc = rudp_binding_adopt(w->engine, w->call->held_fd, w->mark, w->call->second_fd,
				w->call->pid, &binding);
	if (rc < 0)
		return rc;
	rc = rudp_listener_start(w->engine, binding, w->call, SOMAXCONN);
	if (rc < 0) {
		rudp_binding_close(w->engine, binding);
		return rc;
	}
	w->reply.local = binding->local;
	w->reply.id = binding->id;
	return 0;
}

static int serve_udp_port_release(struct work *w)
{
	return rudp_udp_port_release(w->engine, &w->request->addr);
}

static void fill_identity(struct work *w, const struct rudp_app *app)
{
	w->reply.id = app->id;
	w->reply.local = app->local;
	w->reply.remote = app->remote;
	w->reply.early_bytes = app->early_bytes;
}

static int serve_connect(struct work *w)
{
	struct rudp_app *app = NULL;
	int rc = rudp_connect_begin(w->engine, w->call, w->request, w->more, w->mark, &app);

	if (rc == 0)
		return LATER;
	if (rc == RUDP_CONNECT_BY_KERNEL) {
		w->reply.flags = RUDP_CONTROL_BY_KERNEL;
		return 0;
	}
	if (rc == RUDP_CONNECT_DEFERRED)
		w->reply.flags = RUDP_CONTROL_DEFERRED;
	else if (rc != -EINPROGRESS)
		return rc;
	fill_identity(w, app);
	return rc < 0 ? rc : 0;
}

static int serve_go_on(struct work *w)
{
	struct rudp_app *app = rudp_app_find(w->engine, w->call->app_id);
	int rc;

	if (!app)
		return -EINVAL;
	fill_identity(w, app);
	rc = rudp_connect_go_on(w->engine, w->call, app);
	return rc < 0 ? rc : -EINPROGRESS;
}

static int serve_shutdown(struct work *w)
{
	struct rudp_binding *binding = rudp_binding_of(w->engine, w->call->held_fd);
	struct rudp_app *app = rudp_app_of(w->engine, w->call->held_fd);
	int how = w->request->number;

	if (app && how == SHUT_WR) {
		rudp_ends_on_shutdown_send(&app->ends);
		return 0;
	}
	if (app && (how == SHUT_RD || how == SHUT_RDWR)) {
		rudp_ends_on_shutdown_receive(&app->ends);
		rudp_carrier_shutdown_receive(&app->carrier);
		rudp_app_again(w->engine, app);
		return 0;
	}
	if (!app && rudp_connect_stop(w->engine, w->call->held_fd))
		return 0;
	if (!binding || !binding->listening)
		return -ENOTCONN;
	if (how == SHUT_RD || how == SHUT_RDWR) {
		rudp_listener_stop(w->engine, binding);
		rudp_listener_reset_queued(w->engine, binding);
	}
	return 0;
}

/*
 * While the SYN with a program's first bytes is unanswered, the program may be connected already. A
 * full buffer must not make its next shutdown(2) give up an attempt that is still in progress.
 */
static enum rudp_state state_for_program(const struct rudp_app *app)
{
	enum rudp_state state = rudp_info_state(app);
	bool is_connected = app->stage == RUDP_APP_OPEN && state == RUDP_STATE_SYN_SENT;

	return is_connected ? RUDP_STATE_ESTABLISHED : state;
}

static int serve_error(struct work *w)
{
	const struct rudp_app *app = rudp_app_find(w->engine, w->request->id);

	if (app)
		w->reply.info.state = (uint8_t)state_for_program(app);
	w->reply.id = w->request->id;
	return -rudp_closed_errors_get(&w->engine->closed_errors, w->request->id);
}

static int set_on_tcp(const struct work *w, int fd, size_t len)
{
	const struct rudp_control_request *request = w->request;

	if (request->level == IPPROTO_TCP && request->option == TCP_CONGESTION)
		return rudp_tcp_set_congestion(fd, request->value, len,
					       !rudp_caller_is_net_admin(w->call));
	return rudp_tcp_set(fd, request->level, request->option, request->value, len);
}

static int set_on_app(struct work *w, struct rudp_app *app, size_t len)
{
	struct rudp_conn *conn = app->carrier.conn;
	const struct rudp_cc_ops *cc = app->options.conn.cc;
	int rc = rudp_sock_options_set(&app->options, w->request->level, w->request->option,
				       w->request->value, len);

	if (rc < 0)
		return rc;
	if (w->request->level == SOL_SOCKET && w->request->option == SO_RCVBUF && app->fd >= 0)
		rudp_app_limit_unread(app);
	if (rudp_app_has_half_closed(app))
		rudp_ends_on_shutdown_send(&app->ends);
	if (app->carrier.tcp)
		rc = set_on_tcp(w, app->carrier.tcp->fd, len);
	if (!conn || app->carrier.by_tcp)
		return rc;
	rudp_conn_set_options(conn, &app->options.conn);
	return app->options.conn.cc == cc
		       ? 0
		       : rudp_conn_set_cc(conn, app->options.conn.cc->name, w->engine->now_at_ns);
}

/* Applies to connections accepted from now on, over rudp and over TCP. */
static int set_on_binding(struct work *w, struct rudp_binding *binding, size_t len)
{
	const struct rudp_binding *front = rudp_listener_on_tcp_for(binding);
	int rc;

	if (front)
		(void)set_on_tcp(w, front->tcp_fd, len);
	rc = rudp_sock_options_set(&binding->options, w->request->level, w->request->option,
				   w->request->value, len);
	rudp_listener_on_options(w->engine, binding);
	return rc;
}

static int serve_set(struct work *w)
{
	struct rudp_app *app = rudp_app_of(w->engine, w->call->held_fd);
	struct rudp_binding *binding = rudp_binding_of(w->engine, w->call->held_fd);
	size_t len = (size_t)w->request->number;

	if (w->request->number < 0 || len > sizeof w->request->value)
		return -EINVAL;
	if (app)
		return set_on_app(w, app, len);
	return binding ? set_on_binding(w, binding, len) : -ENOTCONN;
}

static int serve_info(struct work *w)
{
	return rudp_info_fill(w->engine, w->request->id, &w->reply.info) ? 0 : -ENOENT;
}

static int serve_list(struct work *w)
{
	uint64_t cursor = w->request->id;

	if (rudp_info_next(w->engine, &cursor, &w->reply.info))
		w->reply.id = cursor;
	else
		rudp_info_engine(w->engine, &w->reply.engine);
	return 0;
}

static int serve_keys(struct work *w)
{
	uint64_t cursor = w->request->id;

	if (rudp_info_next_key(w->engine, &cursor, &w->reply.key))
		w->reply.id = cursor;
	else
		rudp_info_ended(w->engine, &w->reply.ended);
	return 0;
}

/* A program that has changed its user still has the token, but not these rights. */
static bool is_owner_or_root(const struct work *w)
{
	return w->call->uid == w->engine->uid || w->call->uid == 0;
}

static int serve_revoke(struct work *w)
{
	if (!is_owner_or_root(w))
		return -EACCES;
	if (!w->request->id || !w->engine->settings.has_psk)
		return -ENOKEY;
	rudp_info_ended(w->engine, &w->reply.ended);
	w->reply.ended.connections = rudp_key_revoke(w->engine, w->request->id);
	return 0;
}

static int serve_failed(struct work *w)
{
	uint64_t cursor = w->request->id;

	if (rudp_info_next_failure(w->engine, &cursor, &w->reply))
		w->reply.id = cursor;
	return 0;
}

static int serve_forget(struct work *w)
{
	const struct rudp_addr *host = &w->request->addr;

	if (!is_owner_or_root(w))
		return -EACCES;
	if (host->family != AF_UNSPEC && host->family != AF_INET && host->family != AF_INET6)
		return -EAFNOSUPPORT;
	rudp_forget_host(w->engine, host->family == AF_UNSPEC ? NULL : host, &w->reply.forgotten);
	return 0;
}

static int serve_asked(struct work *w)
{
	uint64_t cursor = w->request->id;

	if (rudp_info_next_asked(w->engine, &cursor, &w->reply.info))
		w->reply.id = cursor;
	return 0;
}

static int serve_answer(struct work *w)
{
	if (!is_owner_or_root(w))
		return -EACCES;
	if (w->request->number != 0 && w->request->number != 1)
		return -EINVAL;
	return rudp_race_answer(w->engine, w->request->id, w->request->value,
				w->request->number == 1);
}

static int serve_catch_up(struct work *w)
{
	w->call->since_turn = w->engine->turns;
	rudp_list_append(&w->engine->calls_catching_up, &w->call->catching_up_link);
	return LATER;
}

void rudp_calls_catch_up(struct rudp_engine *engine)
{
	struct rudp_control_reply reply = {.operation = RUDP_CONTROL_CATCH_UP};

	while (!rudp_list_is_empty(&engine->calls_catching_up)) {
		struct rudp_call *call = RUDP_LIST_OWNER(engine->calls_catching_up.next,
							 struct rudp_call, catching_up_link);

		if (engine->turns - call->since_turn < RUDP_CATCH_UP_TURNS)
			return;
		rudp_call_answer(engine, call, &reply);
		rudp_call_close(engine, call);
	}
}

enum right {
	KNOWN,         /* the token; or the engine's user or root, not in another container */
	KNOWN_OR_OURS, /* or a descriptor of this engine */
	ANYBODY,       /* acts only on the call itself */
};

static const struct {
	const char *name;
	int (*serve)(struct work *w);
	int fds;
	enum right right;
} operations[RUDP_CONTROL_OPERATION_COUNT] = {
	[RUDP_CONTROL_HELLO] = {"HELLO", serve_hello, 0, KNOWN},
	[RUDP_CONTROL_BIND] = {"BIND", serve_bind, 1, KNOWN},
	[RUDP_CONTROL_LISTEN] = {"LISTEN", serve_listen, 1, KNOWN_OR_OURS},
	[RUDP_CONTROL_ADOPT] = {"ADOPT", serve_adopt, 2, KNOWN},
	[RUDP_CONTROL_CONNECT] = {"CONNECT", serve_connect, 1, KNOWN_OR_OURS},
	[RUDP_CONTROL_GO_ON] = {"GO_ON", serve_go_on, 0, ANYBODY},
	[RUDP_CONTROL_UDP_PORT_RELEASE] = {"UDP_PORT_RELEASE", serve_udp_port_release, 0, KNOWN},
	[RUDP_CONTROL_SHUTDOWN] = {"SHUTDOWN", serve_shutdown, 1, KNOWN_OR_OURS},
	[RUDP_CONTROL_ERROR] = {"ERROR", serve_error, 0, KNOWN},
	[RUDP_CONTROL_SET] = {"SET", serve_set, 1, KNOWN_OR_OURS},
	[RUDP_CONTROL_INFO] = {"INFO", serve_info, 0, KNOWN},
	[RUDP_CONTROL_LIST] = {"LIST", serve_list, 0, KNOWN},
	[RUDP_CONTROL_KEYS] = {"KEYS", serve_keys, 0, KNOWN},
	[RUDP_CONTROL_REVOKE] = {"REVOKE", serve_revoke, 0, KNOWN},
	[RUDP_CONTROL_FAILED] = {"FAILED", serve_failed, 0, KNOWN},
	[RUDP_CONTROL_FORGET] = {"FORGET", serve_forget, 0, KNOWN},
	[RUDP_CONTROL_ASKED] = {"ASKED", serve_asked, 0, KNOWN},
	[RUDP_CONTROL_ANSWER] = {"ANSWER", serve_answer, 0, KNOWN},
	[RUDP_CONTROL_CATCH_UP] = {"CATCH_UP", serve_catch_up, 0, KNOWN},
};

int rudp_control_fds(unsigned operation)
{
	return operations[operation].fds;
}

bool rudp_control_may_bring_fds(const struct rudp_engine *engine,
				const struct rudp_control_request *request)
{
	return operations[request->operation].fds > 0 &&
	       (operations[request->operation].right == KNOWN_OR_OURS ||
		rudp_caller_has_token(engine, request));
}

const char *rudp_control_name(unsigned operation)
{
	return operation < RUDP_CONTROL_OPERATION_COUNT ? operations[operation].name : "?";
}

/* 0, -EACCES, -EMFILE. */
static int check_right(struct work *w)
{
	enum right right = operations[w->request->operation].right;
	int rc;

	if (right == ANYBODY || rudp_caller_has_token(w->engine, w->request) ||
	    (right == KNOWN_OR_OURS && rudp_caller_holds_ours(w->engine, w->call)))
		return 0;
	rc = rudp_caller_check_user(w->call);
	if (rc != -EACCES)
		return rc;
	if (rudp_log_ratelimit_allows(&w->engine->ratelimit, w->engine->now_at_ns))
		rudp_log(RUDP_LOG_WARN,
			 "denied %s to pid %u of user %u: neither token nor user allows it",
			 rudp_control_name(w->request->operation), w->call->pid, w->call->uid);
	return rc;
}

/* The operation starts something new with this engine, instead of continuing with existing
 * sockets. */
static bool starts_something_new(const struct work *w)
{
	switch ((enum rudp_control_operation)w->request->operation) {
	case RUDP_CONTROL_HELLO:
	case RUDP_CONTROL_BIND:
	case RUDP_CONTROL_ADOPT:
	case RUDP_CONTROL_CONNECT:
		return true;
	case RUDP_CONTROL_LISTEN:
		return !rudp_binding_of(w->engine, w->call->held_fd);
	case RUDP_CONTROL_GO_ON:
	case RUDP_CONTROL_UDP_PORT_RELEASE:
	case RUDP_CONTROL_SHUTDOWN:
	case RUDP_CONTROL_ERROR:
	case RUDP_CONTROL_SET:
	case RUDP_CONTROL_INFO:
	case RUDP_CONTROL_LIST:
	case RUDP_CONTROL_KEYS:
	case RUDP_CONTROL_REVOKE:
	case RUDP_CONTROL_FAILED:
	case RUDP_CONTROL_FORGET:
	case RUDP_CONTROL_ASKED:
	case RUDP_CONTROL_ANSWER:
	case RUDP_CONTROL_CATCH_UP:
		break;
	}
	return false;
}

/* 0, or the error with which the request is refused. */
static int check(struct work *w)
{
	unsigned operation = w->request->operation;
	enum right right = operations[operation].right;
	int flags, rc;

	if (w->call->foreign && w->call->held_fd >= 0 && !rudp_caller_fd_is_unix(w->call->held_fd))
		return -ENOTSOCK;
	rc = check_right(w);
	if (rc < 0)
		return rc;
	if (right != ANYBODY)
		rudp_call_trust(w->engine, w->call);
	if (w->engine->stopping && starts_something_new(w)) {
		w->reply.flags = w->engine->retires ? RUDP_CONTROL_RETIRES : 0;
		return -ECONNREFUSED;
	}
	/* A second operation on a call that waits for its reply would mix up two replies. */
	if ((w->call->app_id && operation != RUDP_CONTROL_GO_ON) ||
	    rudp_list_is_linked(&w->call->catching_up_link))
		return -EPROTO;
	if (operations[operation].fds == 0)
		return 0;
	flags = rudp_mark_get(w->call->held_fd);
	if (flags < 0 && !rudp_caller_holds_ours(w->engine, w->call))
		return -ENOTSOCK;
	/* Without a mark the options of the descriptor are unknown: read them from the socket. */
	w->mark = flags < 0 ? RUDP_MARK_NATIVE : (unsigned)flags;
	return 0;
}

void rudp_control_serve(struct rudp_engine *engine, struct rudp_call *call,
			const struct rudp_control_request *request, const uint8_t *more)
{
	struct work w = {.engine = engine, .call = call, .request = request, .more = more};
	int rc = check(&w);

	if (rc == 0)
		rc = operations[request->operation].serve(&w);
	if (rc == LATER)
		return;
	rudp_log(RUDP_LOG_DEBUG, "%s of pid %u: %d", rudp_control_name(request->operation),
		 call->pid, -rc);
	w.reply.operation = request->operation;
	w.reply.error = -rc;
	rudp_call_answer(engine, call, &w.reply);
}
