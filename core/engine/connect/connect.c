/* SPDX-License-Identifier: MIT */
#include "engine/connect/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mark.h"
#include "base/log.h"
#include "engine/control/caller.h"
#include "engine/ports/binding.h"

/* Checks the address as kernel TCP does. The unspecified address means this host. */
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
	if (remote->family == AF_INET && (IN_MULTICAST(ntohl(remote->in4.sin_addr.s_addr)) ||
					  remote->in4.sin_addr.s_addr == htonl(INADDR_BROADCAST)))
		return -ENETUNREACH;
	if (remote->family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&remote->in6.sin6_addr))
		return -ENETUNREACH;
	return rudp_addr_port(remote) == 0 ? -ECONNREFUSED : 0;
}

static bool is_connected(int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof un;

	return getpeername(fd, (struct sockaddr *)&un, &len) == 0;
}

static void log_left_to_kernel(const struct rudp_client_program *program,
			       const struct rudp_addr *remote, const struct rudp_decision *decision)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	if (rudp_log_wants(RUDP_LOG_INFO))
		rudp_log(RUDP_LOG_INFO, "%s (pid %u): %s is left to kernel TCP: %s:%u",
			 program->name, program->pid, rudp_addr_format(remote, text),
			 decision->source ? decision->source : "built-in rule", decision->line);
}

static int make_app(struct rudp_engine *engine, struct rudp_call *call,
		    const struct rudp_addr *remote, struct rudp_race_entry *entry,
		    struct rudp_app **out)
{
	const struct rudp_addr nowhere = {.family = remote->family};
	struct rudp_sock_options options;
	struct rudp_client_program program;
	struct rudp_app *app;
	int rc;

	rudp_engine_read_program(engine, call->pid, &program);
	entry->decision = rudp_engine_decide(engine, RUDP_DIRECTION_CONNECT, remote, &program);
	if (entry->decision.way == RUDP_WAY_TCP && !entry->binding) {
		log_left_to_kernel(&program, remote, &entry->decision);
		return RUDP_CONNECT_BY_KERNEL;
	}
	rudp_sock_options_read(&options, call->held_fd, (int)entry->mark_flags, &engine->settings);
	rudp_caller_limit(call, &options);
	app = rudp_app_new(engine, &options, &nowhere, remote);
	if (!app)
		return -ENOMEM;
	app->program = program;
	rc = rudp_peer_expect(engine, remote, &entry->names, &entry->decision, &entry->expected);
	if (rc < 0)
		rudp_app_note_failure(engine, app, RUDP_FAILURE_IDENTITY, -rc);
	else
		rc = rudp_race_begin(engine, app, entry);
	if (rc < 0) {
		rudp_app_free(engine, app);
		return rc;
	}
	*out = app;
	return 0;
}

static int join_and_gate(struct rudp_engine *engine, struct rudp_app *app,
			 const struct rudp_call *call)
{
	int rc = rudp_app_join(engine, app, call->held_fd);

	return rc < 0 ? rc : rudp_app_connect_gate(app, call->held_fd, call->foreign);
}

static int join_with_sentinel(struct rudp_engine *engine, struct rudp_app *app, int program_fd)
{
	int rc = rudp_app_join(engine, app, program_fd);

	return rc < 0 ? rc : rudp_app_put_sentinel(app, program_fd);
}

/* For the program it is connected. The engine takes what it writes, and the SYN carries that. */
static void open_deferred(struct rudp_engine *engine, struct rudp_app *app)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	app->stage = RUDP_APP_OPEN;
	rudp_app_open_gate(engine, app);
	if (rudp_log_wants(RUDP_LOG_INFO))
		rudp_log(RUDP_LOG_INFO, "%s (pid %u): connects to %s with its first bytes",
			 app->program.name, app->program.pid,
			 rudp_addr_format(&app->remote, remote));
}

/*
 * TCP_FASTOPEN_CONNECT makes connect(2) return 0 whether or not the socket blocks. A non-blocking
 * program that has not asked for it expects EINPROGRESS, and an edge when the socket becomes
 * writable: the connect gate gives both.
 */
static int join_without_waiting(struct rudp_engine *engine, struct rudp_app *app,
				const struct rudp_call *call, bool as_in_progress)
{
	int rc = as_in_progress ? join_and_gate(engine, app, call)
				: join_with_sentinel(engine, app, call->held_fd);

	if (rc < 0) {
		rudp_app_free(engine, app);
		return rc;
	}
	if (app->options.conn.deferred)
		open_deferred(engine, app);
	return as_in_progress ? -EINPROGRESS : RUDP_CONNECT_DEFERRED;
}

int rudp_connect_begin(struct rudp_engine *engine, struct rudp_call *call,
		       const struct rudp_control_request *request, const uint8_t *more,
		       unsigned mark_flags, struct rudp_app **app)
{
	struct rudp_addr remote = request->addr;
	struct rudp_race_entry entry = {.options_fd = call->held_fd,
					.mark_flags = mark_flags,
					.names = {(const char *)more, (size_t)request->level},
					.early = more + request->level,
					.early_bytes = (size_t)request->number,
					.defer = request->flags & RUDP_CONTROL_DEFER};
	bool nonblocking = request->flags & RUDP_CONTROL_NONBLOCKING;
	int rc;

	if (is_connected(call->held_fd))
		return -EISCONN;
	entry.binding = rudp_binding_of_unconnected(engine, call->held_fd);
	if (entry.binding && entry.binding->listening)
		return -EISCONN;
	rc = check_remote(&remote, mark_flags);
	if (rc == 0)
		rc = make_app(engine, call, &remote, &entry, app);
	if (rc != 0)
		return rc;
	if (nonblocking || (*app)->options.conn.deferred)
		return join_without_waiting(
			engine, *app, call,
			nonblocking && !((*app)->options.conn.deferred && entry.defer));
	(*app)->call_id = call->id;
	call->app_id = (*app)->id;
	return 0;
}

int rudp_connect_go_on(struct rudp_engine *engine, struct rudp_call *call, struct rudp_app *app)
{
	int rc = join_and_gate(engine, app, call);

	app->call_id = 0;
	call->app_id = 0;
	if (rc < 0)
		rudp_app_free(engine, app);
	return rc;
}

/* false: the caller has left before the reply, whether or not epoll has reported it. */
static bool answer(struct rudp_engine *engine, struct rudp_app *app, int error)
{
	struct rudp_call *call = rudp_call_find(engine, app->call_id);
	struct rudp_control_reply reply = {.operation = RUDP_CONTROL_CONNECT,
					   .error = error,
					   .early_bytes = app->early_bytes,
					   .id = app->id,
					   .local = app->local,
					   .remote = app->remote};

	app->call_id = 0;
	return call && rudp_call_answer(engine, call, &reply);
}

static void log_established(const struct rudp_app *app)
{
	char local[RUDP_ADDR_TEXT_SIZE], remote[RUDP_ADDR_TEXT_SIZE];

	if (rudp_log_wants(RUDP_LOG_INFO))
		rudp_log(RUDP_LOG_INFO, "%s (pid %u): %s is connected to %s over %s: %s",
			 app->program.name, app->program.pid, rudp_addr_format(&app->local, local),
			 rudp_addr_format(&app->remote, remote),
			 rudp_transport_text(app->transport), rudp_reason_text(app->reason));
}

static int join_now(struct rudp_engine *engine, struct rudp_app *app)
{
	const struct rudp_call *call = rudp_call_find(engine, app->call_id);
	int rc;

	if (!call || call->held_fd < 0)
		return -ECONNABORTED;
	rc = rudp_app_join_begin(engine, app, call->held_fd);
	if (rc == 0)
		rc = rudp_app_put_sentinel(app, call->held_fd);
	return rc;
}

/* The program runs on while the engine does the rest, which fails if the kernel has no memory. */
static int answer_and_end_join(struct rudp_engine *engine, struct rudp_app *app)
{
	if (!answer(engine, app, 0))
		return -ECONNABORTED;
	return rudp_app_join_end(engine, app);
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
	rudp_app_open_gate(engine, app);
	if (app->call_id && answer_and_end_join(engine, app) < 0)
		rudp_app_reset(engine, app);
}

void rudp_connect_on_failed(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->call_id)
		answer(engine, app, app->ends.error);
	/*
	 * A gated end is closed with the gate unread, which gives the poll bits of a refused TCP
	 * connect.
	 */
	rudp_app_free(engine, app);
}

/* Both descriptors refer to one socket, whichever process has them. */
static bool is_same_socket(int a, int b)
{
	uint64_t a_cookie = 0, b_cookie = 1;
	socklen_t len = sizeof a_cookie;

	if (getsockopt(a, SOL_SOCKET, SO_COOKIE, &a_cookie, &len) < 0)
		return false;
	len = sizeof b_cookie;
	return getsockopt(b, SOL_SOCKET, SO_COOKIE, &b_cookie, &len) == 0 && a_cookie == b_cookie;
}

bool rudp_connect_stop(struct rudp_engine *engine, int fd)
{
	RUDP_LIST_EACH(struct rudp_call, call, &engine->calls, link) {
		struct rudp_app *app = rudp_app_find(engine, call->app_id);

		if (!app || call->held_fd < 0 || !is_same_socket(call->held_fd, fd))
			continue;
		answer(engine, app, ECONNRESET);
		rudp_app_free(engine, app);
		return true;
	}
	return false;
}
